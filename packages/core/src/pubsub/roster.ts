// Who is there: every program that is known, with its publishers and subscribers, and who told of it. Pure.

import { oneShot, type OneShot } from "../base/index.js";
import { PubSubError } from "./error.js";
import type { ProgramRecord, RosterChange } from "./announcement.js";

/** How many programs are known at most. */
export const PROGRAMS_MAX = 10_000;
/** How many programs one other participant may tell of. */
export const PROGRAMS_PER_SOURCE_MAX = 1000;

/** The source of a program that has joined the participant of its host: that one has looked at what others tell. */
export const HOST = "host";

/** What became of a record. */
export type RosterEvent = (before: ProgramRecord | undefined, now: ProgramRecord | undefined) => void;

interface Known {
  readonly record: ProgramRecord;
  readonly source: string;
}

export class Roster {
  readonly #programs = new Map<string, Known>();
  readonly #watchers = new Set<RosterWatcher>();
  readonly #listeners = new Set<RosterEvent>();

  get programs(): ProgramRecord[] {
    return [...this.#programs.values()].map(({ record }) => record);
  }

  get(id: string): ProgramRecord | undefined {
    return this.#programs.get(id)?.record;
  }

  on(listener: RosterEvent): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes news from a source. What is older, or about somebody whom another source has told of, changes nothing. */
  apply(change: RosterChange, source: string): void {
    if ("gone" in change) {
      const known = this.#programs.get(change.gone);
      if (known?.source === source) this.#set(change.gone, known.record, undefined, source);
      return;
    }
    const known = this.#programs.get(change.id);
    if (known !== undefined && (known.source !== source || known.record.version >= change.version)) return;
    if (known === undefined) this.#demandRoom(source);
    this.#set(change.id, known?.record, change, source);
  }

  /** A source is gone, and everybody whom only it has told of. */
  dropSource(source: string): void {
    for (const [id, known] of [...this.#programs]) {
      if (known.source === source) this.#set(id, known.record, undefined, source);
    }
  }

  /** All that is known from the sources that are wanted, and then every change. */
  watch(isWanted: (source: string) => boolean): AsyncIterableIterator<RosterChange> {
    const watcher: RosterWatcher = new RosterWatcher(isWanted, () => this.#watchers.delete(watcher));
    for (const { record, source } of this.#programs.values()) watcher.changed(record.id, record, source);
    this.#watchers.add(watcher);
    return watcher;
  }

  close(): void {
    for (const watcher of [...this.#watchers]) void watcher.return();
    this.#listeners.clear();
  }

  #demandRoom(source: string): void {
    let left = source === HOST ? PROGRAMS_MAX : PROGRAMS_PER_SOURCE_MAX;
    for (const known of this.#programs.values()) if (known.source === source) left--;
    if (left <= 0 || this.#programs.size >= PROGRAMS_MAX) {
      throw new PubSubError("announcement-invalid", "there are too many programs");
    }
  }

  #set(id: string, before: ProgramRecord | undefined, now: ProgramRecord | undefined, source: string): void {
    if (now === undefined) this.#programs.delete(id);
    else this.#programs.set(id, { record: now, source });
    for (const watcher of this.#watchers) watcher.changed(id, now, source);
    for (const listener of this.#listeners) listener(before, now);
  }
}

type Result = IteratorResult<RosterChange, undefined>;

/** Has the newest of each program that it has not seen: as much as there is, and never more. */
class RosterWatcher implements AsyncIterableIterator<RosterChange> {
  readonly #isWanted: (source: string) => boolean;
  readonly #onEnd: () => void;
  readonly #pending = new Map<string, RosterChange>();
  #reader: OneShot<Result> | undefined;
  #isOver = false;

  constructor(isWanted: (source: string) => boolean, onEnd: () => void) {
    this.#isWanted = isWanted;
    this.#onEnd = onEnd;
  }

  changed(id: string, now: ProgramRecord | undefined, source: string): void {
    if (!this.#isWanted(source)) return;
    const change = now ?? { gone: id };
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) reader.resolve({ done: false, value: change });
    else this.#pending.set(id, change);
  }

  next(): Promise<Result> {
    for (const [id, change] of this.#pending) {
      this.#pending.delete(id);
      return Promise.resolve({ done: false, value: change });
    }
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    this.#reader ??= oneShot();
    return this.#reader.promise;
  }

  return(): Promise<Result> {
    this.#isOver = true;
    this.#pending.clear();
    this.#onEnd();
    this.#reader?.resolve({ done: true, value: undefined });
    this.#reader = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

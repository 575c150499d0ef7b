// Those who want to know when something changes: each has the newest value that it has not seen, and no queue.

import { oneShot, type OneShot } from "../base/index.js";
import type { DirectoryEntry } from "./entry.js";
import { DirectoryError } from "./error.js";

type Value = DirectoryEntry | null;

export class Watchers {
  readonly #byUuid = new Map<string, Set<Watcher>>();
  readonly #countMax: number;
  #count = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get size(): number {
    return this.#count;
  }

  watch(uuid: string, now: Value): AsyncIterableIterator<Value> {
    if (this.#count >= this.#countMax) {
      throw new DirectoryError("directory-full", `there are ${this.#countMax} watches already`);
    }
    const watcher: Watcher = new Watcher(now, () => this.#leave(uuid, watcher));
    let watchers = this.#byUuid.get(uuid);
    if (watchers === undefined) this.#byUuid.set(uuid, (watchers = new Set()));
    watchers.add(watcher);
    this.#count++;
    return watcher;
  }

  changed(uuid: string, value: Value): void {
    for (const watcher of this.#byUuid.get(uuid) ?? []) watcher.changed(value);
  }

  close(): void {
    for (const watchers of [...this.#byUuid.values()]) for (const watcher of [...watchers]) void watcher.return();
  }

  #leave(uuid: string, watcher: Watcher): void {
    const watchers = this.#byUuid.get(uuid);
    if (watchers?.delete(watcher) !== true) return;
    this.#count--;
    if (watchers.size === 0) this.#byUuid.delete(uuid);
  }
}

class Watcher implements AsyncIterableIterator<Value> {
  readonly #onEnd: () => void;
  #newest: { readonly value: Value } | undefined;
  #reader: OneShot<IteratorResult<Value>> | undefined;
  #isOver = false;

  constructor(now: Value, onEnd: () => void) {
    this.#newest = { value: now };
    this.#onEnd = onEnd;
  }

  changed(value: Value): void {
    if (this.#reader === undefined) {
      this.#newest = { value };
      return;
    }
    this.#reader.resolve({ done: false, value });
    this.#reader = undefined;
  }

  next(): Promise<IteratorResult<Value>> {
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    const newest = this.#newest;
    this.#newest = undefined;
    if (newest !== undefined) return Promise.resolve({ done: false, value: newest.value });
    this.#reader ??= oneShot();
    return this.#reader.promise;
  }

  return(): Promise<IteratorResult<Value>> {
    this.#isOver = true;
    this.#onEnd();
    this.#reader?.resolve({ done: true, value: undefined });
    this.#reader = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

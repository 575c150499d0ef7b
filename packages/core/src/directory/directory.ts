// The index: UUID → where a program is and what it offers, for as long as its lease. It knows nothing of connections.

import { Deadline, systemClock, systemRandom, Timers, type Clock, type Random } from "../base/index.js";
import type { DirectoryStore } from "./directory-store.js";
import { MemoryStore } from "./directory-store.js";
import {
  checkRegistration,
  demandOwner,
  hostOf,
  newOwnerKey,
  textBytesOf,
  uuidOf,
  type DirectoryEntry,
  type Registered,
  type Registration,
} from "./entry.js";
import { DirectoryError } from "./error.js";
import { Watchers } from "./watchers.js";

/** What a directory holds at most. */
export interface DirectoryLimits {
  readonly entriesMax: number;
  /** Of those, from one address. */
  readonly entriesPerAddressMax: number;
  readonly watchersMax: number;
  /** How many entries one answer lists. */
  readonly listMax: number;
  /** How many endpoints and services those have together, and how many bytes of text: one answer fits into one message. */
  readonly listNamesMax: number;
  readonly listBytesMax: number;
}

/** What a directory holds at most unless it is told otherwise. */
export const DIRECTORY_LIMITS: DirectoryLimits = Object.freeze({
  entriesMax: 1_000_000,
  entriesPerAddressMax: 10_000,
  watchersMax: 100_000,
  listMax: 1000,
  listNamesMax: 50_000,
  listBytesMax: 4 * 1024 * 1024,
});

/** What a directory is made of. */
export interface DirectoryOptions {
  /** In memory unless given. It belongs to the directory from then on. */
  readonly store?: DirectoryStore;
  readonly limits?: Partial<DirectoryLimits>;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Which entries are wanted. */
export interface ListQuery {
  /** The name of a service that they offer; all unless given. */
  readonly service?: string;
  /** The last UUID of the page before. */
  readonly after?: string;
  readonly limit?: number;
}

/** One page of entries, in the order of their UUIDs. */
export interface EntryPage {
  readonly entries: readonly DirectoryEntry[];
  /** Whether there are more behind the last one. */
  readonly hasMore: boolean;
}

class Held extends Deadline {
  readonly entry: DirectoryEntry;
  readonly leaseMs: number;
  readonly #onExpired: (held: Held) => void;

  constructor(entry: DirectoryEntry, leaseMs: number, onExpired: (held: Held) => void) {
    super();
    this.entry = entry;
    this.leaseMs = leaseMs;
    this.#onExpired = onExpired;
  }

  override expired(): void {
    this.#onExpired(this);
  }
}

/** Entries of programs, each for as long as its lease. Made by `Directory.open`. */
export class Directory {
  readonly limits: DirectoryLimits;
  readonly #store: DirectoryStore;
  readonly #random: Random;
  readonly #timers: Timers;
  readonly #entries = new Map<string, Held>();
  readonly #perAddress = new Map<string, number>();
  readonly #byService = new Map<string, Set<string>>();
  /** UUIDs in order, for pages: made when asked for, and thrown away when something comes or goes. */
  readonly #pages = new Map<string, string[]>();
  readonly #watchers: Watchers;
  /** Registrations of one UUID wait for each other. */
  readonly #writing = new Map<string, Promise<unknown>>();
  #reserved = 0;
  #isClosed = false;

  private constructor({ store, limits, clock = systemClock, random = systemRandom }: DirectoryOptions) {
    this.#store = store ?? new MemoryStore();
    this.limits = { ...DIRECTORY_LIMITS, ...limits };
    this.#random = random;
    this.#timers = new Timers(clock);
    this.#watchers = new Watchers(this.limits.watchersMax);
  }

  /**
   * Opens a directory with what its store has kept: every entry has a whole lease from now on, in which its owner can renew it.
   *
   * @throws DirectoryError `store-corrupt`
   */
  static async open(options: DirectoryOptions = {}): Promise<Directory> {
    const directory = new Directory(options);
    try {
      for await (const { leaseMs, ...entry } of directory.#store.entries()) directory.#hold(entry, leaseMs);
    } catch (error) {
      await directory.close();
      throw error;
    }
    return directory;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** Of how many somebody wants to know when they change. */
  get watched(): number {
    return this.#watchers.size;
  }

  /**
   * Takes a program in, or changes what it has said before, if it brings its key. Resolves when the store has kept it.
   *
   * @throws DirectoryError `registration-invalid`, `not-owner`, `quota-exceeded`, `directory-full`, `store-failed`, `closed`
   */
  async register(given: Registration, observed: string): Promise<Registered> {
    this.#demandOpen();
    const { leaseMs, ...said } = checkRegistration(given, observed);
    const key = given.key ?? newOwnerKey(this.#random);
    const uuid = uuidOf(key);
    if (given.uuid !== undefined) demandOwner(given.uuid, key);
    return this.#inTurn(uuid, async () => {
      const before = this.#entries.get(uuid);
      const address = hostOf(observed) ?? "";
      const entry: DirectoryEntry = { uuid, ...said, observed, version: (before?.entry.version ?? 0) + 1 };
      const isNew = before === undefined || addressOf(before.entry) !== address;
      if (isNew) this.#reserve(address, before !== undefined);
      try {
        await this.#store.put({ ...entry, leaseMs });
      } finally {
        if (isNew) this.#release(address);
      }
      this.#demandOpen();
      this.#hold(entry, leaseMs);
      this.#watchers.changed(uuid, entry);
      return { entry, key, leaseMs };
    });
  }

  /** Makes a lease whole again; returns how long it is. @throws DirectoryError `not-owner`, `unknown-entry` */
  renew(uuid: string, key: string): number {
    this.#demandOpen();
    demandOwner(uuid, key);
    const held = this.#entries.get(uuid);
    if (held === undefined) throw new DirectoryError("unknown-entry", `there is no entry ${uuid}`);
    this.#timers.set(held, held.leaseMs);
    return held.leaseMs;
  }

  /** Takes an entry out. False if it was not there. @throws DirectoryError `not-owner`, `store-failed` */
  async unregister(uuid: string, key: string): Promise<boolean> {
    this.#demandOpen();
    demandOwner(uuid, key);
    return this.#inTurn(uuid, async () => {
      const held = this.#entries.get(uuid);
      if (held === undefined) return false;
      await this.#store.delete(uuid);
      if (this.#entries.get(uuid) === held) this.#drop(held);
      return true;
    });
  }

  /** What is known of a UUID; undefined if nothing is. */
  query(uuid: string): DirectoryEntry | undefined {
    return this.#entries.get(uuid)?.entry;
  }

  /** Entries, page by page: a page may be shorter than the limit, and is never empty as long as there are more. */
  list({ service, after = "", limit = this.limits.listMax }: ListQuery = {}): EntryPage {
    const uuids = this.#pageOf(service);
    const from = firstBeyond(uuids, after);
    const { listMax, listNamesMax, listBytesMax } = this.limits;
    const end = Math.min(from + Math.max(1, Math.min(limit, listMax)), uuids.length);
    const entries: DirectoryEntry[] = [];
    let [names, bytes] = [0, 0];
    for (let at = from; at < end; at++) {
      const { entry } = this.#entries.get(uuids[at] as string) as Held;
      names += entry.endpoints.length + entry.services.length;
      bytes += textBytesOf(entry);
      if (entries.length > 0 && (names > listNamesMax || bytes > listBytesMax)) break;
      entries.push(entry);
    }
    return { entries, hasMore: from + entries.length < uuids.length };
  }

  /**
   * What is known of a UUID now, and then whenever that changes; null when there is no entry. A reader that is behind sees the newest
   * only. @throws DirectoryError `directory-full` when too much is watched.
   */
  watch(uuid: string): AsyncIterableIterator<DirectoryEntry | null> {
    this.#demandOpen();
    return this.#watchers.watch(uuid, this.query(uuid) ?? null);
  }

  /** Ends all watches and lets go of the store; entries stay in it. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timers.close();
    this.#watchers.close();
    await Promise.allSettled(this.#writing.values());
    await this.#store.close();
  }

  #demandOpen(): void {
    if (this.#isClosed) throw new DirectoryError("closed", "the directory is closed");
  }

  /** Holds a place for what is being written: of many at once no more are taken in than there is room for. */
  #reserve(address: string, isMoved: boolean): void {
    const { entriesMax, entriesPerAddressMax } = this.limits;
    if (!isMoved && this.#entries.size + this.#reserved >= entriesMax) {
      throw new DirectoryError("directory-full", `there are ${entriesMax} entries already`);
    }
    if ((this.#perAddress.get(address) ?? 0) >= entriesPerAddressMax) {
      throw new DirectoryError("quota-exceeded", `there are ${entriesPerAddressMax} entries from this address already`);
    }
    this.#reserved++;
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
  }

  #release(address: string): void {
    this.#reserved--;
    this.#leaveAddress(address);
  }

  #leaveAddress(address: string): void {
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }

  async #inTurn<T>(uuid: string, run: () => Promise<T>): Promise<T> {
    const before = this.#writing.get(uuid);
    const mine = before === undefined ? run() : before.then(run, run);
    this.#writing.set(uuid, mine);
    try {
      return await mine;
    } finally {
      if (this.#writing.get(uuid) === mine) this.#writing.delete(uuid);
    }
  }

  #hold(entry: DirectoryEntry, leaseMs: number): void {
    const before = this.#entries.get(entry.uuid);
    if (before !== undefined) this.#forget(before);
    const held = new Held(entry, leaseMs, (expired) => this.#expire(expired));
    this.#entries.set(entry.uuid, held);
    const address = addressOf(entry);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    for (const service of entry.services) {
      let uuids = this.#byService.get(service);
      if (uuids === undefined) this.#byService.set(service, (uuids = new Set()));
      uuids.add(entry.uuid);
    }
    this.#pages.clear();
    this.#timers.set(held, leaseMs);
  }

  #forget(held: Held): void {
    const { entry } = held;
    this.#timers.clear(held);
    this.#entries.delete(entry.uuid);
    this.#leaveAddress(addressOf(entry));
    for (const service of entry.services) {
      const uuids = this.#byService.get(service);
      uuids?.delete(entry.uuid);
      if (uuids?.size === 0) this.#byService.delete(service);
    }
    this.#pages.clear();
  }

  #drop(held: Held): void {
    this.#forget(held);
    this.#watchers.changed(held.entry.uuid, null);
  }

  #expire(held: Held): void {
    this.#drop(held);
    const { uuid } = held.entry;
    // A store that cannot forget it brings it back for one more lease, after a restart.
    this.#inTurn(uuid, async () => {
      if (!this.#entries.has(uuid)) await this.#store.delete(uuid);
    }).catch(() => {});
  }

  #pageOf(service: string | undefined): string[] {
    const name = service === undefined ? "" : `=${service}`;
    let page = this.#pages.get(name);
    if (page === undefined) {
      page = [...(service === undefined ? this.#entries.keys() : (this.#byService.get(service) ?? []))].sort();
      // What nobody offers is not remembered: anybody could ask for any number of names.
      if (page.length > 0) this.#pages.set(name, page);
    }
    return page;
  }
}

function addressOf({ observed }: DirectoryEntry): string {
  return hostOf(observed) ?? "";
}

/** The index of the first of sorted texts that is greater. */
function firstBeyond(texts: readonly string[], than: string): number {
  let low = 0;
  let high = texts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((texts[middle] as string) > than) high = middle;
    else low = middle + 1;
  }
  return low;
}

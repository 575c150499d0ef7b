// Where a directory keeps its entries, so that they are there again after it was stopped. Everything is in memory while it
// runs: a store is read once, and then only written.

import type { DirectoryEntry } from "./entry.js";

/** An entry as it is kept. */
export interface StoredEntry extends DirectoryEntry {
  readonly leaseMs: number;
}

/** Keeps entries by UUID. Every store passes `directoryStoreConformance` of `@troupe/core/testing`. */
export interface DirectoryStore {
  /** All that is kept, once, before anything else is asked. Throws DirectoryError `store-corrupt`, having changed nothing. */
  entries(): AsyncIterable<StoredEntry>;
  /**
   * Resolves when the entry will survive the death of this process, in the place of the one before. Rejects with DirectoryError
   * `store-failed` when it was not kept; the one before is there still. Several at once may share one commit.
   */
  put(entry: StoredEntry): Promise<void>;
  /** The same for an entry that is gone. One that is not there is gone already. */
  delete(uuid: string): Promise<void>;
  /** Resolves when everything that was put is kept, and nothing is held any more. Idempotent. */
  close(): Promise<void>;
}

/** A store that forgets when its process ends. */
export class MemoryStore implements DirectoryStore {
  readonly #entries = new Map<string, StoredEntry>();

  async *entries(): AsyncGenerator<StoredEntry> {
    yield* [...this.#entries.values()];
  }

  async put(entry: StoredEntry): Promise<void> {
    this.#entries.set(entry.uuid, entry);
  }

  async delete(uuid: string): Promise<void> {
    this.#entries.delete(uuid);
  }

  async close(): Promise<void> {}
}

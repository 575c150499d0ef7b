// A directory's entries in LMDB: a file that several readers may share, with commits that many writes share. The only file
// that knows lmdb.

import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import type * as lmdb from "lmdb";
import { systemClock, troupeCbor, WIRE_LIMITS } from "@troupe/core";
import { DirectoryError, type DirectoryStore, type StoredEntry } from "@troupe/core/network";
import { demandSound } from "./lmdb-file.js";

/** How large the file may become at most, in bytes. It is not reserved. */
export const LMDB_BYTES_MAX: number = 16 * 1024 ** 3;

/**
 * Opens a store in a folder, which is made if it is not there.
 *
 * @throws DirectoryError `store-corrupt` when what is there is no such store, which is left as it is; `store-failed` when it cannot be
 * opened or written.
 */
export function lmdbStore(path: string): DirectoryStore {
  return new LmdbStore(path);
}

/** How long the reason of a failed commit may take to be told, in milliseconds. */
const CAUSE_MS = 100;

class LmdbStore implements DirectoryStore {
  readonly #path: string;
  readonly #database: lmdb.RootDatabase<Buffer, string>;
  #closing: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      demandSound(`${path}/entries.mdb`);
      // Only who has such a store loads what it is made of.
      const { open } = createRequire(import.meta.url)("lmdb") as typeof lmdb;
      this.#database = open<Buffer, string>({
        path: `${path}/entries.mdb`,
        encoding: "binary",
        mapSize: LMDB_BYTES_MAX,
        // A write counts when it is on the disk, and not when it is about to be.
        overlappingSync: false,
        // With it, a commit that fails rejects a promise of lmdb's own as well, which nobody can handle: the process would end.
        eventTurnBatching: false,
      });
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async *entries(): AsyncGenerator<StoredEntry> {
    const reader = troupeCbor.reader(WIRE_LIMITS);
    const rows = this.#rows();
    for (const { key, value } of rows) {
      let entry: StoredEntry;
      try {
        entry = reader.decode(new Uint8Array(value)) as StoredEntry;
      } catch (error) {
        throw this.#corrupt(error);
      }
      if (!isEntry(entry) || entry.uuid !== key) throw this.#corrupt(undefined);
      yield entry;
    }
  }

  *#rows(): Generator<{ key: string; value: Buffer }> {
    try {
      yield* this.#database.getRange({ snapshot: false });
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async put(entry: StoredEntry): Promise<void> {
    await this.#written(() => this.#database.put(entry.uuid, Buffer.from(troupeCbor.encode(entry))));
  }

  async delete(uuid: string): Promise<void> {
    await this.#written(() => this.#database.remove(uuid));
  }

  close(): Promise<void> {
    this.#closing ??= this.#database.close();
    return this.#closing;
  }

  async #written(write: () => Promise<boolean>): Promise<void> {
    if (this.#closing !== undefined) throw new DirectoryError("closed", `the store ${this.#path} is closed`);
    try {
      await write();
    } catch (error) {
      const cause = await causeOf(error);
      throw new DirectoryError("store-failed", `${this.#path} could not be written: ${messageOf(cause)}`, { cause });
    }
  }

  #failure(error: unknown): DirectoryError {
    const isCorrupt = /MDB_(INVALID|CORRUPTED|VERSION_MISMATCH|PAGE_NOTFOUND)|not an LMDB/i.test(messageOf(error));
    if (isCorrupt) return this.#corrupt(error);
    return new DirectoryError("store-failed", `${this.#path} could not be opened: ${messageOf(error)}`, {
      cause: error,
    });
  }

  #corrupt(cause: unknown): DirectoryError {
    const why = cause === undefined ? "" : `: ${messageOf(cause)}`;
    return new DirectoryError("store-corrupt", `${this.#path} is damaged, or no store of a directory${why}`, { cause });
  }
}

/** A commit that fails is told by one error, and why in another, which a promise in the first is rejected with a moment later. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { readonly commitError?: Promise<never> };
  if (commitError === undefined) return error;
  let cancel = (): void => {};
  const late = new Promise((resolve) => (cancel = systemClock.schedule(CAUSE_MS, () => resolve(error))));
  const cause = await Promise.race([commitError.catch((why: unknown) => why), late]);
  cancel();
  return cause;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isEntry(value: unknown): value is StoredEntry {
  const { uuid, name, endpoints, services, observed, version, leaseMs } = (value ?? {}) as Partial<StoredEntry>;
  const areTexts = (texts: unknown): boolean => Array.isArray(texts) && texts.every((each) => typeof each === "string");
  return (
    [uuid, name, observed].every((each) => typeof each === "string") &&
    [version, leaseMs].every((each) => Number.isSafeInteger(each)) &&
    areTexts(endpoints) &&
    areTexts(services)
  );
}

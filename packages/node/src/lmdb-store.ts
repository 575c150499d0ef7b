// A directory's entries in LMDB: a file that several readers may share, with commits that many writes share. The only file
// that knows lmdb.

import { closeSync, fstatSync, mkdirSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import type * as lmdb from "lmdb";
import { systemClock, troupeCbor, WIRE_LIMITS } from "@troupe/core";
import { DirectoryError, type DirectoryStore, type StoredEntry } from "@troupe/core/network";

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

const META_BYTES = 160;
const MAGIC = 0xbeef_c0de;
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
      this.#demandSound(`${path}/entries.mdb`);
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

  /**
   * LMDB maps the file into memory and believes what is in it: a file that is something else, or was cut, would end the process. So its
   * two pages about itself are looked at first (their layout is that of LMDB 1.0 with a header of 24 bytes).
   */
  #demandSound(path: string): void {
    const file = openSync(path, "a+");
    try {
      const { size } = fstatSync(file);
      if (size === 0) return;
      const page = Buffer.alloc(2 * META_BYTES);
      readSync(file, page, 0, META_BYTES, 0);
      const pageBytes = page.readUInt32LE(48);
      const isPageSize = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
      if (!isPageSize) throw new Error("MDB_INVALID: there is no page about itself");
      readSync(file, page, META_BYTES, META_BYTES, pageBytes);
      const metas = [page.subarray(0, META_BYTES), page.subarray(META_BYTES)];
      if (metas.some((meta) => meta.readUInt32LE(24) !== MAGIC)) throw new Error("MDB_INVALID: it is something else");
      const [newest] = metas.sort((a, b) => Number(b.readBigUInt64LE(152) - a.readBigUInt64LE(152)));
      const pages = (newest?.readBigUInt64LE(144) ?? 0n) + 1n;
      if (BigInt(size) < pages * BigInt(pageBytes)) throw new Error("MDB_CORRUPTED: the end of it is missing");
    } finally {
      closeSync(file);
    }
  }

  async *entries(): AsyncGenerator<StoredEntry> {
    const reader = troupeCbor.reader(WIRE_LIMITS);
    let rows: Iterable<{ key: string; value: Buffer }>;
    try {
      rows = this.#database.getRange({ snapshot: false });
    } catch (error) {
      throw this.#failure(error);
    }
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

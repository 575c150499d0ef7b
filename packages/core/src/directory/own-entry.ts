// An entry of this program's own: renewed before its lease is over, and made again when the directory has lost it.

import { type CancelTimer, type Clock, type Random } from "../base/index.js";
import { isTroupeError } from "../base/index.js";
import type { Address } from "../actor/index.js";
import type { DirectoryService } from "./directory-service.js";
import { DirectoryError } from "./error.js";
import type { DirectoryEntry, Registered, Registration } from "./entry.js";

/** What can be observed on entries of one's own. */
export type OwnEntryEvent =
  /** It is in the directory, for the first time or again. */
  | { readonly type: "registered"; readonly uuid: string }
  /** It could not be renewed, or not be made again; that is tried again. */
  | { readonly type: "renewalFailed"; readonly uuid: string; readonly error: Error };

/** What an entry uses. */
export interface OwnEntryParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: (event: OwnEntryEvent) => void;
  readonly closed: () => void;
}

/** A lease is renewed when this share of it is over; by chance a little earlier, so that not all come together. */
const RENEWED_AT = 1 / 3;
/** How long until the next attempt when one has failed, in milliseconds, at most. */
const RETRY_MS = 2000;

/** An entry that this program keeps in a directory. Made by `DirectoryClient.register`. */
export class OwnEntry implements AsyncDisposable {
  readonly #directory: Address<typeof DirectoryService>;
  readonly #parts: OwnEntryParts;
  #said: Registration;
  #registered: Registered | undefined;
  #cancel: CancelTimer | undefined;
  #isClosed = false;

  /** For `DirectoryClient` only. */
  constructor(directory: Address<typeof DirectoryService>, said: Registration, parts: OwnEntryParts) {
    this.#directory = directory;
    this.#said = said;
    this.#parts = parts;
  }

  get uuid(): string {
    return this.#now.entry.uuid;
  }

  /** Whoever has it owns the entry: keep it, to be found under the same UUID after a restart. */
  get key(): string {
    return this.#now.key;
  }

  /** As the directory has it. */
  get entry(): DirectoryEntry {
    return this.#now.entry;
  }

  /** For `DirectoryClient` only. */
  async open(): Promise<void> {
    await this.#register();
  }

  /** Says something else of this program: another endpoint, other services. */
  async update(changes: Omit<Registration, "key" | "uuid">): Promise<DirectoryEntry> {
    if (this.#isClosed) throw new DirectoryError("closed", "this entry is closed");
    this.#said = { ...this.#said, ...changes };
    await this.#register();
    return this.entry;
  }

  /** Takes the entry out of the directory, if that is there to be told; otherwise its lease ends by itself. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancel?.();
    this.#parts.closed();
    if (this.#registered !== undefined) await this.#unregister();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #unregister(): Promise<void> {
    const { uuid, key } = this;
    await this.#directory.call("unregister", { uuid, key }, { timeoutMs: RETRY_MS }).catch(() => false);
  }

  get #now(): Registered {
    return this.#registered as Registered;
  }

  async #register(): Promise<void> {
    const key = this.#registered?.key ?? this.#said.key;
    const said = key === undefined ? this.#said : { ...this.#said, key };
    this.#registered = await this.#directory.call("register", said);
    if (this.#isClosed) {
      // It was closed meanwhile: nobody would renew it.
      await this.#unregister();
      throw new DirectoryError("closed", "this entry is closed");
    }
    this.#parts.emit({ type: "registered", uuid: this.uuid });
    this.#later(this.#now.leaseMs * RENEWED_AT);
  }

  #later(delayMs: number): void {
    this.#cancel?.();
    if (this.#isClosed) return;
    const { clock, random } = this.#parts;
    this.#cancel = clock.schedule(delayMs * (0.75 + random.next() / 4), () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { uuid, key, leaseMs } = { ...this.#now, uuid: this.uuid };
    try {
      await this.#directory.call("renew", { uuid, key }, { timeoutMs: Math.min(leaseMs, RETRY_MS * 5) });
      this.#later(leaseMs * RENEWED_AT);
    } catch (error) {
      if (this.#isClosed) return;
      const failure = isTroupeError(error, "unknown-entry") ? await this.#again() : (error as Error);
      if (failure === undefined || this.#isClosed) return;
      this.#parts.emit({ type: "renewalFailed", uuid, error: failure });
      this.#later(Math.min(RETRY_MS, leaseMs * RENEWED_AT));
    }
  }

  /** The directory has lost it. Resolves with why it is not taken in again. */
  async #again(): Promise<Error | undefined> {
    try {
      await this.#register();
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }
}

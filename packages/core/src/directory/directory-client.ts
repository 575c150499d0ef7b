// A directory as a program sees it that registers and asks: with a memory, so that it goes on when the directory is away,
// and says so.

import {
  Emitter,
  oneShot,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
  type Unsubscribe,
} from "../base/index.js";
import type { Address } from "../actor/index.js";
import { link, type Link, type LinkOptions } from "../link/index.js";
import type { EntryPage, ListQuery } from "./directory.js";
import { DirectoryService } from "./directory-service.js";
import type { DirectoryEntry, Registration } from "./entry.js";
import { DirectoryError } from "./error.js";
import { OwnEntry, type OwnEntryEvent } from "./own-entry.js";

/** How long an answer is as good as a new one, in milliseconds, unless it is told otherwise. */
export const CLIENT_FRESH_MS = 5000;
/** How long a directory may take to answer before what is known has to do, in milliseconds. */
export const CLIENT_PATIENCE_MS = 2000;
/** How many entries a client remembers; beyond that the one that was asked for longest ago is forgotten. */
export const CLIENT_REMEMBERED_MAX = 10_000;

/** How a client asks. */
export interface DirectoryClientOptions {
  /** How long an answer is as good as a new one, in milliseconds. */
  readonly freshMs?: number;
  /** How long the directory may take to answer before what is known has to do, in milliseconds. */
  readonly patienceMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** What was found of a UUID. */
export interface FoundEntry extends DirectoryEntry {
  /** The directory did not answer: this is what it said the last time. */
  readonly isStale: boolean;
  /** How long ago it said so, in milliseconds. */
  readonly ageMs: number;
}

/** What can be observed on a client. */
export type DirectoryClientEvent =
  /** The directory does not answer; what is known is used as long. */
  { readonly type: "away"; readonly error: Error } | { readonly type: "back" } | OwnEntryEvent;

interface Remembered {
  readonly entry: DirectoryEntry | null;
  readonly askedAt: number;
}

/** Asks a directory over a link, which it does not own. */
export class DirectoryClient implements AsyncDisposable {
  readonly #directory: Address<typeof DirectoryService>;
  readonly #options: Required<DirectoryClientOptions>;
  readonly #emitter = new Emitter<DirectoryClientEvent>();
  readonly #remembered = new Map<string, Remembered>();
  readonly #asking = new Map<string, Promise<DirectoryEntry | null>>();
  readonly #own = new Set<OwnEntry>();
  readonly #following = new Set<Link>();
  /** One for each watch, which ends them all at once. */
  readonly #watching = new Set<AbortController>();
  readonly #closed = new AbortController();
  #isAway = false;

  constructor(directory: Link, options: DirectoryClientOptions = {}) {
    this.#directory = directory.address(DirectoryService);
    this.#options = {
      freshMs: CLIENT_FRESH_MS,
      patienceMs: CLIENT_PATIENCE_MS,
      clock: systemClock,
      random: systemRandom,
      ...options,
    };
    this.#closed.signal.addEventListener(
      "abort",
      directory.on("up", () => this.#back()),
      { once: true },
    );
  }

  /** Whether the directory did not answer the last time. */
  get isAway(): boolean {
    return this.#isAway;
  }

  on<T extends DirectoryClientEvent["type"]>(
    type: T,
    listener: (event: Extract<DirectoryClientEvent, { type: T }>) => void,
  ): Unsubscribe {
    return this.#emitter.on(type, listener);
  }

  /**
   * Registers this program, and keeps it registered: the lease is renewed, and the entry made again under the same UUID when the
   * directory has lost it. Resolves when the directory has taken it in.
   *
   * @throws DirectoryError, as a RemoteError with its code; PeerError `timeout` when the directory is away.
   */
  async register(registration: Registration): Promise<OwnEntry> {
    const { clock, random } = this.#options;
    if (this.#closed.signal.aborted) throw new DirectoryError("closed", "this client is closed");
    const own: OwnEntry = new OwnEntry(this.#directory, registration, {
      clock,
      random,
      emit: (event) => this.#emitter.emit(event),
      closed: () => this.#own.delete(own),
    });
    this.#own.add(own);
    try {
      await own.open();
    } catch (error) {
      this.#own.delete(own);
      throw error;
    }
    return own;
  }

  /**
   * What is known of a UUID; undefined if there is no such entry. When the directory does not answer, what it said the last time.
   *
   * @throws DirectoryError `directory-away` when it does not answer and never said anything.
   */
  async query(uuid: string): Promise<FoundEntry | undefined> {
    const { clock, freshMs } = this.#options;
    const known = this.#remembered.get(uuid);
    if (known !== undefined && clock.now() - known.askedAt < freshMs) return this.#found(known, false);
    if (known !== undefined && this.#isAway) {
      // It was not there a moment ago: nobody has to wait to hear that again.
      this.#ask(uuid).catch(() => {});
      return this.#found(known, true);
    }
    try {
      await this.#ask(uuid);
      return this.#found(this.#remembered.get(uuid) as Remembered, false);
    } catch (error) {
      this.#away(error as Error);
      if (known !== undefined) return this.#found(known, true);
      throw new DirectoryError("directory-away", `the directory does not answer, and has said nothing of ${uuid}`, {
        cause: error,
      });
    }
  }

  /** Entries that offer a service, page by page, as the directory has them now. @throws as a call does. */
  list(query: ListQuery = {}): Promise<EntryPage> {
    return this.#directory.call("list", query, { timeoutMs: this.#options.patienceMs });
  }

  /** What is known of a UUID now, and whenever that changes; null where there is no entry. Goes on when the directory was away. */
  watch(uuid: string): AsyncGenerator<DirectoryEntry | null, void> {
    return this.#watchUntil(uuid, new AbortController());
  }

  async *#watchUntil(uuid: string, controller: AbortController): AsyncGenerator<DirectoryEntry | null, void> {
    if (this.#closed.signal.aborted) return;
    this.#watching.add(controller);
    try {
      yield* this.#watched(uuid, controller.signal);
    } finally {
      this.#watching.delete(controller);
    }
  }

  async *#watched(uuid: string, signal: AbortSignal): AsyncGenerator<DirectoryEntry | null, void> {
    let last = "";
    while (!signal.aborted) {
      try {
        for await (const entry of this.#directory.stream("watch", uuid, { signal })) {
          this.#remember(uuid, entry);
          const text = JSON.stringify(entry);
          if (text !== last) yield entry;
          last = text;
        }
        await this.#pause(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#away(error as Error);
        await this.#pause(signal);
      }
    }
  }

  /**
   * A link to whoever has that UUID. It is dialled at the endpoints of the entry, one after the other, and again when the entry
   * moves. The link belongs to the caller.
   */
  peerTo(uuid: string, options: LinkOptions): Link {
    let attempt = 0;
    let current = "";
    const followed = link(`${FOLLOWED}${uuid}`, {
      ...options,
      transports: [...options.transports, { schemes: ["directory"], connect: never, listen: never }],
      resolve: async () => {
        const entry = await this.query(uuid);
        const { endpoints = [] } = entry ?? {};
        const endpoint = endpoints[attempt++ % Math.max(1, endpoints.length)];
        if (endpoint === undefined) throw new DirectoryError("unknown-entry", `nobody is registered as ${uuid}`);
        current = endpoint;
        return endpoint;
      },
    });
    this.#following.add(followed);
    const controller = new AbortController();
    const entries = this.#watchUntil(uuid, controller);
    void followed.closed.then(() => {
      this.#following.delete(followed);
      controller.abort();
    });
    void (async () => {
      for await (const entry of entries) {
        // It has moved: what is asked there now is still answered.
        if (entry !== null && !entry.endpoints.includes(current)) void followed.peer?.close();
      }
    })();
    return followed;
  }

  /** Lets own entries go, if the directory is there to be told, and ends all watches. The links of `peerTo` go on. */
  async close(): Promise<void> {
    this.#closed.abort();
    for (const watch of this.#watching) watch.abort();
    await Promise.all([...this.#own].map((own) => own.close()));
    this.#emitter.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Asks once, however many want to know. */
  #ask(uuid: string): Promise<DirectoryEntry | null> {
    let asking = this.#asking.get(uuid);
    if (asking === undefined) {
      asking = this.#directory
        .call("query", uuid, { timeoutMs: this.#options.patienceMs })
        .then((entry) => {
          this.#remember(uuid, entry);
          return entry;
        })
        .finally(() => this.#asking.delete(uuid));
      this.#asking.set(uuid, asking);
    }
    return asking;
  }

  #remember(uuid: string, entry: DirectoryEntry | null): void {
    this.#back();
    this.#remembered.delete(uuid);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size >= CLIENT_REMEMBERED_MAX && oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(uuid, { entry, askedAt: this.#options.clock.now() });
  }

  #found({ entry, askedAt }: Remembered, isStale: boolean): FoundEntry | undefined {
    return entry === null ? undefined : { ...entry, isStale, ageMs: this.#options.clock.now() - askedAt };
  }

  #away(error: Error): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#emitter.emit({ type: "away", error });
  }

  #back(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#emitter.emit({ type: "back" });
  }

  /** Until the link is up, or a little. */
  #pause(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = oneShot<void>();
    const { clock, random } = this.#options;
    const cancel = clock.schedule(RETRY_MS * (0.5 + random.next()), resolve);
    const stop = (): void => {
      cancel();
      resolve();
    };
    signal.addEventListener("abort", stop, { once: true });
    return promise.then(() => signal.removeEventListener("abort", stop));
  }
}

const RETRY_MS = 1000;
/** What links that follow an entry are called. */
const FOLLOWED = "directory://entry/";

function never(): never {
  throw new DirectoryError("unknown-entry", "an entry is not dialled by its name");
}

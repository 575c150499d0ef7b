// An address of a service that a member offers: one certain member, or any that offers it.

import {
  callTimeoutMs,
  inherited,
  lazyStream,
  type Address,
  type AnyService,
  type CallOptions,
  type Ended,
  type SendOptions,
  type StreamOptions,
  type WatchOptions,
} from "../actor/index.js";
import { isTroupeError, type Clock } from "../base/index.js";
import { cancelledBy, PeerError, type Peer } from "../peer/index.js";

/** Picks the members for one message, the best first. */
export type Choose = () => readonly string[];

/** How long somebody waits. */
export interface Patience {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The same as `reaching`, for no longer than somebody has patience. */
export function within<T>(reaching: Promise<T>, options: Patience | undefined, clock: Clock): Promise<T> {
  const { timeoutMs = Infinity, signal } = options ?? {};
  if (timeoutMs === Infinity && signal === undefined) return reaching;
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new PeerError("timeout", "the member was not reached in time"));
    const stop = (): void => reject(cancelledBy(signal?.reason, false));
    const cancel = timeoutMs === Infinity ? () => {} : clock.schedule(timeoutMs, late);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted === true) stop();
    void reaching.then(resolve, reject).finally(() => {
      cancel();
      signal?.removeEventListener("abort", stop);
    });
  });
}

/** What an address needs of its node. */
export interface Reachable {
  /** The open connection to a member, if there is one. */
  peer(id: string): Peer | undefined;
  /** Rejects with PeerError `timeout` or `cancelled` as the options say. */
  reach(id: string, options: Patience | undefined): Promise<Peer>;
  readonly clock: Clock;
  /** How long a call takes at most unless it says so itself, in milliseconds; Infinity for the default. */
  readonly callTimeoutMs: number;
  /** @throws NetworkError `no-provider` */
  none(service: AnyService): never;
}

// Inside, messages are names and inputs are unknown.
class NodeAddress {
  readonly service: AnyService;
  readonly #choose: Choose;
  readonly #reachable: Reachable;

  constructor(service: AnyService, choose: Choose, reachable: Reachable) {
    this.service = service;
    this.#choose = choose;
    this.#reachable = reachable;
  }

  async call(message: string, input?: unknown, given?: CallOptions): Promise<unknown> {
    const options = withContext(given);
    const { clock } = this.#reachable;
    const candidates = this.#candidates();
    const { timeoutMs = Infinity } = options ?? {};
    const endsAt =
      clock.now() + callTimeoutMs({ timeoutMs: timeoutMs === Infinity ? this.#reachable.callTimeoutMs : timeoutMs });
    for (const [index, id] of candidates.entries()) {
      try {
        // Of the time that is left, everybody has an equal share to be reached in.
        const shareMs = (endsAt - clock.now()) / (candidates.length - index);
        const address = await this.#of(id, { ...options, timeoutMs: shareMs });
        return await address.call(message, input, { ...options, timeoutMs: Math.max(0, endsAt - clock.now()) });
      } catch (error) {
        // What has certainly not been done there may be done elsewhere.
        const isOver = options?.signal?.aborted === true || clock.now() >= endsAt;
        if (isOver || index === candidates.length - 1 || !mayGoElsewhere(error)) throw error;
      }
    }
    return this.#reachable.none(this.service);
  }

  async send(message: string, input?: unknown, options?: SendOptions): Promise<void> {
    const [id = ""] = this.#candidates();
    const open = this.#reachable.peer(id);
    // At once if it can be, so that what follows does not overtake it.
    if (open !== undefined) return plain(open, this.service).send(message, input, options);
    return this.#of(id, options).then((address) => address.send(message, input, options));
  }

  trySend(message: string, input?: unknown): boolean {
    const [id = ""] = this.#choose();
    const open = this.#reachable.peer(id);
    return open !== undefined && plain(open, this.service).trySend(message, input);
  }

  stream(message: string, input?: unknown, given?: StreamOptions): AsyncIterableIterator<unknown, undefined> {
    return lazyStream(() => {
      const options = withContext(given);
      const [id = ""] = this.#candidates();
      const open = this.#reachable.peer(id);
      if (open !== undefined) return plain(open, this.service).stream(message, input, options);
      const { clock } = this.#reachable;
      const endsAt = clock.now() + (options?.timeoutMs ?? Infinity);
      return this.#of(id, options).then((address) =>
        address.stream(message, input, { ...options, timeoutMs: Math.max(0, endsAt - clock.now()) }),
      );
    });
  }

  async watch(options?: WatchOptions): Promise<Ended> {
    const [id = ""] = this.#candidates();
    return (await this.#of(id, options)).watch(options);
  }

  #candidates(): readonly string[] {
    const ids = this.#choose();
    return ids.length === 0 ? this.#reachable.none(this.service) : ids;
  }

  async #of(id: string, options: Patience | undefined): Promise<Plain> {
    return plain(this.#reachable.peer(id) ?? (await this.#reachable.reach(id, options)), this.service);
  }
}

/** What a handler's context says of time and signals is said by options. */
function withContext<Options extends CallOptions | StreamOptions>(given: Options | undefined): Options | undefined {
  return given?.context === undefined ? given : inherited(given);
}

type Plain = Omit<NodeAddress, "service">;

function plain(peer: Peer, service: AnyService): Plain {
  return peer.address(service);
}

function mayGoElsewhere(error: unknown): boolean {
  return isTroupeError(error) && (error as { maybeExecuted?: boolean }).maybeExecuted !== true && !("data" in error);
}

/** Types are those of the contract. */
export function nodeAddress<S extends AnyService>(service: S, choose: Choose, reachable: Reachable): Address<S> {
  return new NodeAddress(service, choose, reachable) as unknown as Address<S>;
}

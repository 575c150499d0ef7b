// An address that outlives connections.

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
import { cancelledBy, type Peer } from "../peer/index.js";
import type { Begin, RequestOptions } from "./waiting-requests.js";

/** What an address needs of its link. */
export interface LinkRequests {
  /** The peer, if it takes messages. */
  readonly peer: Peer | undefined;
  readonly callTimeoutMs: number;
  /** For when there is no peer: runs `begin` when there is one, or rejects. */
  request<T>(options: RequestOptions & Pick<SendOptions, "whenDown">, begin: Begin<T>): Promise<T>;
}

/** The address of a peer, with the service's types left out. */
interface Untyped {
  call(message: string, input: unknown, options?: CallOptions): Promise<unknown>;
  send(message: string, input: unknown, options?: SendOptions): Promise<void>;
  trySend(message: string, input: unknown): boolean;
  stream(message: string, input: unknown, options?: StreamOptions): AsyncIterableIterator<unknown, undefined>;
  watch(options?: WatchOptions): Promise<Ended>;
}

class LinkAddress {
  readonly service: AnyService;
  readonly #link: LinkRequests;
  #peer: Peer | undefined;
  #address: Untyped | undefined;

  constructor(service: AnyService, link: LinkRequests) {
    this.service = service;
    this.#link = link;
  }

  call(message: string, input?: unknown, given?: CallOptions): Promise<unknown> {
    const options = given?.context === undefined ? given : inherited(given);
    const { peer } = this.#link;
    return peer === undefined ? this.#callLater(message, input, options) : this.#on(peer).call(message, input, options);
  }

  send(message: string, input?: unknown, options?: SendOptions): Promise<void> {
    const { peer } = this.#link;
    if (peer !== undefined) return this.#on(peer).send(message, input, options);
    return this.#link.request({ ...options }, (later) => this.#on(later).send(message, input, options));
  }

  /** Begins on the peer of the moment, or on the next one; what is begun ends with its connection. */
  stream(message: string, input?: unknown, given?: StreamOptions): AsyncIterableIterator<unknown, undefined> {
    return lazyStream(() => {
      const options = given?.context === undefined ? given : inherited(given);
      const { peer } = this.#link;
      if (peer !== undefined) return this.#on(peer).stream(message, input, options);
      return this.#streamLater(message, input, options);
    });
  }

  trySend(message: string, input?: unknown): boolean {
    const { peer } = this.#link;
    return peer !== undefined && this.#on(peer).trySend(message, input);
  }

  /** While the link is down the way to the actor is no more, whoever may be there when it is up. */
  watch(options?: WatchOptions): Promise<Ended> {
    const { peer } = this.#link;
    if (peer !== undefined) return this.#on(peer).watch(options);
    const signal = options?.signal;
    if (signal?.aborted !== true) return Promise.resolve({ reason: "connection-lost" });
    return Promise.reject(cancelledBy(signal.reason, false));
  }

  /** Asynchronous, so that an invalid timeout is a rejection too. Infinity stands for the default, as everywhere. */
  async #callLater(message: string, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    const { timeoutMs: given = Infinity } = options ?? {};
    const timeoutMs = callTimeoutMs({ timeoutMs: given === Infinity ? this.#link.callTimeoutMs : given });
    return this.#link.request({ ...options, timeoutMs }, (later, remainingMs) =>
      this.#on(later).call(message, input, { ...options, timeoutMs: remainingMs }),
    );
  }

  /** The time that it may take is counted from here. */
  #streamLater(
    message: string,
    input: unknown,
    options: StreamOptions | undefined,
  ): Promise<AsyncIterator<unknown, undefined>> {
    const { timeoutMs: given = Infinity, ...waiting } = options ?? {};
    if (given === Infinity) {
      return this.#link.request(waiting, async (later) => this.#on(later).stream(message, input, options));
    }
    const timeoutMs = callTimeoutMs({ timeoutMs: given });
    return this.#link.request({ ...waiting, timeoutMs }, async (later, remainingMs) =>
      this.#on(later).stream(message, input, { ...options, timeoutMs: remainingMs }),
    );
  }

  #on(peer: Peer): Untyped {
    if (this.#peer !== peer || this.#address === undefined) {
      this.#peer = peer;
      this.#address = peer.address(this.service);
    }
    return this.#address;
  }
}

/** The types are those of the contract; inside, messages are names and inputs are unknown. */
export function linkAddress<S extends AnyService>(service: S, link: LinkRequests): Address<S> {
  return new LinkAddress(service, link) as unknown as Address<S>;
}

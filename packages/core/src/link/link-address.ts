// An address that outlives connections.

import type { Address, AnyService, CallOptions, Ended, SendOptions, WatchOptions } from "../actor/index.js";
import type { Peer } from "../peer/index.js";

/** What an address needs of its link. */
export interface LinkRequests {
  readonly peer: Peer | undefined;
  readonly callTimeoutMs: number;
  /** Runs `begin` with a peer: now, or when the link is up, or rejects. */
  request<T>(options: RequestOptions | undefined, begin: (peer: Peer, remainingMs?: number) => Promise<T>): Promise<T>;
}

export interface RequestOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly whenDown?: "wait" | "fail";
}

/** The address of a peer, with the service's types left out. */
interface Untyped {
  call(message: string, input: unknown, options?: CallOptions): Promise<unknown>;
  send(message: string, input: unknown, options?: SendOptions): Promise<void>;
  trySend(message: string, input: unknown): boolean;
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

  call(message: string, input?: unknown, options?: CallOptions): Promise<unknown> {
    const { peer } = this.#link;
    if (peer !== undefined) return this.#on(peer).call(message, input, options);
    const timeoutMs = options?.timeoutMs ?? this.#link.callTimeoutMs;
    return this.#link.request({ ...options, timeoutMs }, (later, remainingMs) =>
      this.#on(later).call(message, input, { ...options, timeoutMs: remainingMs ?? timeoutMs }),
    );
  }

  send(message: string, input?: unknown, options?: SendOptions): Promise<void> {
    const { peer } = this.#link;
    if (peer !== undefined) return this.#on(peer).send(message, input, options);
    return this.#link.request(options, (later) => this.#on(later).send(message, input, options));
  }

  trySend(message: string, input?: unknown): boolean {
    const { peer } = this.#link;
    return peer !== undefined && this.#on(peer).trySend(message, input);
  }

  watch(options?: WatchOptions): Promise<Ended> {
    const { peer } = this.#link;
    return peer === undefined ? Promise.resolve({ reason: "connection-lost" }) : this.#on(peer).watch(options);
  }

  #on(peer: Peer): Untyped {
    if (this.#peer !== peer || this.#address === undefined) {
      this.#peer = peer;
      this.#address = peer.address(this.service) as unknown as Untyped;
    }
    return this.#address;
  }
}

/** The types are those of the contract; inside, messages are names and inputs are unknown. */
export function linkAddress<S extends AnyService>(service: S, link: LinkRequests): Address<S> {
  return new LinkAddress(service, link) as unknown as Address<S>;
}

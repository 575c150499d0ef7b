// An address of a service on the other side of a connection.

import type {
  Address,
  AnyService,
  CallOptions,
  Ended,
  SendOptions,
  StreamOptions,
  WatchOptions,
} from "../actor/index.js";
import type { Caller } from "./caller.js";
import type { RemoteService } from "./remote.js";

/** Stays valid as long as the peer; what is not provided is refused when it is called. */
export class PeerAddress {
  readonly service: AnyService;
  readonly #caller: Caller;
  readonly #target: RemoteService;

  constructor(service: AnyService, caller: Caller, target: RemoteService) {
    this.service = service;
    this.#caller = caller;
    this.#target = target;
  }

  call(message: string, input?: unknown, options?: CallOptions): Promise<unknown> {
    return this.#caller.call(this.#target, message, input, options);
  }

  send(message: string, input?: unknown, options?: SendOptions): Promise<void> {
    return this.#caller.send(this.#target, message, input, options);
  }

  trySend(message: string, input?: unknown): boolean {
    return this.#caller.trySend(this.#target, message, input);
  }

  stream(message: string, input?: unknown, options?: StreamOptions): AsyncIterableIterator<unknown> {
    return this.#caller.stream(this.#target, message, input, options);
  }

  watch(options?: WatchOptions): Promise<Ended> {
    return this.#caller.watch(this.#target, options);
  }
}

/** Types are those of the contract; inside, messages are names and inputs are unknown. */
export function peerAddress<S extends AnyService>(service: S, caller: Caller, target: RemoteService): Address<S> {
  return new PeerAddress(service, caller, target) as unknown as Address<S>;
}

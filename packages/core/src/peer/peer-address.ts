// An address of a service on the other side of a connection.

import {
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
import { disagreements } from "./agreement.js";
import type { Announcement } from "./announcement.js";
import type { Caller } from "./caller.js";
import type { PeerError } from "./error.js";
import type { RemoteService } from "./remote.js";

/** Stays valid as long as the peer; what is not provided is refused when it is called. */
export class PeerAddress {
  readonly service: AnyService;
  readonly #caller: Caller;
  readonly #target: RemoteService;
  /** What was announced when this was last looked at, and what does not fit in it. */
  #agreedOn: Announcement | undefined;
  #disagreements: ReadonlyMap<string, PeerError> | undefined;

  constructor(service: AnyService, caller: Caller, target: RemoteService) {
    this.service = service;
    this.#caller = caller;
    this.#target = target;
  }

  call(message: string, input?: unknown, given?: CallOptions): Promise<unknown> {
    const options = given?.context === undefined ? given : inherited(given);
    const error = this.#disagreement(message);
    return error === undefined ? this.#caller.call(this.#target, message, input, options) : Promise.reject(error);
  }

  send(message: string, input?: unknown, options?: SendOptions): Promise<void> {
    const error = this.#disagreement(message);
    return error === undefined ? this.#caller.send(this.#target, message, input, options) : Promise.reject(error);
  }

  /** @throws PeerError `contract-mismatch`: it could not be sent at any time. */
  trySend(message: string, input?: unknown): boolean {
    const error = this.#disagreement(message);
    if (error !== undefined) throw error;
    return this.#caller.trySend(this.#target, message, input);
  }

  stream(message: string, input?: unknown, given?: StreamOptions): AsyncIterableIterator<unknown, undefined> {
    return lazyStream(() => {
      const options = given?.context === undefined ? given : inherited(given);
      const error = this.#disagreement(message);
      if (error !== undefined) throw error;
      return this.#caller.openStream(this.#target, message, input, options);
    });
  }

  watch(options?: WatchOptions): Promise<Ended> {
    return this.#caller.watch(this.#target, options);
  }

  /** Why a message cannot be used as the other side announces it. Worked out once for each announcement. */
  #disagreement(message: string): PeerError | undefined {
    const { announcement } = this.#target;
    if (announcement !== this.#agreedOn) {
      this.#agreedOn = announcement;
      this.#disagreements = announcement === undefined ? undefined : disagreements(this.service, announcement);
    }
    return this.#disagreements?.get(message);
  }
}

/** Types are those of the contract; inside, messages are names and inputs are unknown. */
export function peerAddress<S extends AnyService>(service: S, caller: Caller, target: RemoteService): Address<S> {
  return new PeerAddress(service, caller, target) as unknown as Address<S>;
}

// A connection seen as an actor, as its users see it. What is inside is in session.ts.

import type { Clock, Inspection, Random, Unsubscribe } from "../base/index.js";
import type { Address, AnyService, Semaphore } from "../actor/index.js";
import type { Connection } from "../transport/index.js";
import type { WireFormat } from "../wire/index.js";
import type { Authorize } from "./authorize.js";
import type { ClosedReason, PeerEvent } from "./events.js";
import type { LifecycleState } from "./lifecycle.js";
import type { PeerLimits, PeerTimes } from "./limits.js";
import type { Upstream } from "./relay.js";
import type { Remote } from "./remote.js";
import type { ServiceMap } from "./service-map.js";
import { Session } from "./session.js";
import type { PeerStats } from "./stats.js";

/** What a peer is and provides. */
export interface PeerOptions extends Partial<PeerTimes> {
  /** What the other side may use. Nothing unless given. */
  readonly services?: ServiceMap;
  /**
   * Decides, for each connection, what the other side may use, in place of `services`. This side says nothing before the
   * other has said hello: so it is for the side that listens, and not for both.
   */
  readonly authorize?: Authorize;
  /** Limits how many calls of the other side run at once; share one between peers to limit them together. */
  readonly backpressure?: Semaphore;
  readonly limits?: Partial<PeerLimits>;
  /** What the other side sees as `remote.name`. */
  readonly name?: string;
  /** What the other side sees as `remote.id`: 32 hexadecimal digits. Random for each peer unless given. */
  readonly id?: string;
  readonly wireFormat?: WireFormat;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly inspection?: Inspection;
}

/** How a connection is ended in order. */
export interface CloseOptions {
  /** How long running calls may still take, in milliseconds. */
  readonly graceMs?: number;
}

/** One connection, both ends of which are equal: each may provide services and call the other's. */
export class Peer {
  readonly #session: Session;

  /** Takes over an open connection and begins the greeting. `connect` and `listen` do this for you. */
  constructor(connection: Connection, options: PeerOptions = {}) {
    this.#session = new Session(this, connection, options);
  }

  /** This side's id, as the other side sees it. */
  get id(): string {
    return this.#session.id;
  }

  /** The other side: who it is, where, and what it provides. */
  get remote(): Remote {
    return this.#session.remote;
  }

  get state(): LifecycleState {
    return this.#session.state;
  }

  /** Resolves when the greeting is complete; rejects with the reason if the connection ends before. */
  get opened(): Promise<void> {
    return this.#session.ending.opening.promise;
  }

  /** Resolves with the reason when the connection is no more. Never rejects. */
  get closed(): Promise<ClosedReason> {
    return this.#session.ending.closing.promise;
  }

  /** Figures for gauges and tests. */
  get stats(): PeerStats {
    return this.#session.stats;
  }

  /**
   * For relays only.
   *
   * @internal
   */
  get upstream(): Upstream {
    return this.#session;
  }

  /** An address of a service on the other side. Whether that provides it shows when it is called. */
  address<S extends AnyService>(service: S): Address<S> {
    return this.#session.address(service);
  }

  /**
   * Provides more services, or replaces some; the other side is told. All of them or, if this throws, none.
   *
   * @throws PeerError `services-too-large` when the other side would not take so much at once; `slots-exhausted`.
   */
  provide(services: ServiceMap): void {
    this.#session.provide(services);
  }

  /** Provides a service no longer; the other side is told, and calls that run are answered. False if it was not there. */
  withdraw(service: AnyService): boolean {
    return this.#session.withdraw(service);
  }

  /** Observes one type of event from now on. */
  on<T extends PeerEvent["type"]>(type: T, listener: (event: Extract<PeerEvent, { type: T }>) => void): Unsubscribe {
    return this.#session.emitter.on(type, listener);
  }

  /** All events from now on, until the peer is closed. */
  events(): AsyncIterableIterator<PeerEvent> {
    return this.#session.emitter.events();
  }

  /**
   * Ends the connection in order: takes no more calls, rejects its own that are pending, lets those that run here be
   * answered within the grace, and tells the other side. Resolves with the reason when the connection is no more.
   */
  close(options?: CloseOptions): Promise<ClosedReason> {
    return this.#session.close(options?.graceMs);
  }

  /** Ends the connection at once. */
  abort(reason?: unknown): void {
    this.#session.ending.abort(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

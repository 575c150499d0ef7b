// A connection whose owner changes: the mesh opens it, and hands it back so that somebody else can open it as if nobody
// had. What had come and was not taken comes first.

import type { Clock } from "../base/index.js";
import type { Connection, ConnectionEvents, Identity, TransportError, Upgrade } from "../transport/index.js";

/** Where the events of a connection go at the moment. A connection is opened once; this is what it is opened with. */
export class EventSwitch implements ConnectionEvents {
  target: ConnectionEvents;

  constructor(target: ConnectionEvents) {
    this.target = target;
  }

  received(bytes: Uint8Array): void {
    this.target.received(bytes);
  }

  drained(): void {
    this.target.drained();
  }

  ended(): void {
    this.target.ended();
  }

  closed(error?: TransportError): void {
    this.target.closed(error);
  }
}

/** Paused, and silent until it is opened. */
export class HandedBack implements Connection {
  readonly #connection: Connection;
  readonly #switch: EventSwitch;
  readonly #clock: Clock;
  /** What happened before it was opened, in order. */
  readonly #before: ((events: ConnectionEvents) => void)[];
  #isPaused = false;
  #opening: ConnectionEvents | undefined;

  constructor(connection: Connection, events: EventSwitch, rest: readonly Uint8Array[], clock: Clock) {
    this.#connection = connection;
    this.#switch = events;
    this.#clock = clock;
    this.#before = rest.map((bytes) => (owner: ConnectionEvents) => owner.received(bytes));
    connection.pause();
    const keep = (tell: (owner: ConnectionEvents) => void): void => void this.#before.push(tell);
    events.target = {
      received: (bytes) => keep((owner) => owner.received(bytes)),
      drained: () => keep((owner) => owner.drained()),
      ended: () => keep((owner) => owner.ended()),
      closed: (error) => keep((owner) => owner.closed(error)),
    };
  }

  get remoteEndpoint(): string {
    return this.#connection.remoteEndpoint;
  }

  get localEndpoint(): string {
    return this.#connection.localEndpoint;
  }

  get identity(): Identity | undefined {
    return this.#connection.identity;
  }

  get upgrade(): Upgrade | undefined {
    return this.#connection.upgrade;
  }

  get buffered(): number {
    return this.#connection.buffered;
  }

  open(events: ConnectionEvents): void {
    this.#opening = events;
    this.#clock.yield(() => this.#tell());
  }

  write(bytes: Uint8Array): boolean {
    return this.#connection.write(bytes);
  }

  pause(): void {
    this.#isPaused = true;
    this.#connection.pause();
  }

  resume(): void {
    this.#isPaused = false;
    // While it is being opened, what came before goes first.
    if (this.#opening === undefined) this.#connection.resume();
    else this.#clock.yield(() => this.#tell());
  }

  close(): void {
    this.#connection.close();
  }

  abort(reason?: unknown): void {
    this.#connection.abort(reason);
  }

  #tell(): void {
    const events = this.#opening;
    while (!this.#isPaused && events !== undefined) {
      const tell = this.#before.shift();
      if (tell === undefined) {
        this.#opening = undefined;
        this.#switch.target = events;
        return this.#connection.resume();
      }
      tell(events);
    }
  }
}

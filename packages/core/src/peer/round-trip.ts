// How long an answer takes on this connection when nothing is in its way, measured with a ping whenever a
// flow begins: later the answer would wait behind what flows. It knows nothing of flows.

import type { Clock } from "../base/index.js";

/** Between two measurements, in milliseconds. */
const INTERVAL_MS = 100;
/** How much longer the shortest time is taken to be with each measurement: the line may have become a longer one. */
const GROWTH = 1.02;

/** Sends a ping with this token. */
type Ping = (token: number) => void;

export class RoundTrip {
  readonly #clock: Clock;
  readonly #ping: Ping;
  #token = 0;
  #sentAt: number | undefined;
  #nextAt = 0;
  #ms: number | undefined;

  constructor(clock: Clock, ping: Ping) {
    this.#clock = clock;
    this.#ping = ping;
  }

  /** The estimate in milliseconds; 0 while nothing is known. */
  get ms(): number {
    return this.#ms ?? 0;
  }

  /** Measures, unless that was done a moment ago. */
  measure(): void {
    const now = this.#clock.now();
    if (this.#sentAt !== undefined || now < this.#nextAt) return;
    this.#sentAt = now;
    this.#token = (this.#token + 1) >>> 0;
    this.#ping(this.#token);
  }

  /** A pong has come: to the last ping, or to one of a heartbeat. */
  ponged(token: number): void {
    if (this.#sentAt === undefined || token !== this.#token) return;
    const now = this.#clock.now();
    const ms = now - this.#sentAt;
    this.#ms = this.#ms === undefined ? ms : Math.min(ms, this.#ms * GROWTH);
    this.#sentAt = undefined;
    this.#nextAt = now + INTERVAL_MS;
  }
}

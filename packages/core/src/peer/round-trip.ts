// How long an answer takes on this connection, measured with pings while something flows. It knows nothing of what flows.

import type { Clock } from "../base/index.js";

/** Between two measurements, in milliseconds, and how much of the last estimate a new one keeps. */
const INTERVAL_MS = 100;
const KEPT = 0.75;

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

  /** The estimate in milliseconds, 0 while nothing is known. Measures again if the last time was a while ago. */
  measure(): number {
    const now = this.#clock.now();
    if (this.#sentAt === undefined && now >= this.#nextAt) {
      this.#sentAt = now;
      this.#token = (this.#token + 1) >>> 0;
      this.#ping(this.#token);
    }
    return this.#ms ?? 0;
  }

  /** A pong has come: to the last ping, or to one of a heartbeat. */
  ponged(token: number): void {
    if (this.#sentAt === undefined || token !== this.#token) return;
    const now = this.#clock.now();
    const ms = now - this.#sentAt;
    this.#ms = this.#ms === undefined ? ms : this.#ms * KEPT + ms * (1 - KEPT);
    this.#sentAt = undefined;
    this.#nextAt = now + INTERVAL_MS;
  }
}

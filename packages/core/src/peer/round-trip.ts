// How long an answer takes on this connection when nothing is in its way: the shortest of many, since an answer may wait behind
// what flows. It knows nothing of flows.

import type { Clock } from "../base/index.js";

/** Between two measurements, in milliseconds. */
const INTERVAL_MS = 5;
/** How much longer the shortest time is taken to be with each measurement: the line may have become a longer one. */
const GROWTH = 1.002;

/** Sends a ping with this token. */
type Ping = (token: number) => void;

export class RoundTrip {
  readonly #clock: Clock;
  readonly #ping: Ping;
  #token = 0;
  #sentAt = 0;
  /** When to measure the next time; Infinity until the answer is there. */
  #nextAt = 0;
  #ms = 0;

  constructor(clock: Clock, ping: Ping) {
    this.#clock = clock;
    this.#ping = ping;
  }

  /** What is known by now, in milliseconds, 0 while that is nothing; and measures anew, unless that was done a moment ago. */
  estimate(): number {
    const now = this.#clock.now();
    if (now >= this.#nextAt) {
      this.#nextAt = Infinity;
      this.#sentAt = now;
      this.#token = (this.#token + 1) >>> 0;
      this.#ping(this.#token);
    }
    return this.#ms;
  }

  /** A pong has come: to the last ping, or to one of a heartbeat. */
  ponged(token: number): void {
    if (this.#nextAt !== Infinity || token !== this.#token) return;
    const now = this.#clock.now();
    const ms = now - this.#sentAt;
    this.#ms = Math.min(ms, this.#ms * GROWTH || ms);
    this.#nextAt = now + INTERVAL_MS;
  }
}

// How long to wait before the next attempt. Full jitter (a random part of a limit that doubles) keeps a thousand
// clients of one server from coming back together; the budget keeps a server that accepts and drops from being dialled
// in a circle.

import type { Random } from "../base/index.js";

export interface BackoffOptions {
  /** The limit of the first delay, in milliseconds. */
  readonly minMs?: number;
  /** What the limit grows to, in milliseconds. */
  readonly maxMs?: number;
  /** How many attempts may be made in quick succession. */
  readonly attempts?: number;
  /** How long it takes to earn one more attempt, in milliseconds. */
  readonly attemptMs?: number;
  /** How long a connection must last to count as a success, after which the limit starts from `minMs` again. */
  readonly stableMs?: number;
}

export const BACKOFF_DEFAULTS: Required<BackoffOptions> = Object.freeze({
  minMs: 100,
  maxMs: 30_000,
  attempts: 10,
  attemptMs: 1000,
  stableMs: 5000,
});

/** The delays of one link. Pure: time and chance go in, milliseconds come out. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  readonly #random: Random;
  #failures = 0;
  #attemptsLeft: number;
  #countedAt: number;

  constructor(options: Required<BackoffOptions>, random: Random, now: number) {
    this.#options = options;
    this.#random = random;
    this.#attemptsLeft = options.attempts;
    this.#countedAt = now;
  }

  /** How many attempts have failed in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** An attempt is made. */
  attempted(now: number): void {
    this.#earn(now);
    this.#attemptsLeft--;
  }

  /** A connection is lost that had lasted for `lastedMs`. */
  lost(lastedMs: number): void {
    if (lastedMs >= this.#options.stableMs) this.#failures = 0;
  }

  /** How long to wait now. random × min(maxMs, minMs × 2^failures), but not before there is an attempt left. */
  delayMs(now: number): number {
    const { minMs, maxMs, attemptMs } = this.#options;
    const limitMs = Math.min(maxMs, minMs * 2 ** this.#failures);
    this.#failures++;
    this.#earn(now);
    const untilAttemptMs = this.#attemptsLeft >= 1 ? 0 : (1 - this.#attemptsLeft) * attemptMs;
    return Math.max(this.#random.next() * limitMs, untilAttemptMs);
  }

  #earn(now: number): void {
    const { attempts, attemptMs } = this.#options;
    this.#attemptsLeft = Math.min(attempts, this.#attemptsLeft + (now - this.#countedAt) / attemptMs);
    this.#countedAt = now;
  }
}

// How long to wait before the next attempt. Full jitter (a random part of a limit that doubles) keeps a thousand
// clients of one server from coming back together; the budget keeps a server that accepts and drops from being dialled
// in a circle. Pure: time and chance go in, milliseconds come out.

import type { Random } from "../base/index.js";
import { PeerError } from "../peer/index.js";

/** How a link spaces its attempts. */
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

/** How a link spaces its attempts unless it is told otherwise. */
export const BACKOFF_DEFAULTS: Required<BackoffOptions> = Object.freeze({
  minMs: 100,
  maxMs: 30_000,
  attempts: 10,
  attemptMs: 1000,
  stableMs: 5000,
});

/** Doubling more often than this would leave the range of numbers at last; any limit is reached long before. */
const DOUBLINGS_MAX = 64;

/** The delays of one link. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  readonly #random: Random;
  #failures = 0;
  /** The budget: earned with time, spent by attempts, never more than `attempts` and never below 0. */
  #attemptsLeft: number;
  #earnedAt: number;

  /** @throws PeerError `option-invalid` for an option that is negative or not a number. */
  constructor(options: BackoffOptions | undefined, random: Random, now: number) {
    this.#options = backoffOf(options);
    this.#random = random;
    this.#attemptsLeft = this.#options.attempts;
    this.#earnedAt = now;
  }

  /** An attempt is made, whether there is one left or the owner insists. */
  attempted(now: number): void {
    this.#earn(now);
    this.#attemptsLeft = Math.max(0, this.#attemptsLeft - 1);
  }

  /** An attempt has failed, or what came of it was lost after `lastedMs`. Returns how many did in a row. */
  failed(lastedMs = 0): number {
    if (lastedMs >= this.#options.stableMs) this.#failures = 0;
    return ++this.#failures;
  }

  /** How long to wait now. random × min(maxMs, minMs × 2^(failures − 1)), but not before there is an attempt left. */
  delayMs(now: number): number {
    const { minMs, maxMs, attemptMs } = this.#options;
    const doublings = Math.min(Math.max(0, this.#failures - 1), DOUBLINGS_MAX);
    const limitMs = Math.min(maxMs, minMs * 2 ** doublings);
    this.#earn(now);
    const untilAttemptMs = Math.max(0, 1 - this.#attemptsLeft) * attemptMs;
    return Math.max(this.#random.next() * limitMs, untilAttemptMs);
  }

  #earn(now: number): void {
    const { attempts, attemptMs } = this.#options;
    this.#attemptsLeft = Math.min(attempts, this.#attemptsLeft + (now - this.#earnedAt) / attemptMs);
    this.#earnedAt = now;
  }
}

/** A value of undefined counts as not given. */
function backoffOf(given: BackoffOptions = {}): Required<BackoffOptions> {
  const options: Record<keyof BackoffOptions, number> = { ...BACKOFF_DEFAULTS };
  for (const name of Object.keys(options) as (keyof BackoffOptions)[]) {
    const value = given[name] ?? options[name];
    if (!(value >= 0)) throw new PeerError("option-invalid", `backoff.${name} must be a number from 0, not ${value}`);
    options[name] = value;
  }
  return options;
}

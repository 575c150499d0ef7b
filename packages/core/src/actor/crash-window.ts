// How often an actor may crash before it is given up: a sliding window, told the time by its owner.

import { Ring } from "../base/index.js";
import { ActorError } from "./error.js";

/** How many crashes are too many. */
export interface RestartOptions {
  /** How many crashes within `withinMs` are answered with a restart; one more ends the actor. */
  readonly max: number;
  readonly withinMs: number;
}

/** How often an actor is restarted unless its maker says otherwise. */
export const RESTART_DEFAULTS: RestartOptions = Object.freeze({ max: 5, withinMs: 10_000 });

/** Counts the crashes of the last `withinMs`. */
export class CrashWindow {
  readonly #max: number;
  readonly #withinMs: number;
  /** When each happened; never more than `max` + 1 of them. */
  readonly #crashes = new Ring<number>();

  /** @throws ActorError `option-invalid` unless `max` is a whole number from 0 and `withinMs` a positive number. */
  constructor({ max, withinMs }: RestartOptions) {
    if (!Number.isSafeInteger(max) || max < 0) {
      throw new ActorError("option-invalid", `restart.max must be a whole number, not ${max}`);
    }
    if (!(withinMs > 0)) {
      throw new ActorError("option-invalid", `restart.withinMs must be a positive number, not ${withinMs}`);
    }
    this.#max = max;
    this.#withinMs = withinMs;
  }

  /** Counts a crash that happened now. Returns whether a restart is still allowed. */
  allows(now: number): boolean {
    for (let oldest = this.#crashes.peek(); oldest !== undefined; oldest = this.#crashes.peek()) {
      if (now - oldest < this.#withinMs) break;
      this.#crashes.shift();
    }
    this.#crashes.push(now);
    return this.#crashes.length <= this.#max;
  }
}

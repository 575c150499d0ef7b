// Stages races: whoever comes to a fence waits there until the test opens it. It knows nothing of time.

import { oneShot, Ring, type OneShot } from "../base/index.js";

/** A place in the code of a test at which others wait. Made by `fence`. */
export class Fence {
  readonly #waiting = new Ring<() => void>();
  readonly #watchers: { readonly count: number; readonly reached: OneShot<void> }[] = [];
  #isOpen = false;
  #arrivals = 0;

  /** How many have come so far. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** How many stand before it now. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the first one has come. */
  get reached(): Promise<void> {
    return this.reachedBy(1);
  }

  /** Resolves when `count` have come, counted from the beginning. */
  reachedBy(count: number): Promise<void> {
    if (this.#arrivals >= count) return Promise.resolve();
    const reached = oneShot<void>();
    this.#watchers.push({ count, reached });
    return reached.promise;
  }

  /** Comes to the fence: resolves when it is open, or when it lets one pass. */
  pass(): Promise<void> {
    this.#arrivals++;
    for (const { count, reached } of this.#watchers) if (this.#arrivals >= count) reached.resolve();
    if (this.#isOpen) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets the one through that has waited longest; false if nobody waits. */
  letOne(): boolean {
    const next = this.#waiting.shift();
    next?.();
    return next !== undefined;
  }

  /** Lets all through, now and from now on. */
  open(): void {
    this.#isOpen = true;
    for (const next of this.#waiting.clear()) next();
  }
}

/**
 * Makes a closed fence.
 *
 * @example
 * const gate = fence();
 * const services = new ServiceMap().add(Slow, { work: () => gate.pass() });
 * const answer = address.call("work");
 * await gate.reached;
 * gate.open();
 * await answer;
 */
export function fence(): Fence {
  return new Fence();
}

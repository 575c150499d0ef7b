// Time that passes only when a test says so. It knows nothing of what runs on it, and never waits for real time.

import { systemClock, TroupeError, type CancelTimer, type Clock } from "../base/index.js";

/** How many timers may fire, or rounds of yields run, before time must pass: more is a loop, and an error. */
export const STEPS_PER_INSTANT_MAX = 100_000;

interface Timer {
  readonly dueAt: number;
  /** Which timer of this clock it is, counted from 0: of two that are due together, the older one fires first. */
  readonly ordinal: number;
  readonly callback: () => void;
}

/**
 * A clock that is driven by hand. Timers fire in `advance` only, in order of time and then of creation; `yield`
 * callbacks run in `advance` and `flush` only. An error that a callback throws rejects the call that ran it.
 *
 * @example
 * const clock = new VirtualClock();
 * const call = address.call("add", 1, { timeoutMs: 1000 });
 * await clock.advance(1000);
 */
export class VirtualClock implements Clock {
  /** The set timers, the next one last. */
  readonly #timers: Timer[] = [];
  #yields: (() => void)[] = [];
  #flushing: Promise<void> | undefined;
  #now: number;
  #ordinal = 0;

  constructor(startMs = 0) {
    this.#now = startMs;
  }

  /** How many timers are set: 0 means that nothing would happen however long one waited. */
  get pending(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#now;
  }

  schedule(delayMs: number, callback: () => void): CancelTimer {
    const timer = { dueAt: this.#now + Math.max(0, delayMs), ordinal: this.#ordinal++, callback };
    this.#timers.splice(this.#indexOf(timer), 0, timer);
    return () => {
      const index = this.#indexOf(timer);
      if (this.#timers[index] === timer) this.#timers.splice(index, 1);
    };
  }

  defer(callback: () => void): void {
    queueMicrotask(callback);
  }

  yield(callback: () => void): void {
    this.#yields.push(callback);
  }

  /** Lets `ms` pass, and all that follows from it happen. Resolves when nothing is left to do at the new time. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await this.flush();
    let steps = 0;
    for (let timer = this.#timers.at(-1); timer !== undefined && timer.dueAt <= until; timer = this.#timers.at(-1)) {
      if (timer.dueAt > this.#now) steps = 0;
      if (++steps > STEPS_PER_INSTANT_MAX) throw stuck("timers", this.#now);
      this.#now = Math.max(this.#now, timer.dueAt);
      this.#timers.pop();
      timer.callback();
      await this.flush();
    }
    this.#now = Math.max(this.#now, until);
  }

  /** Runs microtasks and yields, and those that they lead to, until none is left. No time passes. */
  async flush(): Promise<void> {
    // One at a time: another caller's callbacks that are still to run would look like nothing left to do.
    while (this.#flushing !== undefined) await this.#flushing.catch(() => undefined);
    this.#flushing = this.#drain();
    try {
      await this.#flushing;
    } finally {
      this.#flushing = undefined;
    }
  }

  async #drain(): Promise<void> {
    await microtasks();
    for (let rounds = 0; this.#yields.length > 0; rounds++) {
      if (rounds === STEPS_PER_INSTANT_MAX) throw stuck("yields", this.#now);
      const callbacks = this.#yields;
      this.#yields = [];
      await inTurn(callbacks);
    }
  }

  /** Where `timer` is, or belongs. */
  #indexOf(timer: Timer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#timers[middle] as Timer;
      const isLater = other.dueAt > timer.dueAt || (other.dueAt === timer.dueAt && other.ordinal > timer.ordinal);
      if (isLater) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Resolves when no microtask is left, however long their chains: the host runs all before the next turn of its loop. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => systemClock.yield(resolve));
}

/** Calls each, with all microtasks of one run before the next; rejects with the first error. */
async function inTurn(callbacks: readonly (() => void)[]): Promise<void> {
  let failed = false;
  let failure: unknown;
  for (const callback of callbacks) {
    systemClock.yield(() => {
      try {
        callback();
      } catch (error) {
        if (!failed) failure = error;
        failed = true;
      }
    });
  }
  await microtasks();
  if (failed) throw failure;
}

function stuck(what: string, now: number): TroupeError {
  return new TroupeError("clock-stuck", `${STEPS_PER_INSTANT_MAX} ${what} ran at ${now} ms and time did not pass`);
}

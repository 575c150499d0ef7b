// A fair counting semaphore: limits how much runs at once, for one owner or for several that share it. A permit
// belongs to the task that runs, not to whoever started it, and is released on every outcome.

import { reportUncaught } from "../base/index.js";
import { ActorError } from "./error.js";
import { WaitingLine } from "./waiting-line.js";

/** Waits for a permit without a promise. */
export interface PermitWaiter {
  /** The permit is yours now, and yours to release. Must not throw. */
  granted(): void;
}

/** What ends the waiting for a permit early. */
export interface AcquireOptions {
  /** Aborting it gives up waiting, with code `cancelled`. */
  readonly signal?: AbortSignal;
}

/** The bound of a semaphore besides its permits. */
export interface SemaphoreOptions {
  /** How many `acquire` calls may wait at once. */
  readonly waitingMax?: number;
}

/** The bound of a semaphore whose maker does not say. */
export const SEMAPHORE_DEFAULTS: Required<SemaphoreOptions> = Object.freeze({ waitingMax: 10_000 });

/**
 * Hands out a fixed number of permits, first come, first served. Nobody overtakes: while somebody waits, a permit that
 * comes free goes to the one who waits longest, and `tryAcquire` gets none.
 */
export class Semaphore {
  readonly permits: number;
  readonly #waitingMax: number;
  readonly #line = new WaitingLine<PermitWaiter>();
  #inUse = 0;
  #isGranting = false;

  /** @throws ActorError `option-invalid` unless `permits` is a positive integer. */
  constructor(permits: number, options: SemaphoreOptions = SEMAPHORE_DEFAULTS) {
    if (!Number.isSafeInteger(permits) || permits < 1) {
      throw new ActorError("option-invalid", `a semaphore needs a positive whole number of permits, not ${permits}`);
    }
    this.permits = permits;
    this.#waitingMax = options.waitingMax ?? SEMAPHORE_DEFAULTS.waitingMax;
  }

  /** How many permits nobody holds. */
  get available(): number {
    return this.permits - this.#inUse;
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#line.length;
  }

  /** Takes a permit if one is free and nobody waits for it. */
  tryAcquire(): boolean {
    if (this.#inUse === this.permits || this.#line.length > 0) return false;
    this.#inUse++;
    return true;
  }

  /**
   * Resolves when the caller holds a permit. Rejects with `cancelled` when `signal` is aborted before, and then no
   * permit is held; with `semaphore-full` at once when `waitingMax` others wait already.
   */
  acquire(options?: AcquireOptions): Promise<void> {
    const signal = options?.signal;
    if (signal?.aborted === true) return Promise.reject(cancelled(signal));
    if (this.tryAcquire()) return Promise.resolve();
    if (this.#line.length >= this.#waitingMax) {
      return Promise.reject(new ActorError("semaphore-full", `${this.#line.length} wait for a permit already`));
    }
    return new Promise((resolve, reject) => {
      const waiter: PermitWaiter = {
        granted: () => {
          signal?.removeEventListener("abort", giveUp);
          resolve();
        },
      };
      const giveUp = (): void => {
        if (this.#line.remove(waiter)) reject(cancelled(signal as AbortSignal));
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#line.push(waiter);
    });
  }

  /**
   * Waits for a permit without a promise: `waiter.granted` is called once, inside this call if a permit is free and
   * nobody waits, and otherwise inside the `release` that frees one. One object waits once. How many wait this way is
   * bounded by the caller.
   */
  enqueue(waiter: PermitWaiter): void {
    this.#line.push(waiter);
    this.#grant();
  }

  /** Stops waiting. False if `waiter` does not wait: it has been granted its permit, which must then be released. */
  cancel(waiter: PermitWaiter): boolean {
    return this.#line.remove(waiter);
  }

  /**
   * Gives a permit back.
   *
   * @throws ActorError `semaphore-over-released` if none is held.
   */
  release(): void {
    if (this.#inUse === 0) {
      throw new ActorError("semaphore-over-released", `all ${this.permits} permits are free, none can be released`);
    }
    this.#inUse--;
    this.#grant();
  }

  /** A loop and not a recursion: a waiter may release inside `granted`, and thousands may do so one after the other. */
  #grant(): void {
    if (this.#isGranting) return;
    this.#isGranting = true;
    while (this.#line.length > 0 && this.#inUse < this.permits) {
      const waiter = this.#line.shift() as PermitWaiter;
      this.#inUse++;
      try {
        waiter.granted();
      } catch (error) {
        // The permit stays with the waiter: it may have begun what the permit is for.
        reportUncaught(error);
      }
    }
    this.#isGranting = false;
  }
}

function cancelled(signal: AbortSignal): ActorError {
  return new ActorError("cancelled", "gave up waiting for a permit", { cause: signal.reason });
}

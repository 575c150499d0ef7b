// A fair counting semaphore: limits how much runs at once, for one owner or for several that share it. A permit
// belongs to the task that runs, not to whoever started it, and is released on every outcome.
//
// Those who wait stand in one line for each party, and the parties stand in a line of their own: the first of it has its
// first waiter granted and goes to the end. However much one party asks for, another waits for one grant to it at most.

import { reportUncaught } from "../base/index.js";
import { ActorError } from "./error.js";
import { WaitingLine } from "./waiting-line.js";

/** Waits for a permit without a promise. */
export interface PermitWaiter {
  /** On whose behalf it waits; must not change meanwhile. Those who do not say are one party together. */
  readonly party?: object | undefined;
  /** The permit is yours now, and yours to release. Must not throw. */
  granted(): void;
}

/** How to wait for a permit. */
export interface AcquireOptions {
  /** Aborting it gives up waiting, with code `cancelled`. */
  readonly signal?: AbortSignal;
  /** On whose behalf this waits, such as a handler's `context.peer`. Those who do not say are one party together. */
  readonly party?: object;
}

/** The waiters of one party, of whom there is at least one. */
type Party = WaitingLine<PermitWaiter>;

/** The bound of a semaphore besides its permits. */
export interface SemaphoreOptions {
  /** How many `acquire` calls may wait at once. */
  readonly waitingMax?: number;
  /** How many tasks may run on without a permit after they were given up, because they ignored their signal. */
  readonly lentMax?: number;
}

/** The bound of a semaphore whose maker does not say. */
export const SEMAPHORE_DEFAULTS: Required<SemaphoreOptions> = Object.freeze({ waitingMax: 10_000, lentMax: 256 });

/**
 * Hands out a fixed number of permits. Parties take turns, and within one it is first come, first served. Nobody
 * overtakes: while somebody waits, a permit that comes free goes to one who waits, and `tryAcquire` gets none.
 */
export class Semaphore {
  readonly permits: number;
  readonly #waitingMax: number;
  readonly #lentMax: number;
  readonly #parties = new Map<object, Party>();
  readonly #turns = new WaitingLine<Party>();
  #waiting = 0;
  #inUse = 0;
  /** Permits of tasks that run on without them. */
  #lent = 0;
  #isGranting = false;

  /** @throws ActorError `option-invalid` unless `permits` is a positive integer. */
  constructor(permits: number, options: SemaphoreOptions = SEMAPHORE_DEFAULTS) {
    if (!Number.isSafeInteger(permits) || permits < 1) {
      throw new ActorError("option-invalid", `a semaphore needs a positive whole number of permits, not ${permits}`);
    }
    this.permits = permits;
    this.#waitingMax = options.waitingMax ?? SEMAPHORE_DEFAULTS.waitingMax;
    this.#lentMax = options.lentMax ?? SEMAPHORE_DEFAULTS.lentMax;
  }

  /** How many permits nobody holds. */
  get available(): number {
    return this.permits - this.#inUse;
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Takes a permit if one is free and nobody waits for it. */
  tryAcquire(): boolean {
    if (this.#inUse === this.permits || this.#waiting > 0) return false;
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
    if (this.#waiting >= this.#waitingMax) {
      return Promise.reject(new ActorError("semaphore-full", `${this.#waiting} wait for a permit already`));
    }
    return new Promise((resolve, reject) => {
      const waiter: PermitWaiter = {
        party: options?.party,
        granted: () => {
          signal?.removeEventListener("abort", giveUp);
          resolve();
        },
      };
      const giveUp = (): void => {
        if (this.#remove(waiter)) reject(cancelled(signal as AbortSignal));
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#push(waiter);
    });
  }

  /**
   * Waits for a permit without a promise: `waiter.granted` is called once, inside this call if a permit is free and
   * nobody waits, and otherwise inside the `release` that frees one. One object waits once. How many wait this way is
   * bounded by the caller.
   */
  enqueue(waiter: PermitWaiter): void {
    this.#push(waiter);
    this.#grant();
  }

  /** Stops waiting. False if `waiter` does not wait: it has been granted its permit, which must then be released. */
  cancel(waiter: PermitWaiter): boolean {
    return this.#remove(waiter);
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

  /**
   * A task that holds a permit was given up and runs on: its permit goes to others, and `repay` is to follow when it has
   * really ended. False, and the permit stays, if `lentMax` run on already: this bounds what runs.
   */
  lend(): boolean {
    if (this.#lent >= this.#lentMax) return false;
    this.#lent++;
    this.release();
    return true;
  }

  /** A task that ran on has ended. */
  repay(): void {
    this.#lent--;
  }

  /** A loop and not a recursion: a waiter may release inside `granted`, and thousands may do so one after the other. */
  #grant(): void {
    if (this.#isGranting) return;
    this.#isGranting = true;
    while (this.#waiting > 0 && this.#inUse < this.permits) {
      const waiter = this.#shift();
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

  #push(waiter: PermitWaiter): void {
    const key = waiter.party ?? this;
    let party = this.#parties.get(key);
    if (party === undefined) {
      party = new WaitingLine();
      this.#parties.set(key, party);
      this.#turns.push(party);
    }
    const before = party.length;
    party.push(waiter);
    this.#waiting += party.length - before;
  }

  /** Takes out the next waiter of the party whose turn it is. */
  #shift(): PermitWaiter {
    const party = this.#turns.shift() as Party;
    const waiter = party.shift() as PermitWaiter;
    this.#waiting--;
    if (party.length > 0) this.#turns.push(party);
    else this.#parties.delete(waiter.party ?? this);
    return waiter;
  }

  #remove(waiter: PermitWaiter): boolean {
    const key = waiter.party ?? this;
    const party = this.#parties.get(key);
    if (party?.remove(waiter) !== true) return false;
    this.#waiting--;
    if (party.length === 0) {
      this.#parties.delete(key);
      this.#turns.remove(party);
    }
    return true;
  }
}

function cancelled(signal: AbortSignal): ActorError {
  return new ActorError("cancelled", "gave up waiting for a permit", { cause: signal.reason });
}

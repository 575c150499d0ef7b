// A lane with a bound, and a rule for what happens at the bound. It knows nothing of what it carries.
//
// Invariant: somebody stands in the line only while the lane is full, because whoever makes room admits the first in
// the line at once. So nobody overtakes, and items come out in the order in which they were offered.

import { Ring } from "../base/index.js";
import { ActorError } from "./error.js";
import type { Lane } from "./mailbox.js";
import { WaitingLine } from "./waiting-line.js";

/**
 * What a full lane does with one more item: its sender waits, it is refused, or the oldest item makes room for it.
 */
export type Overflow = "wait" | "reject" | "drop-oldest";

/** Waits with its item for room, without a promise. Neither function may throw. */
export interface Parked<T> {
  readonly item: T;
  /** The item is in the lane now. */
  admitted(): void;
  /** The item will not get in. */
  refused(error: ActorError): void;
}

/** What ends the waiting for room early. */
export interface PushOptions {
  /** Aborting it gives up waiting for room, with code `cancelled`. */
  readonly signal?: AbortSignal | undefined;
}

/** The bound of a lane, and what happens at the bound. */
export interface LaneOptions<T> {
  /** How many items it holds. */
  readonly capacity?: number;
  readonly overflow?: Overflow;
  /** How many senders may wait for room at once. */
  readonly parkedMax?: number;
  /** Told of each item that was dropped to make room. Must not throw. */
  readonly onDropped?: (item: T) => void;
}

/** The bounds of a lane whose owner does not say. */
export const LANE_DEFAULTS: Required<Omit<LaneOptions<unknown>, "onDropped">> = Object.freeze({
  capacity: 1000,
  overflow: "wait",
  parkedMax: 10_000,
});

/** Below this many discarded items the lane is not swept. */
const SWEEP_MIN = 32;

/** A first-in-first-out lane that never holds more than `capacity` items. */
export class BoundedLane<T> implements Lane<T> {
  readonly capacity: number;
  readonly overflow: Overflow;
  readonly #parkedMax: number;
  readonly #onDropped: ((item: T) => void) | undefined;
  readonly #items = new Ring<T>();
  readonly #line = new WaitingLine<Parked<T>>();
  /** Items in the ring that nobody wants any more. */
  readonly #discarded = new Set<T>();
  #dropped = 0;
  #isPaused = false;
  #closedWith: ActorError | undefined;

  /** @throws ActorError `option-invalid` for a capacity below 1, or a negative `parkedMax`. */
  constructor(options: LaneOptions<T> = {}) {
    const { capacity = LANE_DEFAULTS.capacity, overflow = LANE_DEFAULTS.overflow } = options;
    const { parkedMax = LANE_DEFAULTS.parkedMax } = options;
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      throw new ActorError("option-invalid", `a capacity must be a positive whole number, not ${capacity}`);
    }
    if (!Number.isSafeInteger(parkedMax) || parkedMax < 0) {
      throw new ActorError("option-invalid", `parkedMax must be a whole number, not ${parkedMax}`);
    }
    if (overflow !== "wait" && overflow !== "reject" && overflow !== "drop-oldest") {
      throw new ActorError("option-invalid", `overflow must be wait, reject or drop-oldest, not ${String(overflow)}`);
    }
    this.capacity = capacity;
    this.overflow = overflow;
    this.#parkedMax = parkedMax;
    this.#onDropped = options.onDropped;
  }

  /** How many items it holds. */
  get length(): number {
    return this.#items.length - this.#discarded.size;
  }

  /** How many senders wait for room. */
  get parked(): number {
    return this.#line.length;
  }

  /** How many items have been dropped to make room, since the beginning. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Puts `item` last if there is room, or if the oldest may be dropped for it. */
  tryPush(item: T): boolean {
    if (this.#closedWith !== undefined) return false;
    if (this.length < this.capacity) {
      this.#items.push(item);
      return true;
    }
    if (this.overflow !== "drop-oldest") return false;
    const oldest = this.#shift() as T;
    this.#items.push(item);
    this.#dropped++;
    // Told last: it may push in its turn.
    this.#onDropped?.(oldest);
    return true;
  }

  /**
   * Resolves when `item` is in the lane. Rejects with `mailbox-full` when there is no room and the overflow policy is
   * to refuse, or when too many wait already; with `cancelled` when aborted while it waits; with what the lane was
   * closed with.
   */
  push(item: T, options?: PushOptions): Promise<void> {
    if (this.tryPush(item)) return Promise.resolve();
    const signal = options?.signal;
    if (signal?.aborted === true) return Promise.reject(gaveUp(signal));
    return new Promise((resolve, reject) => {
      const settle = (): void => signal?.removeEventListener("abort", giveUp);
      const parked: Parked<T> = {
        item,
        admitted() {
          settle();
          resolve();
        },
        refused(error) {
          settle();
          reject(error);
        },
      };
      const giveUp = (): void => {
        if (this.unpark(parked)) reject(gaveUp(signal as AbortSignal));
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.park(parked);
    });
  }

  /** Waits for room, after `tryPush` found none. Answers through `parked` exactly once, unless `unpark` takes it back. */
  park(parked: Parked<T>): void {
    if (this.#closedWith !== undefined) parked.refused(this.#closedWith);
    else if (this.overflow === "wait" && this.#line.length < this.#parkedMax) this.#line.push(parked);
    else parked.refused(this.#full());
  }

  /** Stops waiting. False if it does not wait any more. */
  unpark(parked: Parked<T>): boolean {
    return this.#line.remove(parked);
  }

  take(): T | undefined {
    if (this.#isPaused) return undefined;
    const item = this.#shift();
    if (this.#line.length > 0) this.#admit();
    return item;
  }

  /**
   * Takes out `item`, which must be in the lane and in it only once, in constant time on average: it stays where it is
   * until it comes up or enough others have been discarded to sweep them all out.
   */
  discard(item: T): void {
    this.#discarded.add(item);
    if (this.#discarded.size >= SWEEP_MIN && this.#discarded.size * 2 > this.#items.length) this.#sweep();
    if (this.#line.length > 0) this.#admit();
  }

  /** From now on nothing is ready, whatever the lane holds. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Ends a pause. */
  resume(): void {
    this.#isPaused = false;
  }

  /** Refuses what waits and whatever comes from now on; what is in the lane can still be taken. */
  close(error: ActorError): void {
    this.#closedWith ??= error;
    for (const parked of this.#line.clear()) parked.refused(error);
  }

  /** Takes out everything, oldest first, paused or not. */
  clear(): T[] {
    const items = this.#items.clear().filter((item) => !this.#discarded.has(item));
    this.#discarded.clear();
    while (this.#line.length > 0 && this.length < this.capacity) this.#admit();
    return items;
  }

  #shift(): T | undefined {
    let item = this.#items.shift();
    while (this.#discarded.size > 0 && this.#discarded.delete(item as T)) item = this.#items.shift();
    return item;
  }

  #admit(): void {
    if (this.length >= this.capacity) return;
    const parked = this.#line.shift();
    if (parked === undefined) return;
    this.#items.push(parked.item);
    parked.admitted();
  }

  #sweep(): void {
    for (let rounds = this.#items.length; rounds > 0; rounds--) {
      const item = this.#items.shift() as T;
      if (!this.#discarded.delete(item)) this.#items.push(item);
    }
  }

  #full(): ActorError {
    const waiting = this.#line.length === 0 ? "" : ` and ${this.#line.length} wait for room`;
    return new ActorError("mailbox-full", `the mailbox holds ${this.capacity} messages${waiting}`);
  }
}

function gaveUp(signal: AbortSignal): ActorError {
  return new ActorError("cancelled", "gave up waiting for room in the mailbox", { cause: signal.reason });
}

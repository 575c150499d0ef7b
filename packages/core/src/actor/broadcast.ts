// One value for many: whoever subscribes gets what is published from then on. Each subscriber has a bounded queue of its own, so
// that one that is slow costs its bound and nobody else anything; and a value is encoded once for all who are elsewhere.

import { oneShot, Ring, type OneShot } from "../base/index.js";
import { ActorError, RemoteError } from "./error.js";
import type { ItemSource } from "./item-source.js";

/** What becomes of a subscriber's queue that is full. */
export type BroadcastOverflow =
  /** The oldest value in it is dropped. */
  | "drop-oldest"
  /** A value takes the place of one of the same key; without such a one the oldest is dropped. */
  | "conflate"
  /** The subscription ends with RemoteError `subscriber-slow`. */
  | "disconnect";

/** How many wait for a subscriber, and what if there are more. */
export interface BroadcastOptions<T> {
  /** How many values may wait for one subscriber. 1,024 unless set. */
  readonly capacity?: number;
  /** `drop-oldest` unless set, or `conflate` if there is a `key`. */
  readonly overflow?: BroadcastOverflow;
  /** What a value is about: of two about the same, a slow subscriber gets the newer one alone. */
  readonly key?: (value: T) => string | number;
}

/** How many values wait for one subscriber, unless something else is said. */
export const BROADCAST_CAPACITY = 1024;

/** How a subscription ends from outside. */
export interface SubscribeOptions {
  /** Aborting it ends the subscription. A handler's signal is not needed: leaving the loop is enough. */
  readonly signal?: AbortSignal;
}

/**
 * Publishes values to whoever subscribes, here or through a stream of a service.
 *
 * @example
 * const Prices = defineService("prices", { all: stream<void, number>() });
 * const prices = new Broadcast<number>({ capacity: 100 });
 * const services = new ServiceMap().add(Prices, { all: () => prices.subscribe() });
 * prices.publish(12.5);
 */
export class Broadcast<T> {
  readonly #pending: () => Pending<T>;
  readonly #subscriptions = new Set<Subscription<T>>();
  #isClosed = false;

  /** @throws ActorError `option-invalid` */
  constructor({ capacity = BROADCAST_CAPACITY, key, overflow }: BroadcastOptions<T> = {}) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new ActorError("option-invalid", "capacity must be a whole number from 1");
    }
    if (overflow !== undefined && (overflow === "conflate") !== (key !== undefined)) {
      throw new ActorError("option-invalid", "to conflate takes a key, and a key is for that alone");
    }
    this.#pending = () =>
      key === undefined ? new PendingValues(capacity, overflow !== "disconnect") : new PendingByKey(capacity, key);
  }

  /** How many subscribe now. */
  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** Gives a value to everybody who subscribes now. It never waits, and must not be changed afterwards. */
  publish(value: T): void {
    if (this.#subscriptions.size === 0) return;
    const shared = new Shared(value);
    for (const subscription of this.#subscriptions) subscription.add(shared);
  }

  /** What is published from now on. Leaving the loop ends it. */
  subscribe({ signal }: SubscribeOptions = {}): AsyncIterableIterator<T> & { readonly dropped: number } {
    const subscription = new Subscription<T>(this.#pending(), () => this.#subscriptions.delete(subscription));
    if (this.#isClosed || signal?.aborted === true) subscription.end(undefined);
    else this.#subscriptions.add(subscription);
    signal?.addEventListener("abort", () => subscription.end(undefined), { once: true });
    return subscription;
  }

  /** Ends every subscription, once what waits for it is taken. */
  close(): void {
    this.#isClosed = true;
    for (const subscription of [...this.#subscriptions]) subscription.end(undefined);
  }
}

/** A value, and what it is in bytes as soon as somebody has asked. */
export class Shared<T = unknown> {
  readonly value: T;
  #bytes: Uint8Array | undefined;
  #format: unknown;

  constructor(value: T) {
    this.value = value;
  }

  /** Encodes it, unless it was encoded in this format before. */
  encoded(format: unknown, encode: (value: T) => Uint8Array): Uint8Array {
    if (this.#bytes === undefined || this.#format !== format) {
      this.#bytes = encode(this.value);
      this.#format = format;
    }
    return this.#bytes;
  }
}

/** The values of something iterable with their bytes, if it is shared with others; undefined otherwise. */
export function sharedItems(iterable: unknown): ItemSource | undefined {
  return iterable instanceof SharedItems ? iterable.shared() : undefined;
}

/** Something that can be iterated whose values others get as well: as a stream, each is encoded once for all. */
export abstract class SharedItems {
  /** The same values, each as a `Shared`; those that are there come at once. */
  abstract shared(): ItemSource;
}

type Result<T> = IteratorResult<Shared<T>, undefined>;

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

class Subscription<T> extends SharedItems implements AsyncIterableIterator<T> {
  readonly #pending: Pending<T>;
  readonly #onEnded: () => void;
  readonly #waiting = new Ring<OneShot<Result<T>>>();
  #isEnded = false;
  #error: RemoteError | undefined;

  constructor(pending: Pending<T>, onEnded: () => void) {
    super();
    this.#pending = pending;
    this.#onEnded = onEnded;
  }

  get dropped(): number {
    return this.#pending.dropped;
  }

  add(shared: Shared<T>): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting.resolve({ done: false, value: shared });
    if (this.#pending.add(shared)) return;
    this.#pending.clear();
    this.end(new RemoteError("subscriber-slow", "more was published than this subscriber has taken"));
  }

  /** What waits can still be taken, and then the error is told, once. */
  end(error: RemoteError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#onEnded();
    for (const waiting of this.#waiting.clear()) this.#last().then(waiting.resolve, waiting.reject);
  }

  next(): Promise<IteratorResult<T>> {
    return Promise.resolve(this.#next()).then((result) =>
      result.done === true ? result : { done: false, value: result.value.value },
    );
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#error = undefined;
    this.#pending.clear();
    this.end(undefined);
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The same values with their bytes. */
  shared(): ItemSource {
    // Some are there at once: both kinds of iterators in one, as whoever streams items takes them.
    return { next: () => this.#next(), return: () => this.return() } as ItemSource;
  }

  #next(): Result<T> | Promise<Result<T>> {
    const value = this.#pending.take();
    if (value !== undefined) return { done: false, value };
    if (this.#isEnded) return this.#last();
    const waiting = oneShot<Result<T>>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  async #last(): Promise<IteratorReturnResult<undefined>> {
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return DONE;
  }
}

/** What waits for one subscriber. */
interface Pending<T> {
  readonly dropped: number;
  /** False if there is no room, and nothing to be dropped. */
  add(shared: Shared<T>): boolean;
  take(): Shared<T> | undefined;
  clear(): void;
}

/** In the order in which they were published. */
class PendingValues<T> implements Pending<T> {
  readonly #values = new Ring<Shared<T>>();
  readonly #capacity: number;
  readonly #mayDrop: boolean;
  dropped = 0;

  constructor(capacity: number, mayDrop: boolean) {
    this.#capacity = capacity;
    this.#mayDrop = mayDrop;
  }

  add(shared: Shared<T>): boolean {
    if (this.#values.length >= this.#capacity) {
      if (!this.#mayDrop) return false;
      this.#values.shift();
      this.dropped++;
    }
    this.#values.push(shared);
    return true;
  }

  take(): Shared<T> | undefined {
    return this.#values.shift();
  }

  clear(): void {
    this.#values.clear();
  }
}

/** The newest of each key, in the order in which the keys came. */
class PendingByKey<T> implements Pending<T> {
  readonly #values = new Map<string | number, Shared<T>>();
  readonly #capacity: number;
  readonly #key: (value: T) => string | number;
  dropped = 0;

  constructor(capacity: number, key: (value: T) => string | number) {
    this.#capacity = capacity;
    this.#key = key;
  }

  add(shared: Shared<T>): boolean {
    const key = this.#key(shared.value);
    if (this.#values.has(key)) this.dropped++;
    else if (this.#values.size >= this.#capacity) {
      this.take();
      this.dropped++;
    }
    this.#values.set(key, shared);
    return true;
  }

  take(): Shared<T> | undefined {
    for (const [key, shared] of this.#values) {
      this.#values.delete(key);
      return shared;
    }
    return undefined;
  }

  clear(): void {
    this.#values.clear();
  }
}

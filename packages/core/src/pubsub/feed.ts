// What one publisher has published, and how far each subscriber has come: one ring for all, and a place in it for each. A
// subscriber that is slow costs nothing but its place; what it must not miss is waited for, for a while.

import { oneShot, type CancelTimer, type Clock, type OneShot } from "../base/index.js";
import { RemoteError, Shared, SharedItems, type ItemSource } from "../actor/index.js";

/** A value with its number, which counts from 1 for each publisher. */
export type Numbered = readonly [sequence: number, value: unknown];

/** What becomes of a subscriber that is behind by as much as is kept. */
export type SlowSubscriber =
  /** It is waited for, and if that takes too long it misses the oldest. */
  | "block"
  /** It misses the oldest. */
  | "drop-oldest"
  /** Its subscription ends with `subscriber-slow`. */
  | "disconnect";

/** How a feed treats those who are slow. */
export interface FeedOptions {
  readonly clock: Clock;
  /** How many of the newest values those get who come later. */
  readonly keep: number;
  /** How many values a subscriber may be behind. */
  readonly capacity: number;
  /** How many bytes of them, as far as they were encoded. */
  readonly bytesMax: number;
  readonly slow: SlowSubscriber;
  /** How long is waited for those who are slow, in milliseconds. */
  readonly blockMs: number;
  /** How many subscribe now, when that changes. */
  readonly matched: (count: number) => void;
  /** A value cannot be sent: those who are elsewhere miss it. */
  readonly failed: (error: Error) => void;
}

/** Figures of a feed. */
export interface FeedStats {
  readonly published: number;
  /** Values that somebody has missed, added up over all. */
  readonly dropped: number;
  readonly disconnected: number;
}

const PUBLISHED: Promise<void> = Promise.resolve();

class Sample extends Shared<Numbered> {
  readonly #feed: Feed;
  #hasFailed = false;
  bytes = 0;

  constructor(value: Numbered, feed: Feed) {
    super(value);
    this.#feed = feed;
  }

  override encoded(format: unknown, encode: (value: Numbered) => Uint8Array): Uint8Array {
    let bytes: Uint8Array;
    try {
      bytes = super.encoded(format, encode);
    } catch (error) {
      // Its number without a value: the stream goes on, and its reader knows that it has missed one.
      if (!this.#hasFailed) this.#feed.failed(error as Error);
      this.#hasFailed = true;
      return encode([this.value[0]] as never);
    }
    if (this.bytes === 0) {
      this.bytes = bytes.length;
      this.#feed.encoded(this.value[0], bytes.length);
    }
    return bytes;
  }
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #ring: (Sample | undefined)[];
  readonly #subscriptions = new Set<FeedSubscription>();
  /** The numbers of the oldest value that is kept and of the next one. */
  #first = 1;
  #next = 1;
  #bytes = 0;
  #dropped = 0;
  #disconnected = 0;
  #blocked: { readonly shot: OneShot<void>; readonly cancel: CancelTimer } | undefined;
  #isClosed = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#ring = new Array<Sample | undefined>(Math.max(options.capacity, options.keep));
  }

  get subscribers(): number {
    return this.#subscriptions.size;
  }

  get stats(): FeedStats {
    return { published: this.#next - 1, dropped: this.#dropped, disconnected: this.#disconnected };
  }

  /** The number of the newest value; 0 before the first. */
  get newest(): number {
    return this.#next - 1;
  }

  /** Takes a value in. Resolves when there is room for the next one. */
  publish(value: unknown): Promise<void> {
    const sequence = this.#next++;
    const slot = sequence % this.#ring.length;
    if (sequence - this.#first >= this.#ring.length) this.#evict(sequence - this.#ring.length + 1);
    // With nobody to send it to and none to keep, a value costs its number.
    if (this.#subscriptions.size === 0 && this.#options.keep === 0) {
      this.#evict(this.#next);
      return PUBLISHED;
    }
    this.#ring[slot] = new Sample([sequence, value], this);
    for (const subscription of this.#subscriptions) subscription.wake();
    return this.#options.slow === "block" ? this.#room() : PUBLISHED;
  }

  /** From behind `after` on, or with as many of the newest as are kept for those who come later. */
  subscribe(after: number | undefined, keep: number): FeedSubscription {
    const from = after === undefined ? this.#next - Math.min(keep, this.#options.keep) : after + 1;
    const subscription = new FeedSubscription(this, Math.max(1, Math.min(from, this.#next)));
    if (this.#isClosed) subscription.end(undefined);
    else {
      this.#subscriptions.add(subscription);
      this.#options.matched(this.#subscriptions.size);
    }
    return subscription;
  }

  close(): void {
    this.#isClosed = true;
    for (const subscription of [...this.#subscriptions]) subscription.end(undefined);
    this.#release();
  }

  /** For subscriptions only: the value at a place, or the place to go on at if that is not there any more. */
  at(place: number): Sample | number | undefined {
    if (place >= this.#next) return undefined;
    return place < this.#first ? this.#first : this.#ring[place % this.#ring.length];
  }

  /** For subscriptions only. */
  missed(count: number): void {
    this.#dropped += count;
  }

  /** For subscriptions only. */
  taken(): void {
    if (this.#blocked !== undefined && !this.#isCrowded()) this.#release();
  }

  /** For subscriptions only. */
  left(subscription: FeedSubscription): void {
    if (!this.#subscriptions.delete(subscription)) return;
    this.#options.matched(this.#subscriptions.size);
    this.taken();
  }

  /** For samples only. */
  failed(error: Error): void {
    this.#dropped++;
    this.#options.failed(error);
  }

  /** For samples only: a value is in memory as bytes as well. */
  encoded(sequence: number, bytes: number): void {
    // What is not kept any more was encoded for somebody who had taken it before.
    if (sequence < this.#first) return;
    this.#bytes += bytes;
    while (this.#bytes > this.#options.bytesMax && this.#first < this.#next - 1) this.#evict(this.#first + 1);
  }

  /** Lets go of everything below a number; whoever was there has missed it. */
  #evict(first: number): void {
    for (; this.#first < first; this.#first++) {
      const slot = this.#first % this.#ring.length;
      this.#bytes -= this.#ring[slot]?.bytes ?? 0;
      this.#ring[slot] = undefined;
    }
    if (this.#options.slow !== "disconnect") return;
    for (const subscription of [...this.#subscriptions]) {
      if (subscription.place >= first) continue;
      this.#disconnected++;
      subscription.end(new RemoteError("subscriber-slow", "more was published than this subscriber has taken"));
    }
  }

  /** Whether somebody would miss the oldest if one more were published. */
  #isCrowded(): boolean {
    const limit = this.#next - this.#options.capacity;
    for (const { place } of this.#subscriptions) if (place <= limit) return true;
    return false;
  }

  #room(): Promise<void> {
    if (this.#blocked !== undefined) return this.#blocked.shot.promise;
    if (!this.#isCrowded()) return PUBLISHED;
    const shot = oneShot<void>();
    const cancel = this.#options.clock.schedule(this.#options.blockMs, () => this.#giveUp());
    this.#blocked = { shot, cancel };
    return shot.promise;
  }

  /** Those who are slow have had their time: they miss what the others are not to wait for any longer. */
  #giveUp(): void {
    const limit = this.#next - this.#options.capacity + 1;
    for (const subscription of this.#subscriptions) subscription.skipTo(limit);
    this.#release();
  }

  #release(): void {
    this.#blocked?.cancel();
    this.#blocked?.shot.resolve();
    this.#blocked = undefined;
  }
}

type Result = IteratorResult<Sample, undefined>;

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/** One subscriber's way through a feed. */
export class FeedSubscription extends SharedItems implements AsyncIterableIterator<Numbered> {
  readonly #feed: Feed;
  place: number;
  #reader: OneShot<Result> | undefined;
  #isEnded = false;
  #error: RemoteError | undefined;

  constructor(feed: Feed, place: number) {
    super();
    this.#feed = feed;
    this.place = place;
  }

  /** For feeds only: there is something new. */
  wake(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#reader = undefined;
    reader.resolve(this.#take() ?? DONE);
  }

  /** For feeds only: what is below a number is missed. */
  skipTo(place: number): void {
    if (place <= this.place) return;
    this.#feed.missed(place - this.place);
    this.place = place;
  }

  /** What was published before can still be taken, and then the error is told, once; a slow one has lost its place. */
  end(error: RemoteError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#feed.left(this);
    if (this.#reader === undefined) return;
    this.#last().then(this.#reader.resolve, this.#reader.reject);
    this.#reader = undefined;
  }

  async next(): Promise<IteratorResult<Numbered, undefined>> {
    const { done, value } = await this.#next();
    return done === true ? DONE : { done: false, value: value.value };
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.end(undefined);
    this.place = Infinity;
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  shared(): ItemSource {
    return { next: () => this.#next(), return: () => this.return() } as ItemSource;
  }

  #next(): Result | Promise<Result> {
    const taken = this.#error === undefined ? this.#take() : undefined;
    if (taken !== undefined) return taken;
    if (this.#isEnded) return this.#last();
    this.#reader ??= oneShot<Result>();
    return this.#reader.promise;
  }

  #take(): Result | undefined {
    for (;;) {
      const found = this.#feed.at(this.place);
      if (found === undefined) return undefined;
      if (typeof found === "number") this.skipTo(found);
      else {
        this.place++;
        this.#feed.taken();
        return { done: false, value: found };
      }
    }
  }

  async #last(): Promise<IteratorReturnResult<undefined>> {
    const error = this.#error;
    this.#error = undefined;
    this.place = Infinity;
    if (error !== undefined) throw error;
    return DONE;
  }
}

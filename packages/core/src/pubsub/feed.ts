// What one publisher has published, and how far each subscriber has come: one ring for all, and a place in it for each. A
// subscriber that is slow costs nothing but its place; what it must not miss is waited for, for a while.

import { oneShot, type CancelTimer, type Clock, type OneShot } from "../base/index.js";
import { RemoteError, Shared } from "../actor/index.js";
import { FeedSubscription } from "./feed-subscription.js";

/** A value with its number, which counts from 1 for each publisher. */
export type Numbered = readonly [sequence: number, value: unknown];

/** What becomes of a subscriber that is behind by as much as is kept. */
export type SlowSubscriber =
  /** It is waited for, and if that takes too long it misses the oldest; it is waited for again when it has taken something. */
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
  /** How many bytes of them, guessed until they are encoded; twice as many as long as somebody is waited for. */
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

/** How many parts of the first values are looked at to guess how many bytes they take. */
const GUESSED_PARTS_MAX = 1000;

const PUBLISHED: Promise<void> = Promise.resolve();

/** A value on its way to many. */
export class Sample extends Shared<Numbered> {
  readonly #feed: Feed;
  #hasFailed = false;
  #isMeasured = false;
  /** How many it takes when it is encoded: a guess until it is. */
  bytes: number;

  constructor(value: Numbered, bytes: number, feed: Feed) {
    super(value);
    this.bytes = bytes;
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
    if (!this.#isMeasured) {
      this.#isMeasured = true;
      const guessed = this.bytes;
      this.bytes = bytes.length;
      this.#feed.measured(this.value[0], bytes.length, guessed);
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
  /** How many bytes a value takes, as those did that were encoded last. */
  #usualBytes: number | undefined;
  #dropped = 0;
  #disconnected = 0;
  /** Somebody waits to publish, for those who have not come beyond `oldest`. */
  #blocked: { readonly shot: OneShot<void>; readonly cancel: CancelTimer; oldest: number } | undefined;
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
    const bytes = this.#guess(value);
    this.#ring[slot] = new Sample([sequence, value], bytes, this);
    this.#bytes += bytes;
    if (this.#bytes > this.#options.bytesMax) this.#shrink();
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
  taken(place: number): void {
    // Whoever was not among the last holds nobody up.
    if (this.#blocked === undefined || place > this.#blocked.oldest) return;
    this.#shrink();
    this.#blocked.oldest = this.#oldestWaitedFor();
    if (!this.#isCrowded(this.#blocked.oldest)) this.#release();
  }

  /** For subscriptions only. */
  left(subscription: FeedSubscription): void {
    if (!this.#subscriptions.delete(subscription)) return;
    this.#options.matched(this.#subscriptions.size);
    this.taken(subscription.place);
  }

  /** For subscriptions only: what is left for one of them, nobody will take. Whoever leaves earlier has not missed it. */
  abandoned(place: number): void {
    if (this.#isClosed) this.missed(Math.max(0, this.#next - place));
  }

  /** For samples only. */
  failed(error: Error): void {
    this.#dropped++;
    this.#options.failed(error);
  }

  /** For samples only: how many bytes a value takes is known now. */
  measured(sequence: number, bytes: number, guessed: number): void {
    this.#usualBytes = this.#usualBytes === undefined ? bytes : this.#usualBytes + (bytes - this.#usualBytes) / 8;
    // What is not kept any more was encoded for somebody who had taken it before.
    if (sequence < this.#first) return;
    this.#bytes += bytes - guessed;
    if (this.#bytes > this.#options.bytesMax) this.#shrink();
  }

  #guess(value: unknown): number {
    if (typeof value === "string") return value.length;
    if (ArrayBuffer.isView(value)) return value.byteLength;
    return this.#usualBytes ?? roughBytes(value, { left: GUESSED_PARTS_MAX });
  }

  /** Lets go of the oldest where there are too many bytes: of what nobody waits for, or of anything if it is far too much. */
  #shrink(): void {
    const { bytesMax, slow } = this.#options;
    const wanted = slow === "block" && this.#bytes <= 2 * bytesMax ? this.#oldestWaitedFor() : Infinity;
    const end = Math.min(wanted, this.#next - 1);
    while (this.#bytes > bytesMax && this.#first < end) this.#evict(this.#first + 1);
  }

  #oldestWaitedFor(): number {
    let oldest = Infinity;
    for (const { place, isGivenUp } of this.#subscriptions) if (!isGivenUp && place < oldest) oldest = place;
    return oldest;
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

  /** Whether the last of those who are waited for would miss something if one more were published. */
  #isCrowded(oldest: number): boolean {
    if (oldest <= this.#next - this.#options.capacity) return true;
    return this.#bytes > this.#options.bytesMax && oldest < this.#next - 1;
  }

  #room(): Promise<void> {
    if (this.#blocked !== undefined) return this.#blocked.shot.promise;
    const oldest = this.#oldestWaitedFor();
    if (!this.#isCrowded(oldest)) return PUBLISHED;
    const shot = oneShot<void>();
    const cancel = this.#options.clock.schedule(this.#options.blockMs, () => this.#giveUp());
    this.#blocked = { shot, cancel, oldest };
    return shot.promise;
  }

  /** Those who are slow have had their time: they miss what the others are not to wait for any longer. */
  #giveUp(): void {
    const { capacity, bytesMax } = this.#options;
    let limit = Math.max(this.#first, this.#next - capacity + 1);
    let bytes = this.#bytes;
    for (let at = this.#first; at < this.#next - 1 && (at < limit || bytes > bytesMax); at++) {
      bytes -= this.#ring[at % this.#ring.length]?.bytes ?? 0;
      limit = Math.max(limit, at + 1);
    }
    for (const subscription of this.#subscriptions) {
      if (subscription.place >= limit) continue;
      subscription.skipTo(limit);
      subscription.isGivenUp = true;
    }
    this.#shrink();
    this.#release();
  }

  #release(): void {
    this.#blocked?.cancel();
    this.#blocked?.shot.resolve();
    this.#blocked = undefined;
  }
}

/** About as many bytes as a value takes when it is encoded. */
function roughBytes(value: unknown, parts: { left: number }): number {
  if (typeof value === "string") return value.length;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== "object" || value === null || parts.left-- <= 0) return 1;
  let bytes = 1;
  for (const [name, each] of Object.entries(value)) {
    if (parts.left-- <= 0) break;
    bytes += name.length + roughBytes(each, parts);
  }
  return bytes;
}

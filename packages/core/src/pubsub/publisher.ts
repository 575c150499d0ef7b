// What one publisher says. Nobody who listens, nothing that is sent.

import type { Clock } from "../base/index.js";
import { PubSubError } from "./error.js";
import { Feed, type FeedStats, type SlowSubscriber } from "./feed.js";
import type { FeedSubscription } from "./feed-subscription.js";
import type { Topic } from "./topic.js";
import { validated } from "./validated-value.js";

/** How a publisher treats those who are slow. */
export interface PublisherOptions {
  /**
   * What becomes of a subscriber that is behind by `capacity`. Of a reliable topic `block` unless given; of a best-effort one always
   * `drop-oldest`.
   */
  readonly slow?: SlowSubscriber;
  /** How many values a subscriber may be behind. 1,024 unless given; 64 of a best-effort topic. */
  readonly capacity?: number;
  /** How many bytes of them, about. 4 MiB unless given. */
  readonly bytesMax?: number;
  /** How long `publish` waits for those who are slow, in milliseconds. 100 unless given. */
  readonly blockMs?: number;
}

/** How far behind a subscriber may be, and how long it is waited for, unless something else is said. */
export const PUBLISHER_DEFAULTS: { readonly capacity: number; readonly bytesMax: number; readonly blockMs: number } =
  Object.freeze({ capacity: 1024, bytesMax: 4 * 1024 * 1024, blockMs: 100 });
const BEST_EFFORT_CAPACITY = 64;

/** Publishes values of one topic. Made by `Participant.publisher`. */
export class Publisher<T> {
  readonly topic: Topic;
  /** Within its program. */
  readonly id: number;
  readonly #feed: Feed;
  readonly #onClosed: () => void;
  #isClosed = false;

  /** For `Participant` only. */
  constructor(
    id: number,
    topic: Topic,
    options: PublisherOptions,
    parts: {
      readonly clock: Clock;
      readonly matched: (count: number) => void;
      readonly failed: (error: Error) => void;
      readonly closed: () => void;
    },
  ) {
    const isReliable = topic.reliability === "reliable";
    const capacity = options.capacity ?? (isReliable ? PUBLISHER_DEFAULTS.capacity : BEST_EFFORT_CAPACITY);
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new PubSubError("option-invalid", "capacity must be a whole number from 1");
    }
    this.id = id;
    this.topic = topic;
    this.#onClosed = parts.closed;
    this.#feed = new Feed({
      clock: parts.clock,
      keep: topic.history.keep,
      capacity,
      bytesMax: options.bytesMax ?? PUBLISHER_DEFAULTS.bytesMax,
      slow: isReliable ? (options.slow ?? "block") : "drop-oldest",
      blockMs: options.blockMs ?? PUBLISHER_DEFAULTS.blockMs,
      matched: parts.matched,
      failed: parts.failed,
    });
  }

  /** How many subscribers get its values now. */
  get matched(): number {
    return this.#feed.subscribers;
  }

  get stats(): FeedStats {
    return this.#feed.stats;
  }

  /**
   * Publishes a value, which must not be changed afterwards. Resolves at once unless a slow subscriber is waited for; whoever does not
   * wait for it as well goes on at its own risk, and what they miss is counted.
   *
   * @throws PubSubError `value-invalid` when it does not fit the schema, `closed`
   */
  publish(value: T): Promise<void> {
    if (this.#isClosed) throw new PubSubError("closed", `this publisher of ${this.topic.name} is closed`);
    return this.#feed.publish(validated(this.topic, value));
  }

  /** For `Participant` only. */
  subscribe(after: number | undefined, keep: number): FeedSubscription {
    return this.#feed.subscribe(after, keep);
  }

  /** What was published is still taken by those who subscribe, and then their streams end. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#feed.close();
    this.#onClosed();
  }
}

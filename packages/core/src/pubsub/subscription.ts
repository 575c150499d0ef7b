// What one subscriber gets, from however many publishers: a bounded queue, filled from each by a loop of its own.

import { oneShot, Ring, type OneShot } from "../base/index.js";
import { validated } from "./validated-value.js";
import type { Topic } from "./topic.js";

/** How many values wait for a subscriber, before its publishers have to wait. */
export const SUBSCRIPTION_QUEUED_MAX = 16;

/** Of how many publishers a subscriber remembers how far it has come. */
const PUBLISHERS_REMEMBERED_MAX = 4096;

/** Who has published a value. */
export interface SampleSource {
  /** The participant of its host, the program, and the publisher within that. */
  readonly participant: string;
  readonly program: string;
  readonly publisher: number;
}

/** A value that was published. */
export interface TopicSample<T> {
  readonly value: T;
  readonly source: SampleSource;
  /** Counts from 1 for each publisher. */
  readonly sequence: number;
  /** How many values of this publisher did not come between the one before and this one. */
  readonly missed: number;
}

/** Values of a topic, until the loop is left. Made by `Participant.subscribe`. */
export interface TopicSubscription<T> extends AsyncIterableIterator<TopicSample<T>, undefined> {
  /** How many publishers it gets values from now. */
  readonly matched: number;
  /** How many values did not come, added up over all publishers; those that came but did not fit the schema included. */
  readonly missed: number;
  close(): void;
}

type Result<T> = IteratorResult<TopicSample<T>, undefined>;

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

export class Subscription<T> implements TopicSubscription<T> {
  readonly topic: Topic;
  readonly #onClosed: () => void;
  readonly #lasts = new Map<string, number>();
  readonly #queue = new Ring<TopicSample<T>>();
  #reader: OneShot<Result<T>> | undefined;
  #room: OneShot<void> | undefined;
  #isOver = false;
  matched = 0;
  missed = 0;

  constructor(topic: Topic, onClosed: () => void) {
    this.topic = topic;
    this.#onClosed = onClosed;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** For matches only: the number of the last value that came from a publisher, also before it was lost and found again. */
  lastOf(publisher: string): number | undefined {
    return this.#lasts.get(publisher);
  }

  /** For matches only. */
  cameTo(publisher: string, sequence: number): void {
    if (this.#lasts.size >= PUBLISHERS_REMEMBERED_MAX && !this.#lasts.has(publisher)) {
      const [oldest = ""] = this.#lasts.keys();
      this.#lasts.delete(oldest);
    }
    this.#lasts.set(publisher, sequence);
  }

  /** For matches only: a value has come. Returns a promise if the next one has to wait. */
  take(source: SampleSource, sequence: number, value: unknown, missed: number): Promise<void> | undefined {
    this.missed += missed;
    let checked = value;
    try {
      if (this.topic.schema !== undefined) checked = validated(this.topic, value);
    } catch {
      this.missed++;
      return undefined;
    }
    const sample: TopicSample<T> = { value: checked as T, source, sequence, missed };
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve({ done: false, value: sample });
      return undefined;
    }
    this.#queue.push(sample);
    if (this.#queue.length < SUBSCRIPTION_QUEUED_MAX) return undefined;
    this.#room ??= oneShot();
    return this.#room.promise;
  }

  next(): Promise<Result<T>> {
    const sample = this.#queue.shift();
    if (sample !== undefined) {
      if (this.#room !== undefined && this.#queue.length * 2 < SUBSCRIPTION_QUEUED_MAX) {
        this.#room.resolve();
        this.#room = undefined;
      }
      return Promise.resolve({ done: false, value: sample });
    }
    if (this.#isOver) return Promise.resolve(DONE);
    this.#reader ??= oneShot();
    return this.#reader.promise;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.close();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#queue.clear();
    this.#room?.resolve();
    this.#reader?.resolve(DONE);
    this.#onClosed();
  }
}

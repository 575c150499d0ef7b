// One subscriber's way through a feed: a place in the ring of all, and nothing else.

import { oneShot, type OneShot } from "../base/index.js";
import { SharedItems, type ItemSource, type RemoteError } from "../actor/index.js";
import type { Feed, Numbered, Sample } from "./feed.js";

type Result = IteratorResult<Sample, undefined>;

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/** One subscriber's way through a feed. */
export class FeedSubscription extends SharedItems implements AsyncIterableIterator<Numbered> {
  readonly #feed: Feed;
  place: number;
  /** It was waited for in vain, and has taken nothing since. */
  isGivenUp = false;
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
    this.#feed.abandoned(this.place);
    this.place = Infinity;
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  shared(): ItemSource {
    const leave = (unsent?: Sample): Promise<unknown> => {
      if (unsent !== undefined) this.place--;
      return this.return();
    };
    return { next: () => this.#next(), return: leave } as ItemSource;
  }

  #next(): Result | Promise<Result> {
    const taken = this.#error === undefined ? this.#take() : undefined;
    if (taken !== undefined) return taken;
    if (this.#isEnded) return this.#last();
    this.#reader ??= oneShot<Result>();
    return this.#reader.promise;
  }

  #take(): Result | undefined {
    const from = this.place;
    for (;;) {
      const found = this.#feed.at(this.place);
      if (found === undefined) return undefined;
      if (typeof found === "number") this.skipTo(found);
      else {
        this.place++;
        this.isGivenUp = false;
        this.#feed.taken(from);
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

// A stream that begins when its first item is asked for. It knows nothing of what it is a stream of.

import { oneShot } from "../base/index.js";
import { isThenable } from "./validate.js";

type Result = IteratorResult<unknown, undefined>;
type Opened = AsyncIterator<unknown, undefined> & { ask?(waiter: StreamWaiter): boolean };

/** Who is told of one result of a stream. */
export interface StreamWaiter {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/**
 * An iterator over what `open` gives, which is called once, at the first `next`; a `return` before that opens nothing.
 * What `open` throws or rejects with is told once, by that `next`.
 */
export function lazyStream(open: () => Opened | Promise<Opened>): AsyncIterableIterator<unknown, undefined> {
  return new LazyStream(open);
}

class LazyStream implements AsyncIterableIterator<unknown, undefined> {
  #open: (() => Opened | Promise<Opened>) | undefined;
  #opened: Opened | undefined;
  #opening: Promise<Opened | undefined> | undefined;

  constructor(open: () => Opened | Promise<Opened>) {
    this.#open = open;
  }

  next(): Promise<Result> {
    const { done } = this.#begin();
    if (this.#opened !== undefined) return this.#opened.next();
    if (done !== undefined) return done;
    return (this.#opening as Promise<Opened | undefined>).then((opened) => opened?.next() ?? DONE);
  }

  /** Has the waiter told of what comes next, as it comes and without a promise; false if that is for `next` to tell. */
  ask(waiter: StreamWaiter): boolean {
    return this.#opened?.ask?.(waiter) === true;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#open = undefined;
    const opened = this.#opened;
    if (opened !== undefined) return close(opened);
    if (this.#opening === undefined) return Promise.resolve(DONE);
    return this.#opening.then((late) => (late === undefined ? DONE : close(late)));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Opens it if that has not been done; `done` is what `next` answers if there is nothing to ask. */
  #begin(): { readonly done: Promise<Result> | undefined } {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return { done: this.#opening === undefined ? Promise.resolve(DONE) : undefined };
    let opened: Opened | Promise<Opened>;
    try {
      opened = open();
    } catch (error) {
      const failed = oneShot<Opened>();
      failed.reject(error);
      opened = failed.promise;
    }
    if (!isThenable(opened)) {
      this.#opened = opened;
      return { done: undefined };
    }
    const opening = opened.then((iterator) => (this.#opened = iterator));
    // Only the `next` that opened it is told why that failed; for the others it is over.
    this.#opening = opening.catch(() => undefined);
    return { done: opening.then((iterator) => iterator.next()) };
  }
}

async function close(iterator: Opened): Promise<IteratorReturnResult<undefined>> {
  await iterator.return?.();
  return DONE;
}

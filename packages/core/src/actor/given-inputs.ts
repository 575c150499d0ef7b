// What the caller of an actor of this program streams to it: one item after the other, as the handler asks for them, and
// closed once, when the request is over or the handler wants no more.

import { ActorError } from "./error.js";
import { itemSource, type ItemSource } from "./item-source.js";
import type { Schema } from "./schema.js";
import { checkInput } from "./validate.js";

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

export class GivenInputs implements AsyncIterableIterator<unknown, undefined> {
  readonly #source: ItemSource;
  readonly #schema: Schema | undefined;
  #count = 0;
  #isClosed = false;
  /** Told when the source throws: the request is to be given up with that. */
  onFailed: ((error: unknown) => void) | undefined;

  constructor(given: unknown, schema: Schema | undefined) {
    const source = itemSource(given);
    if (source === undefined) throw new ActorError("option-invalid", "inputs must be iterable");
    this.#source = source;
    this.#schema = schema;
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#isClosed) return DONE;
    let result: IteratorResult<unknown>;
    try {
      result = await this.#source.next();
    } catch (error) {
      this.#isClosed = true;
      this.onFailed?.(error);
      throw error;
    }
    if (result.done === true) {
      this.#isClosed = true;
      return DONE;
    }
    try {
      return { done: false, value: await checkInput(this.#schema, result.value, ["inputs", this.#count++]) };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.close();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Tells the source that nobody wants more, once. What it says to that is nobody's business. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      void Promise.resolve(this.#source.return?.()).catch(() => {});
    } catch {
      // It has been told.
    }
  }
}

/** The inputs of a request that has none. */
export const NO_INPUTS: AsyncIterableIterator<never, undefined> = Object.freeze({
  next: () => Promise.resolve(DONE),
  return: () => Promise.resolve(DONE),
  [Symbol.asyncIterator](): AsyncIterableIterator<never, undefined> {
    return NO_INPUTS;
  },
});

// Chance that a seed repeats: one seed, one run. Not for keys or identities outside tests.

import type { Random } from "../base/index.js";

/** A generator of 32-bit state: a counter that steps by the golden ratio, mixed by the finalizer of MurmurHash3. */
export class SeededRandom implements Random {
  /** What it was made with, for the message of a test that fails. */
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed | 0;
  }

  next(): number {
    return this.#word() / 0x1_0000_0000;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let i = 0, word = 0; i < count; i++, word >>>= 8) {
      if (i % 4 === 0) word = this.#word();
      bytes[i] = word;
    }
    return bytes;
  }

  /** A whole number in [0, max). */
  integer(max: number): number {
    return Math.floor(this.next() * max);
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("there is nothing to pick from");
    return items[this.integer(items.length)] as T;
  }

  #word(): number {
    this.#state = (this.#state + 0x9e37_79b9) | 0;
    let word = this.#state;
    word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
    return (word ^ (word >>> 16)) >>> 0;
  }
}

// Says whether bytes are exactly one CBOR item of the kinds that may travel, before any decoder sees them.
// It knows how CBOR is laid out, which tags the decoder reads faithfully, and the limits; it knows nothing of frames,
// builds no value, never recurses and allocates nothing after its construction.
// What travels is listed in docs/reference/values.md.

import { WireError } from "./error.js";
import type { WireLimits } from "./limits.js";
import { utf8Fault } from "./utf8.js";

/** How many entries one `Set` or `Map` may have: a sender can choose numbers that all fall into one hash bucket. */
export const HASHED_ENTRIES_MAX = 1024;

/**
 * The work that all the `Set`s and `Map`s of one payload may cause, as the sum of the squares of their entry counts:
 * in one bucket, n entries take n²/2 comparisons. One of the largest, or 2,600 of twenty entries.
 */
export const HASHED_WORK_MAX: number = HASHED_ENTRIES_MAX * HASHED_ENTRIES_MAX;

/**
 * What a big integer in a `Set` adds for every entry behind it: comparing two of them takes up to four times as long
 * as two numbers, and so n of them make 4n² - 3n altogether.
 */
const BIGINT_WORK = 6;

/** The farthest time that a `Date` can hold, in seconds from 1970. */
const DATE_SECONDS_MAX = 8_640_000_000_000;

// What the items of the open container are. Those from OBJECT on have a key before every item.
const LIST = 0;
const SET_TAG = 1;
const MAP_TAG = 2;
const SET = 3;
const OBJECT = 4;
const MAP = 5;

const TOO_MUCH_HASHED = "too many entries in all Sets and Maps";

/** Checks payloads, one at a time. The counts tell of the last payload that passed. */
export class Validator {
  readonly #limits: WireLimits;
  /** The containers around the open one: items left × 8 + what they are. */
  readonly #stack: Int32Array;
  readonly #number: DataView = new DataView(new ArrayBuffer(8));
  #start = 0;
  #byteStrings = 0;
  #byteStringBytes = 0;

  constructor(limits: WireLimits) {
    // Counts share a 32-bit integer with three bits of kind.
    this.#limits = { ...limits, containerMax: Math.min(limits.containerMax, 2 ** 28 - 1) };
    this.#stack = new Int32Array(limits.depthMax);
  }

  /** How many byte strings the payload has, those of typed arrays and big integers included. */
  get byteStrings(): number {
    return this.#byteStrings;
  }

  /** How many bytes of the payload are inside byte strings. */
  get byteStringBytes(): number {
    return this.#byteStringBytes;
  }

  /**
   * Accepts `bytes` from `start` to before `end` if they are one whole item within the limits.
   * Otherwise throws `WireError` `payload-invalid`, which names the first fault and its offset from `start`.
   */
  check(bytes: Uint8Array, start: number, end: number): void {
    const { depthMax, itemsMax, containerMax, textBytesMax } = this.#limits;
    const stack = this.#stack;
    this.#start = start;
    if (start < 0 || end > bytes.length) throw this.#refusal("the payload is not within the bytes", start);
    let offset = start;
    let depth = 0;
    let left = 1;
    let kind = LIST;
    let items = 1;
    let hashedWork = 0;
    let byteStrings = 0;
    let byteStringBytes = 0;

    for (;;) {
      while (left === 0) {
        if (depth === 0) {
          if (offset !== end) throw this.#refusal("bytes after the end of the item", offset);
          this.#byteStrings = byteStrings;
          this.#byteStringBytes = byteStringBytes;
          return;
        }
        const outer = stack[--depth]!;
        left = outer >> 3;
        kind = outer & 7;
      }
      left--;
      if (kind >= OBJECT) offset = this.#key(bytes, offset, end, kind);
      if (offset >= end) throw this.#cut(offset);
      const at = offset;
      const head = bytes[offset++]!;
      if (head < 0x18) continue;

      const major = head >> 5;
      let argument = head & 0x1f;
      if (argument > 23) {
        if (argument > 27) throw this.#refusal("an indefinite or reserved length", at);
        const width = 1 << (argument - 24);
        if (width > end - offset) throw this.#cut(offset);
        if (major < 2 || (major === 7 && width > 1)) {
          if (kind === SET && width === 8 && major < 2 && (hashedWork += BIGINT_WORK * left) > HASHED_WORK_MAX)
            throw this.#refusal(TOO_MUCH_HASHED, at);
          offset += width;
          continue;
        }
        argument = unsigned(bytes, offset, width);
        offset += width;
      }
      switch (major) {
        case 1:
          break;
        case 2:
          if (argument > end - offset) throw this.#cut(at);
          byteStrings++;
          byteStringBytes += argument;
          offset += argument;
          break;
        case 3: {
          if (argument > end - offset) throw this.#cut(at);
          if (argument > textBytesMax) throw this.#refusal("a text longer than textBytesMax", at);
          const fault = utf8Fault(bytes, offset, offset + argument);
          if (fault >= 0) throw this.#refusal("a text that is not UTF-8", fault);
          offset += argument;
          break;
        }
        case 4:
        case 5: {
          const perEntry = major - 3;
          if (argument * perEntry > end - offset) throw this.#cut(at);
          if (argument > containerMax) throw this.#refusal("a container with more entries than containerMax", at);
          if ((items += argument * perEntry) > itemsMax) throw this.#refusal("more items than itemsMax", at);
          if (depth === depthMax) throw this.#refusal("nesting deeper than depthMax", at);
          let inside = major === 4 ? LIST : OBJECT;
          if (kind === SET_TAG || kind === MAP_TAG) {
            if (argument > HASHED_ENTRIES_MAX) throw this.#refusal("a Set or Map with too many entries", at);
            if ((hashedWork += argument * argument) > HASHED_WORK_MAX) throw this.#refusal(TOO_MUCH_HASHED, at);
            inside = kind === MAP_TAG ? MAP : SET;
          }
          if (argument > 0) {
            stack[depth++] = (left << 3) | kind;
            left = argument;
            kind = inside;
          }
          break;
        }
        case 6:
          if (depth === depthMax) throw this.#refusal("nesting deeper than depthMax", at);
          if (++items > itemsMax) throw this.#refusal("more items than itemsMax", at);
          if (kind === SET && argument < 4 && argument > 1 && (hashedWork += BIGINT_WORK * left) > HASHED_WORK_MAX)
            throw this.#refusal(TOO_MUCH_HASHED, at);
          stack[depth++] = (left << 3) | kind;
          left = 1;
          kind = this.#tag(argument, bytes, offset, end);
          break;
        default:
          if (head < 0xf4 || head > 0xf7) throw this.#refusal("a simple value that does not travel", at);
      }
    }
  }

  /** Checks the key at `offset` and returns where its value begins. */
  #key(bytes: Uint8Array, offset: number, end: number, kind: number): number {
    if (offset >= end) throw this.#cut(offset);
    const at = offset;
    const head = bytes[offset++]!;
    let length = head & 0x1f;
    if (length > 23) {
      if (length > 27) throw this.#refusal("an indefinite or reserved length", at);
      const width = 1 << (length - 24);
      if (width > end - offset) throw this.#cut(offset);
      length = unsigned(bytes, offset, width);
      offset += width;
    }
    if (head >> 5 !== 3) {
      // An object's integer key would become the text of its digits, and so collide with the key that is that text.
      if (kind === MAP && head < 0x3b && head !== 0x1b) return offset;
      throw this.#refusal(
        kind === MAP ? "a Map key that is neither text nor a 32-bit integer" : "a key that is not text",
        at,
      );
    }
    if (length > end - offset) throw this.#cut(at);
    if (length > this.#limits.keyBytesMax) throw this.#refusal("a key longer than keyBytesMax", at);
    const keyEnd = offset + length;
    if (length === 9 && bytes[offset] === 0x5f && isProto(bytes, offset)) throw this.#refusal("the key __proto__", at);
    const fault = utf8Fault(bytes, offset, keyEnd);
    if (fault >= 0) throw this.#refusal("a key that is not UTF-8", fault);
    return keyEnd;
  }

  /** Checks that `tag` may travel and stands before what it needs, and returns what kind of container it makes. */
  #tag(tag: number, bytes: Uint8Array, offset: number, end: number): number {
    if (offset >= end) throw this.#cut(offset);
    const head = bytes[offset]!;
    switch (tag) {
      case 1:
        return this.#date(bytes, offset, end);
      case 2:
      case 3:
        if (this.#byteStringLength(bytes, offset, end) > this.#limits.bigintBytesMax) {
          throw this.#refusal("a big integer longer than bigintBytesMax", offset);
        }
        return LIST;
      case 64: // Uint8Array
      case 68: // Uint8ClampedArray
      case 72: // Int8Array
        return this.#elements(1, bytes, offset, end);
      case 69: // Uint16Array
      case 77: // Int16Array
        return this.#elements(2, bytes, offset, end);
      case 70: // Uint32Array
      case 78: // Int32Array
      case 85: // Float32Array
        return this.#elements(4, bytes, offset, end);
      case 71: // BigUint64Array
      case 79: // BigInt64Array
      case 86: // Float64Array
        return this.#elements(8, bytes, offset, end);
      case 258:
        if (head >> 5 !== 4) throw this.#refusal("a Set that is not an array", offset);
        return SET_TAG;
      case 259:
        if (head >> 5 !== 5) throw this.#refusal("a Map that is not a map", offset);
        return MAP_TAG;
      default:
        throw this.#refusal(`tag ${tag}, which does not travel`, offset);
    }
  }

  #elements(size: number, bytes: Uint8Array, offset: number, end: number): number {
    if (this.#byteStringLength(bytes, offset, end) % size !== 0) {
      throw this.#refusal("a typed array with a part of an element", offset);
    }
    return LIST;
  }

  /** The length of the byte string whose head is at `offset`; whether so many bytes follow is checked when it is read. */
  #byteStringLength(bytes: Uint8Array, offset: number, end: number): number {
    const head = bytes[offset]!;
    const length = head & 0x1f;
    if (head >> 5 !== 2 || length > 27)
      throw this.#refusal("a tag that needs a byte string before something else", offset);
    if (length < 24) return length;
    const width = 1 << (length - 24);
    if (width > end - offset - 1) throw this.#cut(offset);
    return unsigned(bytes, offset + 1, width);
  }

  /** A date is a number of seconds that a `Date` can hold. An 8-byte integer would arrive as a bigint, which is none. */
  #date(bytes: Uint8Array, offset: number, end: number): number {
    const head = bytes[offset]!;
    if (head < 0x1b || (head >= 0x20 && head < 0x3b)) return LIST;
    if (head < 0xf9 || head > 0xfb) throw this.#refusal("a date that is not a number", offset);
    const width = 1 << (head - 0xf8);
    if (width > end - offset - 1) throw this.#cut(offset);
    if (width === 2) {
      if ((bytes[offset + 1]! & 0x7c) === 0x7c) throw this.#refusal("a date that is not finite", offset);
      return LIST;
    }
    const number = this.#number;
    for (let i = 0; i < width; i++) number.setUint8(i, bytes[offset + 1 + i]!);
    const seconds = width === 4 ? number.getFloat32(0) : number.getFloat64(0);
    // Written so that NaN is refused too.
    if (!(Math.abs(seconds) <= DATE_SECONDS_MAX)) throw this.#refusal("a date that no Date can hold", offset);
    return LIST;
  }

  #cut(offset: number): WireError {
    return this.#refusal("the payload ends inside an item", offset);
  }

  #refusal(what: string, offset: number): WireError {
    return new WireError("payload-invalid", `Payload refused at offset ${offset - this.#start}: ${what}`);
  }
}

/** The big-endian integer of `width` bytes. Above 2^53 it is inexact, which no length that could pass is. */
function unsigned(bytes: Uint8Array, offset: number, width: number): number {
  if (width === 1) return bytes[offset]!;
  if (width === 2) return (bytes[offset]! << 8) | bytes[offset + 1]!;
  const high =
    ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
  return width === 4 ? high : high * 2 ** 32 + unsigned(bytes, offset + 4, 4);
}

/** Whether the nine bytes at `offset` are `__proto__`. */
function isProto(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 9; i++) if (bytes[offset + i] !== "__proto__".charCodeAt(i)) return false;
  return true;
}

// Many payloads against the validator and the decoder behind it: made by chance, by malice, and by damaging both.

import { Decoder, Encoder } from "cbor-x";
import { describe, expect, test } from "vitest";
import { hostilePayloads, randomValue } from "../src/testing/payloads.js";
import { SeededRandom } from "../src/testing/seeded-random.js";
import { WireError } from "../src/wire/error.js";
import { WIRE_LIMITS } from "../src/wire/limits.js";
import { Validator } from "../src/wire/validator.js";

const SEED = 20_261_120;
const MUTANTS = 200_000;
const MUTANT_BYTES_MAX = 4096;

const validator = new Validator(WIRE_LIMITS);
const encoder = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false });
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true, copyBuffers: true });
const encode = (value: unknown): Uint8Array => Uint8Array.from(encoder.encode(value));
const show = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Undefined when the validator accepts; anything but a WireError goes through. */
function refusal(bytes: Uint8Array): WireError | undefined {
  try {
    validator.check(bytes, 0, bytes.length);
    return undefined;
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
}

describe("hostile payloads", () => {
  const payloads = hostilePayloads();

  test("there are at least 85, each with a name of its own and shorter than a frame", () => {
    expect(payloads.length).toBeGreaterThanOrEqual(85);
    expect(new Set(payloads.map(({ name }) => name)).size).toBe(payloads.length);
    for (const { name, bytes } of payloads) expect(bytes.length, name).toBeLessThan(WIRE_LIMITS.frameBytesMax);
  });

  test("check() refuses each, whole, cut by a byte and extended by a byte", () => {
    for (const { name, bytes, code } of payloads) {
      const extended = new Uint8Array(bytes.length + 1);
      extended.set(bytes);
      expect(refusal(bytes)?.code, name).toBe(code);
      expect(refusal(bytes.subarray(0, -1))?.code, `${name}, cut`).toBe(code);
      for (const last of [0x00, 0x80, 0xf6, 0xff]) {
        extended[bytes.length] = last;
        expect(refusal(extended)?.code, `${name}, extended by ${last}`).toBe(code);
      }
    }
  });
});

describe("values made by chance", () => {
  test("arrive as they were sent, and are refused when cut or extended by a byte", () => {
    const random = new SeededRandom(SEED);
    for (let i = 0; i < 1000; i++) {
      const value = randomValue(random, 3);
      const bytes = encode(value);
      const where = `seed ${SEED}, value ${i}: ${show(bytes.subarray(0, 200))}`;
      expect(refusal(bytes), where).toBeUndefined();
      const decoded: unknown = decoder.decode(bytes);
      // Equality overlooks a property that is undefined; the bytes do not.
      expect(decoded, where).toEqual(value);
      expect(show(encode(decoded)), where).toBe(show(bytes));
      expect(refusal(bytes.subarray(0, -1)), where).toBeInstanceOf(WireError);
      expect(refusal(Uint8Array.from([...bytes, 0])), where).toBeInstanceOf(WireError);
    }
  });
});

describe("payloads damaged by chance", () => {
  test(
    `${MUTANTS} of them: what check() accepts is decoded, and a second hop reads the same`,
    { timeout: 60_000 },
    () => {
      const random = new SeededRandom(SEED);
      const corpus = [
        ...Array.from({ length: 400 }, () => encode(randomValue(random, 3))),
        ...hostilePayloads().map(({ bytes }) => bytes),
      ].filter((bytes) => bytes.length > 0 && bytes.length <= 512);
      let accepted = 0;
      for (let i = 0; i < MUTANTS; i++) {
        const bytes = mutant(random, corpus);
        try {
          if (refusal(bytes) !== undefined) continue;
          accepted++;
          const first = encode(decoder.decode(bytes));
          const refused = refusal(first);
          if (refused !== undefined) throw refused;
          const second = encode(decoder.decode(first));
          if (show(first) !== show(second)) throw new Error(`the second hop sends ${show(second)}`);
        } catch (error) {
          throw new Error(`seed ${SEED}, mutant ${i}: ${show(bytes)}`, { cause: error });
        }
      }
      expect(accepted).toBeGreaterThan(MUTANTS / 50);
    },
  );
});

/** One payload of `corpus` with one to four faults in it. */
function mutant(random: SeededRandom, corpus: readonly Uint8Array[]): Uint8Array {
  let bytes = Array.from(random.pick(corpus));
  for (let faults = 1 + random.integer(4); faults > 0; faults--) {
    const at = random.integer(bytes.length + 1);
    switch (random.integer(8)) {
      case 0:
        bytes[Math.min(at, bytes.length - 1)] = random.integer(256);
        break;
      case 1:
        bytes[Math.min(at, bytes.length - 1)]! ^= 1 << random.integer(8);
        break;
      case 2:
        bytes.splice(at, 0, random.integer(256));
        break;
      case 3:
        bytes.splice(at, 1 + random.integer(4));
        break;
      case 4:
        bytes.splice(at, 0, ...bytes.slice(at, at + random.integer(20)));
        break;
      case 5:
        bytes.splice(at, random.integer(20), ...Array.from(random.pick(corpus)).slice(0, 200));
        break;
      case 6:
        // The head of every kind of item, with every length of argument.
        bytes[Math.min(at, bytes.length - 1)] =
          (random.integer(8) << 5) | random.pick([0, 1, 2, 23, 24, 25, 26, 27, 31]);
        break;
      default:
        // A whole item in the place of one byte keeps the rest in step.
        bytes.splice(at, 1, ...random.pick(corpus));
    }
    if (bytes.length === 0) bytes = [random.integer(256)];
    if (bytes.length > MUTANT_BYTES_MAX) bytes.length = MUTANT_BYTES_MAX;
  }
  return Uint8Array.from(bytes);
}

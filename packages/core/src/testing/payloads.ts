// Payloads for tests: values that travel, made by chance, and bytes that no reader may accept, made by rule.
// It knows CBOR's heads and the limits of the wire; it knows neither the validator nor the decoder.

import { WIRE_LIMITS } from "../wire/index.js";
import type { SeededRandom } from "./seeded-random.js";

/** Bytes that break one rule, and the code of the error that must answer them. */
export interface HostilePayload {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly code: string;
}

/** Dates travel as seconds, which have room for every millisecond up to the year 141,338. */
const DATE_MS_EXACT = 4_398_000_000_000_000;

/** A value that arrives as it was sent, nested at most `depth` deep, within the limits of `WIRE_LIMITS`. */
export function randomValue(random: SeededRandom, depth: number): unknown {
  if (depth > 0 && random.next() < 0.5) return randomContainer(random, depth);
  switch (random.integer(10)) {
    case 0:
      return random.pick([null, undefined, true, false, NaN, Infinity, -Infinity]);
    case 1:
    case 2:
      return randomInteger(random);
    case 3:
      return (random.next() - 0.5) * 10 ** (random.integer(40) - 20) || 0.5;
    case 4:
      return randomBigInt(random);
    case 5:
      return new Date(Math.round((random.next() - 0.5) * 2 * random.pick([1e9, 1e13, DATE_MS_EXACT])));
    case 6:
      return randomBytes(random);
    default:
      return randomText(random);
  }
}

function randomContainer(random: SeededRandom, depth: number): unknown {
  const count = random.integer(random.pick([2, 6, 30]));
  const entries = Array.from({ length: count }, () => randomValue(random, depth - 1));
  switch (random.integer(8)) {
    case 0:
      return new Set(entries);
    case 1:
      return new Map(
        entries.map((entry) => [random.next() < 0.3 ? random.integer(2 ** 32) : randomKey(random), entry]),
      );
    case 2:
    case 3:
    case 4:
      return entries;
    default:
      return Object.fromEntries(entries.map((entry) => [randomKey(random), entry]));
  }
}

/** Of every width, and the neighbours of each power of two, up to the safe integers. */
function randomInteger(random: SeededRandom): number {
  const magnitude = 2 ** random.integer(53) + random.integer(3) - 1;
  return random.next() < 0.5 ? magnitude : -magnitude - 1;
}

function randomBigInt(random: SeededRandom): bigint {
  const length = random.integer(random.pick([9, WIRE_LIMITS.bigintBytesMax + 1]));
  const magnitude = random.bytes(length).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return random.next() < 0.5 ? magnitude : -magnitude;
}

function randomBytes(random: SeededRandom): unknown {
  const bytes = random.bytes(8 * random.integer(6));
  const View = random.pick([
    Uint8Array,
    Uint8ClampedArray,
    Int8Array,
    Uint16Array,
    Int16Array,
    Uint32Array,
    Int32Array,
    BigUint64Array,
    BigInt64Array,
  ]);
  if (random.next() < 0.3) return random.bytes(random.integer(300));
  if (random.next() < 0.2) return Float32Array.from(bytes, (byte) => byte / 16);
  if (random.next() < 0.2) return Float64Array.from(bytes, (byte) => byte / 10);
  return new View(bytes.buffer as ArrayBuffer);
}

function randomText(random: SeededRandom): string {
  const alphabet = random.pick([
    ["a", "b", "z", "0", " "],
    ["é", "a", "漢", "😀", "\u0000", "\uffff", "ß"],
  ]);
  const length = random.integer(random.pick([8, 40, 80, 1200]));
  let text = "";
  for (let i = 0; i < length; i++) text += random.pick(alphabet);
  return text;
}

function randomKey(random: SeededRandom): string {
  const key = random.pick(["id", "name", "0", "7", "constructor", "toString", "", "é", "length"]);
  return random.next() < 0.5 ? key : Array.from(randomText(random)).slice(0, 40).join("");
}

/**
 * Payloads of at most 128 KiB, each of which breaks one rule of docs/reference/values.md. None becomes acceptable when
 * its last byte is cut off or a byte is added.
 */
export function hostilePayloads(): HostilePayload[] {
  const found = [tags, taggedContent, lengths, simpleValues, nesting, containers, keys, texts, wholes].flatMap((part) =>
    part(),
  );
  return found.map(([name, bytes]) => ({ name, bytes: Uint8Array.from(bytes), code: "payload-invalid" }));
}

type Named = [name: string, bytes: readonly number[]];

/** The head of an item: its major type with the shortest argument. */
export function cborHead(major: number, argument: number): number[] {
  const first = major << 5;
  if (argument < 24) return [first | argument];
  if (argument < 2 ** 8) return [first | 24, argument];
  if (argument < 2 ** 16) return [first | 25, ...bigEndian(argument, 2)];
  if (argument < 2 ** 32) return [first | 26, ...bigEndian(argument, 4)];
  return [first | 27, ...bigEndian(argument, 8)];
}

function bigEndian(value: number, width: number): number[] {
  return Array.from({ length: width }, (_, i) => Math.floor(value / 2 ** (8 * (width - 1 - i))) % 256);
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const ascii = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));

function tags(): Named[] {
  const refused = [
    ...[0, 4, 5, 6, 14, 15, 16, 21, 22, 23, 24, 25, 27, 28, 29, 30, 32, 35, 36, 37, 38, 51, 63, 65, 66, 67, 73, 74, 75],
    ...[
      76, 80, 81, 82, 83, 84, 87, 100, 105, 216, 223, 225, 255, 256, 257, 260, 27_647, 28_671, 28_704, 32_767, 55_799,
    ],
    ...[
      0xdff9,
      0xdffe,
      0xdfff,
      0xe000,
      0xe0ff,
      0xffff,
      0x10000,
      0x53687264,
      1_811_939_328,
      2_147_483_647,
      2 ** 32 - 1,
      2 ** 53,
    ],
  ];
  return refused.flatMap((tag): Named[] => [
    [`tag ${tag} before null`, [...cborHead(6, tag), 0xf6]],
    [`tag ${tag} before an empty array, in an object`, [0xa1, 0x61, 0x61, ...cborHead(6, tag), 0x80]],
  ]);
}

function taggedContent(): Named[] {
  const partial = [
    [69, 2],
    [70, 4],
    [71, 8],
    [77, 2],
    [78, 4],
    [79, 8],
    [85, 4],
    [86, 8],
  ] as const;
  const nested = [1, 2, 64, 258, 259].map((tag): Named => [
    `tag ${tag} before itself`,
    [...cborHead(6, tag), ...cborHead(6, tag), 0],
  ]);
  const set = [...cborHead(6, 258), ...cborHead(4, 1024), ...zeros(1024)];
  return [
    ["date of a text", [0xc1, 0x61, 0x30]],
    ["date of null", [0xc1, 0xf6]],
    ["date of an array", [0xc1, 0x80]],
    ["date of an 8-byte integer", [0xc1, 0x1b, ...zeros(8)]],
    ["date of a negative 8-byte integer", [0xc1, 0x3b, ...zeros(8)]],
    ["date of a NaN in two bytes", [0xc1, 0xf9, 0x7e, 0x00]],
    ["date of an infinity in four bytes", [0xc1, 0xfa, 0x7f, 0x80, 0, 0]],
    ["date of a NaN in eight bytes", [0xc1, 0xfb, 0x7f, 0xf8, ...zeros(6)]],
    ["date beyond what a Date holds", [0xc1, 0xfb, 0x42, 0xf0, ...zeros(6)]],
    ["big integer of an integer", [0xc2, 0x01]],
    ["big integer of a text", [0xc3, 0x61, 0x30]],
    ["big integer of an array", [0xc2, 0x80]],
    [
      "big integer of one byte too many",
      [0xc2, ...cborHead(2, WIRE_LIMITS.bigintBytesMax + 1), ...zeros(WIRE_LIMITS.bigintBytesMax + 1)],
    ],
    ["typed array of an array", [0xd8, 86, 0x80]],
    ["typed array of a text", [0xd8, 64, 0x60]],
    ...partial.map(([tag, size]): Named => [
      `typed array ${tag} with a part of an element`,
      [0xd8, tag, 0x40 | (size + 1), ...zeros(size + 1)],
    ]),
    ...nested,
    ["Set of a map", [...cborHead(6, 258), 0xa0]],
    ["Map of an array", [...cborHead(6, 259), 0x80]],
    ["Set of 1025 entries", [...cborHead(6, 258), ...cborHead(4, 1025), ...zeros(1025)]],
    ["Map of 1025 entries", [...cborHead(6, 259), ...cborHead(5, 1025), ...zeros(2050)]],
    ["five Sets of 1024 entries", [0x85, ...set, ...set, ...set, ...set, ...set]],
  ];
}

function lengths(): Named[] {
  const reserved = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((major) =>
    [28, 29, 30].map((info): Named => [
      `reserved length ${info} of major type ${major}`,
      [(major << 5) | info, ...zeros(16)],
    ]),
  );
  const endless = [2, 3, 4, 5].map((major): Named => [
    `indefinite length of major type ${major}`,
    [(major << 5) | 31, 0xff],
  ]);
  const lies = [2, 3, 4, 5].flatMap((major) =>
    [20, 200, 60_000, 1_000_000, 2 ** 31, 2 ** 32 - 1, 2 ** 53].map((length): Named => [
      `length ${length} of major type ${major} with 10 bytes there`,
      [...cborHead(major, length), ...zeros(10)],
    ]),
  );
  return [...reserved, ...endless, ...lies];
}

function simpleValues(): Named[] {
  const short = [0xe0, 0xe1, 0xf0, 0xf3, 0xff].map((head): Named => [`simple value ${head.toString(16)}`, [head]]);
  const long = [0, 20, 32, 255].map((value): Named => [`simple value ${value} in two bytes`, [0xf8, value]]);
  return [
    ...short,
    ...long,
    ["break in an array", [0x82, 0x01, 0xff]],
    ["break in an object", [0xa1, 0x61, 0x61, 0xff]],
  ];
}

function nesting(): Named[] {
  const over = WIRE_LIMITS.depthMax + 1;
  const repeat = (count: number, part: readonly number[]): number[] => Array.from({ length: count }, () => part).flat();
  return [
    ["arrays nested too deep", [...repeat(over, [0x81]), 0]],
    ["empty array nested too deep", [...repeat(over - 1, [0x81]), 0x80]],
    ["objects nested too deep", [...repeat(over, [0xa1, 0x61, 0x61]), 0]],
    ["Sets nested too deep", [...repeat(Math.ceil(over / 2), [0xd9, 1, 2, 0x81]), 0]],
    ["tag nested too deep", [...repeat(over - 1, [0x81]), 0xc1, 0]],
    ["arrays nested far too deep", [...repeat(10_000, [0x81]), 0]],
  ];
}

function containers(): Named[] {
  const { containerMax, itemsMax } = WIRE_LIMITS;
  const half = [...cborHead(4, itemsMax / 2), ...zeros(itemsMax / 2)];
  const emptyMaps = new Array<number>(itemsMax / 2).fill(0xa0);
  return [
    ["array of one entry too many", [...cborHead(4, containerMax + 1), ...zeros(containerMax + 1)]],
    ["more items than allowed, in two arrays", [0x82, ...half, ...half]],
    ["more items than allowed, in empty objects", [0x82, ...half, ...cborHead(4, itemsMax / 2), ...emptyMaps]],
  ];
}

function keys(): Named[] {
  const long = cborHead(3, WIRE_LIMITS.keyBytesMax + 1).concat(
    new Array<number>(WIRE_LIMITS.keyBytesMax + 1).fill(0x61),
  );
  const both: Named[] = [
    ["8-byte integer", [0x1b, ...zeros(8)]],
    ["float", [0xf9, 0x3c, 0x00]],
    ["byte string", [0x41, 0x61]],
    ["null", [0xf6]],
    ["array", [0x80]],
    ["object", [0xa0]],
    ["date", [0xc1, 0x00]],
    ["text of one byte too many", long],
    ["__proto__", [0x69, ...ascii("__proto__")]],
    ["__proto__ with a long head", [0x78, 9, ...ascii("__proto__")]],
    ["text that is not UTF-8", [0x61, 0xff]],
    ["text without end", [0x78, 0xff, 0x61]],
  ];
  const objectOnly: Named[] = [
    ["integer", [0x01]],
    ["negative integer", [0x20]],
    ["4-byte integer", [0x1a, ...zeros(4)]],
  ];
  return [
    ...[...both, ...objectOnly].map(([name, key]): Named => [`key of an object: ${name}`, [0xa1, ...key, 0x00]]),
    ...both.map(([name, key]): Named => [`key of a Map: ${name}`, [...cborHead(6, 259), 0xa1, ...key, 0x00]]),
  ];
}

function texts(): Named[] {
  const broken: Named[] = [
    ["a continuation byte alone", [0x80]],
    ["two bytes for one", [0xc0, 0x80]],
    ["two bytes for the last of one", [0xc1, 0xbf]],
    ["three bytes for two", [0xe0, 0x9f, 0xbf]],
    ["four bytes for three", [0xf0, 0x8f, 0xbf, 0xbf]],
    ["the first surrogate", [0xed, 0xa0, 0x80]],
    ["the last surrogate", [0xed, 0xbf, 0xbf]],
    ["one beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["five-byte form", [0xf8, 0x88, 0x80, 0x80, 0x80]],
    ["byte ff", [0xff]],
    ["two bytes cut", [0xc3]],
    ["three bytes cut", [0xe6, 0xbc]],
    ["four bytes cut", [0xf0, 0x9f, 0x98]],
    ["second byte wrong", [0xc3, 0x41]],
    ["third byte wrong", [0xe6, 0xbc, 0xc0]],
    ["fourth byte wrong", [0xf0, 0x9f, 0x98, 0x41]],
  ];
  return [0, 1, 7, 8, 40, 1030].flatMap((before) =>
    broken.map(([name, bytes]): Named => {
      const text = [...new Array<number>(before).fill(0x61), ...bytes];
      return [`text with ${before} letters, then ${name}`, [...cborHead(3, text.length), ...text]];
    }),
  );
}

function wholes(): Named[] {
  const heads = [0x18, 0x19, 0x1a, 0x1b, 0x38, 0x3b, 0x58, 0x5b, 0x78, 0x7a, 0x99, 0xb9, 0xd8, 0xd9, 0xf9, 0xfa, 0xfb];
  return [
    ...heads.map((head): Named => [`array of four that ends after head ${head.toString(16)}`, [0x84, head]]),
    ["array without its last two items", [0x83, 0x01]],
    ["object without a value and an entry", [0xa2, 0x61, 0x61]],
    ["array that ends before the number of a date", [0x82, 0xc1]],
    ["two bytes after an integer", [0x01, 0x02, 0x03]],
    ["two bytes after an array", [0x81, 0x01, 0x00, 0x00]],
  ];
}

import { describe, expect, test } from "vitest";
import { WireError } from "./error.js";
import { WIRE_LIMITS, type WireLimits } from "./limits.js";
import { HASHED_ENTRIES_MAX, Validator } from "./validator.js";

/** The bytes of a text such as "82 01 02". */
function hex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function check(bytes: Uint8Array, limits: Partial<WireLimits> = {}): Validator {
  const validator = new Validator({ ...WIRE_LIMITS, ...limits });
  validator.check(bytes, 0, bytes.length);
  return validator;
}

/** What the validator says about bytes that it must refuse. */
function refusal(bytes: Uint8Array, limits: Partial<WireLimits> = {}): string {
  try {
    check(bytes, limits);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    expect(error.code).toBe("payload-invalid");
    return error.message;
  }
  return "accepted";
}

const header = (major: number, count: number): number[] => [(major << 5) | 26, 0, count >> 16, count >> 8, count];
const bytesOf = (...parts: (number | number[])[]): Uint8Array => Uint8Array.from(parts.flat());
const repeat = (count: number, ...part: number[]): number[] => Array.from({ length: count }, () => part).flat();

describe("Validator accepts", () => {
  test.each([
    [
      "integers of every width",
      "00 | 17 | 1818 | 18ff | 190100 | 1a00010000 | 1b0000000100000000 | 1bffffffffffffffff",
    ],
    ["negative integers of every width", "20 | 37 | 3818 | 39ffff | 3affffffff | 3bffffffffffffffff"],
    ["integers written longer than needed", "1801 | 190001 | 1a00000001 | 1b0000000000000001 | 3b0000000000000000"],
    ["floats of every width", "f90000 | f98000 | f97bff | fa47c35000 | fb3ff199999999999a | fb7e37e43c8800759c"],
    ["infinities and NaN", "f97c00 | f9fc00 | f97e00 | fa7f800000 | fb7ff8000000000000"],
    ["the four simple values", "f4 | f5 | f6 | f7"],
    ["byte strings", "40 | 4401020304 | 58020102 | 5900020102 | 5a000000020102 | 5b00000000000000020102"],
    ["texts", "60 | 6161 | 6449455446 | 62225c | 62c3bc | 63e6b0b4 | 64f0908591 | 780161 | 7b000000000000000161"],
    ["the edges of UTF-8", "62c280 | 62dfbf | 63e0a080 | 63ed9fbf | 63ee8080 | 63efbfbf | 64f0908080 | 64f48fbfbf"],
    ["arrays", "80 | 83010203 | 8301820203820405 | 98020102 | 9a000000020102"],
    ["objects", "a0 | a26161016162820203 | a16060 | a1616181a0 | b8016161f6 | a1780161f6"],
    ["dates", "c11a514b67b0 | c100 | c120 | c1fb41d452d9e8000000 | c1f93c00 | c1fa3f800000"],
    ["the first and the last date", "c1fb429f6ea086000000 | c1fbc29f6ea086000000"],
    ["big integers", "c249010000000000000000 | c349010000000000000000 | c240 | c25801ff"],
    ["typed arrays of 1-byte elements", "d84043010203 | d84443010203 | d84843010203 | d84040"],
    ["typed arrays of 2-byte elements", "d8454401000200 | d84d4401000200 | d84540"],
    ["typed arrays of 4-byte elements", "d8464401000000 | d84e4401000000 | d855440000c03f"],
    ["typed arrays of 8-byte elements", "d847480100000000000000 | d84f48ffffffffffffffff | d85648000000000000f83f"],
    ["Sets", "d9010280 | d90102826161f6 | d90102818101 | d9010281d901028101"],
    ["Maps", "d90103a0 | d90103a10102 | d90103a26161012002 | d90103a11affffffff01 | d90103a13affffffff01"],
    ["a Map with a number and the text of its digits as keys", "d90103a20101613102"],
  ])("%s", (_, examples) => {
    for (const example of examples.split("|")) expect(() => check(hex(example)), example).not.toThrow();
  });
});

describe("Validator refuses", () => {
  test.each([
    ["nothing at all", "", 0, "the payload ends inside an item"],
    ["an argument that is cut", "1901", 1, "the payload ends inside an item"],
    ["a text that is cut", "6261", 0, "the payload ends inside an item"],
    ["a second item that is missing", "820161", 2, "the payload ends inside an item"],
    ["a value that is missing", "a1 6161", 3, "the payload ends inside an item"],
    ["a byte too many", "01 00", 1, "bytes after the end of the item"],
    ["an indefinite length", "82 01 9fff", 2, "an indefinite or reserved length"],
    ["a break", "81 ff", 1, "an indefinite or reserved length"],
    ["a reserved length", "1c", 0, "an indefinite or reserved length"],
    ["a simple value", "82 00 f3", 2, "a simple value that does not travel"],
    ["a simple value in two bytes", "f8ff", 0, "a simple value that does not travel"],
    ["a tag that is not on the list", "d81b 80", 2, "tag 27, which does not travel"],
    ["a tag on a tag", "c1 c1 00", 1, "a date that is not a number"],
    ["a date that is an 8-byte integer", "c1 1b0000000000000001", 1, "a date that is not a number"],
    ["a date that is NaN", "c1 fb7ff8000000000000", 1, "a date that no Date can hold"],
    ["a date one step after the last", "c1 fb429f6ea086000001", 1, "a date that no Date can hold"],
    ["a date one step before the first", "c1 fbc29f6ea086000001", 1, "a date that no Date can hold"],
    ["a big integer of an integer", "c2 01", 1, "a tag that needs a byte string before something else"],
    ["a typed array with a part of an element", "d846 43010000", 2, "a typed array with a part of an element"],
    ["a Set that is a map", "d90102 a0", 3, "a Set that is not an array"],
    ["a Map that is an array", "d90103 80", 3, "a Map that is not a map"],
    ["an integer key", "a1 01 02", 1, "a key that is not text"],
    ["the key __proto__", "a1 695f5f70726f746f5f5f 01", 1, "the key __proto__"],
    ["a float as key of a Map", "d90103 a1 f93c00 01", 4, "a Map key that is neither text nor a 32-bit integer"],
    [
      "an 8-byte integer as key of a Map",
      "d90103 a1 1b0000000000000001 01",
      4,
      "a Map key that is neither text nor a 32-bit integer",
    ],
    ["overlong UTF-8", "63 61 c080", 2, "a text that is not UTF-8"],
    ["a surrogate", "a1 6161 63 eda080", 4, "a text that is not UTF-8"],
    ["a key that is not UTF-8", "a1 62 61ff 00", 3, "a key that is not UTF-8"],
  ])("%s, and says where", (_, example, offset, what) => {
    expect(refusal(hex(example))).toBe(`Payload refused at offset ${offset}: ${what}`);
  });

  test("every tag but those on the list", () => {
    const contents = ["00", "40", "80", "a0"].map(hex);
    const allowed: number[] = [];
    for (let tag = 0; tag < 5000; tag++) {
      const whole = (content: Uint8Array) => bytesOf(header(6, tag), [...content]);
      if (contents.some((content) => refusal(whole(content)) === "accepted")) allowed.push(tag);
    }
    expect(allowed).toEqual([1, 2, 3, 64, 68, 69, 70, 71, 72, 77, 78, 79, 85, 86, 258, 259]);
  });

  test("every text of four bytes that TextDecoder refuses, and no other", () => {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const edges = [
      0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
    ];
    edges.push(0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff);
    const disagreed: number[][] = [];
    let refused = 0;
    for (const a of edges)
      for (const b of edges)
        for (const c of edges)
          for (const d of [0x41, 0x80, 0xbf, 0xc0]) {
            const text = [a, b, c, d];
            let isText = true;
            try {
              decoder.decode(Uint8Array.from(text));
            } catch {
              isText = false;
              refused++;
            }
            if ((refusal(bytesOf(0x64, text)) === "accepted") !== isText) disagreed.push(text);
          }
    expect(disagreed).toEqual([]);
    expect(refused).toBeGreaterThan(10_000);
  });

  test("a fault anywhere in a long text", () => {
    for (const length of [1, 8, 9, 23, 255, 1023, 1024, 1025, 1039, 5000]) {
      for (const at of [0, 1, 7, 8, 15, 16, 17, length - 2, length - 1]) {
        if (at < 0 || at >= length) continue;
        const bytes = bytesOf(header(3, length), repeat(length, 0x61));
        expect(refusal(bytes)).toBe("accepted");
        bytes[5 + at] = 0xff;
        expect(refusal(bytes)).toContain(`offset ${5 + at}: a text that is not UTF-8`);
      }
    }
  });
});

describe("Validator holds to its limits: L passes, L + 1 is refused", () => {
  const nested = (depth: number, ...part: number[]) => bytesOf(repeat(depth, ...part), 0x00);
  test.each<[string, keyof WireLimits, number, (count: number) => Uint8Array]>([
    ["depthMax of arrays", "depthMax", 64, (count) => nested(count, 0x81)],
    ["depthMax of objects", "depthMax", 64, (count) => nested(count, 0xa1, 0x60)],
    ["depthMax with an empty array innermost", "depthMax", 5, (count) => bytesOf(repeat(count, 0x81).slice(1), 0x80)],
    ["depthMax with a date innermost", "depthMax", 5, (count) => bytesOf(repeat(count - 1, 0x81), 0xc1, 0x00)],
    ["depthMax with a Set innermost", "depthMax", 5, (count) => bytesOf(repeat(count - 2, 0x81), 0xd9, 1, 2, 0x80)],
    ["depthMax of nothing nested", "depthMax", 0, (count) => nested(count, 0x81)],
    ["containerMax of an array", "containerMax", 300, (count) => bytesOf(header(4, count), repeat(count, 0))],
    ["containerMax of an object", "containerMax", 300, (count) => bytesOf(header(5, count), repeat(count, 0x60, 0))],
    ["itemsMax of an array", "itemsMax", 51, (count) => bytesOf(header(4, count - 1), repeat(count - 1, 0))],
    [
      "itemsMax with tags",
      "itemsMax",
      51,
      (count) => bytesOf(header(4, (count - 1) / 2), repeat((count - 1) / 2, 0xc1, 0)),
    ],
    [
      "keyBytesMax of an object",
      "keyBytesMax",
      256,
      (count) => bytesOf(0xa1, header(3, count), repeat(count, 0x61), 0),
    ],
    [
      "keyBytesMax of a Map",
      "keyBytesMax",
      9,
      (count) => bytesOf(0xd9, 1, 3, 0xa1, header(3, count), repeat(count, 0x61), 0),
    ],
    ["textBytesMax", "textBytesMax", 500, (count) => bytesOf(header(3, count), repeat(count, 0x61))],
    ["bigintBytesMax", "bigintBytesMax", 64, (count) => bytesOf(0xc2, header(2, count), repeat(count, 1))],
    ["bigintBytesMax of negatives", "bigintBytesMax", 8, (count) => bytesOf(0xc3, header(2, count), repeat(count, 1))],
  ])("%s", (_, name, limit, payload) => {
    const next = name === "itemsMax" ? limit + 2 : limit + 1;
    expect(() => check(payload(limit), { [name]: limit })).not.toThrow();
    expect(refusal(payload(next), { [name]: limit })).toContain(name);
  });

  test("itemsMax counts every key and value of objects", () => {
    const payload = bytesOf(0x82, 0xa2, 0x61, 0x61, 0, 0x61, 0x62, 0, 0x00);
    expect(() => check(payload, { itemsMax: 7 })).not.toThrow();
    expect(refusal(payload, { itemsMax: 6 })).toContain("itemsMax");
  });

  test("entries of one Set and of one Map", () => {
    const set = (count: number) => bytesOf(0xd9, 1, 2, header(4, count), repeat(count, 0));
    const map = (count: number) => bytesOf(0xd9, 1, 3, header(5, count), repeat(count, 0, 0));
    for (const payload of [set, map]) {
      expect(() => check(payload(HASHED_ENTRIES_MAX))).not.toThrow();
      expect(refusal(payload(HASHED_ENTRIES_MAX + 1))).toContain("a Set or Map with too many entries");
    }
  });

  test("entries of all Sets and Maps: the larger each, the fewer of them", () => {
    const sets = (count: number, entries: number) =>
      bytesOf(header(4, count), repeat(count, 0xd9, 1, 2, ...header(4, entries), ...repeat(entries, 0)));
    expect(() => check(sets(1, 1024))).not.toThrow();
    expect(refusal(sets(2, 1024))).toContain("too many entries in all Sets and Maps");
    expect(() => check(sets(256, 64))).not.toThrow();
    expect(refusal(sets(257, 64))).toContain("too many entries in all Sets and Maps");
    expect(() => check(sets(2600, 20))).not.toThrow();
  });

  test.each([
    ["big integers", [0xc2, 0x41, 5]],
    ["negative big integers", [0xc3, 0x41, 5]],
    ["8-byte integers", [0x1b, 0, 0, 0, 0, 0, 0, 0, 5]],
    ["negative 8-byte integers", [0x3b, 0, 0, 0, 0, 0, 0, 0, 5]],
  ])("%s in Sets, which count twice as entries", (_, item) => {
    const set = (count: number) => bytesOf(0xd9, 1, 2, header(4, count), repeat(count, ...item));
    expect(() => check(set(512))).not.toThrow();
    expect(refusal(set(513))).toContain("too many entries in all Sets and Maps");
    const mixed = (count: number) =>
      bytesOf(0xd9, 1, 2, header(4, count + 300), repeat(count, 0), repeat(300, ...item));
    expect(() => check(mixed(582))).not.toThrow();
    expect(refusal(mixed(584))).toContain("too many entries in all Sets and Maps");
  });

  test("big integers that are not themselves entries of a Set count like anything else", () => {
    const arrays = bytesOf(
      0xd9,
      1,
      2,
      header(4, 1024),
      repeat(1024, 0x82, 0xc2, 0x41, 5, 0x1b, 0, 0, 0, 0, 0, 0, 0, 5),
    );
    const values = bytesOf(0xd9, 1, 3, header(5, 1024), repeat(1024, 0, 0xc2, 0x41, 5));
    for (const payload of [arrays, values]) expect(() => check(payload)).not.toThrow();
  });

  test("an array of a million entries announced in five bytes is refused at its head", () => {
    expect(refusal(bytesOf(header(4, 1_000_000), repeat(20, 0)))).toContain("offset 0");
  });
});

describe("Validator in a larger buffer", () => {
  test("check() reads only from start to end, and offsets count from start", () => {
    const bytes = hex("ffff 820102 ff");
    const validator = new Validator(WIRE_LIMITS);
    validator.check(bytes, 2, 5);
    expect(() => validator.check(bytes, 2, 4)).toThrow("offset 0: the payload ends inside an item");
    expect(() => validator.check(bytes, 2, 6)).toThrow("offset 3: bytes after the end of the item");
  });

  test("a text, a byte string, a key and a number may not reach past end", () => {
    const validator = new Validator(WIRE_LIMITS);
    for (const example of [
      "626161",
      "426161",
      "a1626161",
      "1a00000000",
      "fb0000000000000000",
      "c1fb0000000000000000",
    ]) {
      const bytes = hex(example);
      expect(() => validator.check(bytes, 0, bytes.length - 1), example).toThrow(WireError);
    }
  });

  test("a range that is not within the bytes is refused", () => {
    const validator = new Validator(WIRE_LIMITS);
    expect(() => validator.check(hex("01"), 0, 2)).toThrow(WireError);
    expect(() => validator.check(hex("01"), -1, 1)).toThrow(WireError);
    expect(() => validator.check(hex("01"), 1, 1)).toThrow(WireError);
  });

  test("long text is read at its place in a view with an offset", () => {
    const whole = bytesOf(repeat(7, 0xff), header(3, 2000), repeat(2000, 0x61), repeat(3, 0xff));
    const view = whole.subarray(3);
    expect(() => new Validator(WIRE_LIMITS).check(view, 4, view.length - 3)).not.toThrow();
  });
});

describe("Validator counts byte strings", () => {
  test("those of typed arrays and big integers too, and none of texts", () => {
    const validator = check(hex("85 43010203 63616263 d8464401000000 c2 41ff 40"));
    expect(validator.byteStrings).toBe(4);
    expect(validator.byteStringBytes).toBe(8);
  });

  test("anew for every payload", () => {
    const validator = check(hex("43010203"));
    expect([validator.byteStrings, validator.byteStringBytes]).toEqual([1, 3]);
    validator.check(hex("01"), 0, 1);
    expect([validator.byteStrings, validator.byteStringBytes]).toEqual([0, 0]);
  });

  test("a refused payload leaves the validator fit for the next", () => {
    const validator = new Validator(WIRE_LIMITS);
    expect(() => validator.check(hex("818181ff"), 0, 4)).toThrow(WireError);
    expect(() => validator.check(hex("8181818101"), 0, 5)).not.toThrow();
  });
});

import { describe, expect, test } from "vitest";
import { wireFormatConformance } from "../testing/index.js";
import {
  FrameBuffer,
  FrameKind,
  troupeCbor,
  WIRE_LIMITS,
  wholeUpTo,
  type FrameHeader,
  type FrameReader,
} from "./index.js";

describe("wireFormatConformance()", () => {
  for (const { name, run } of wireFormatConformance(troupeCbor)) test(name, run);
});

function header(fields: Partial<FrameHeader>): FrameHeader {
  return { kind: 0, id: 0, service: 0, message: 0, amount: 0, ...fields };
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function readerOf(text: string): FrameReader {
  const reader = troupeCbor.reader(WIRE_LIMITS);
  reader.push(bytesOf(text));
  return reader;
}

describe("troupeCbor reads", () => {
  test.each([
    ["a call that ends in its header", "000000 04 01000000"],
    ["a call one byte short of its header", "070000 04 01000000 00000000 000000"],
    ["a watch that ends in its header", "040000 0d 01000000 00000000"],
    ["a credit that ends in its header", "000000 0a 01000000"],
    ["a withdraw with a payload", "010000 03 01000000 f6"],
    ["a cancel with a payload", "010000 09 01000000 f6"],
    ["a credit with a payload", "050000 0a 01000000 01000000 f6"],
    ["a ping with a payload", "010000 0b 01000000 f6"],
    ["a pong with a payload", "010000 0c 01000000 f6"],
    ["a watch with a payload", "090000 0d 01000000 00000000 00000000 f6"],
  ])("%s as frame-malformed", (_, text) => {
    expect(() => readerOf(text).next()).toThrow(expect.objectContaining({ code: "frame-malformed" }));
  });

  test("frames of kinds that it does not know, with whatever is in them", () => {
    const reader = readerOf("020000 00 05000000 ffff 000000 63 01000000 000000 0b 07000000");
    expect(reader.next()).toBe(true);
    expect(reader.frame).toMatchObject({ kind: 0, id: 5 });
    expect(reader.hasPayload).toBe(false);
    expect(reader.next()).toBe(true);
    expect(reader.frame).toMatchObject({ kind: 0x63, id: 1 });
    expect(reader.next()).toBe(true);
    expect(reader.frame).toMatchObject({ kind: FrameKind.ping, id: 7 });
  });

  test("a frame that should have a payload and has none as one whose value is invalid", () => {
    const reader = readerOf("000000 06 01000000");
    expect(reader.next()).toBe(true);
    expect(() => reader.value()).toThrow(expect.objectContaining({ code: "payload-invalid" }));
  });
});

describe("troupeCbor writes", () => {
  test("at most 16 bytes of header", () => {
    const buffer = new FrameBuffer();
    const frameBytes = troupeCbor.write(
      buffer,
      header({ kind: FrameKind.call, id: 1, amount: 1000 }),
      0,
      wholeUpTo(1000),
    );
    expect(frameBytes).toBe(17);
  });

  test("frames of 16 MiB and 7 bytes, the longest that a header can tell of, and none that is longer", () => {
    const longest = 0xff_ffff + 8;
    const ping = header({ kind: FrameKind.reply, id: 1 });
    const buffer = new FrameBuffer();
    expect(troupeCbor.forward(buffer, ping, new Uint8Array(0xff_ffff), wholeUpTo(longest))).toBe(longest);
    const reader = troupeCbor.reader({ ...WIRE_LIMITS, frameBytesMax: longest });
    reader.push(buffer.take());
    expect(reader.next()).toBe(true);
    expect(reader.frame.kind).toBe(FrameKind.reply);
    expect(reader.frameBytes).toBe(longest);
    const sizes = wholeUpTo(2 ** 32 - 1);
    expect(troupeCbor.forward(buffer, ping, new Uint8Array(0x100_0000), sizes)).toMatchObject({
      head: expect.any(Uint8Array),
    });
    expect(buffer.take()).toHaveLength(0);
  });
});

describe("troupeCbor gives up on", () => {
  /** An iterator that never ends. */
  function* forever(): Generator<number> {
    for (;;) yield 0;
  }
  const sparse = (length: number): unknown[] => Object.assign([], { length });

  test.each<[string, () => unknown]>([
    ["an array of four billion holes", () => sparse(2 ** 32 - 1)],
    ["one deep inside", () => ({ a: [{ b: sparse(2 ** 32 - 1) }] })],
    ["a sequence that never ends", forever],
    ["a typed array of 80 MB", () => new Uint8Array(80_000_000)],
    ["a text of 70 MB", () => "x".repeat(70_000_000)],
    ["many texts", () => Array.from({ length: 80_000 }, () => "x".repeat(1000))],
  ])("%s: payload-too-long, and the next value is written", (_, value) => {
    const buffer = new FrameBuffer();
    const reply = header({ kind: FrameKind.reply, id: 1 });
    const tooLong = expect.objectContaining({ code: "payload-too-long" });
    expect(() => troupeCbor.write(buffer, reply, value(), wholeUpTo(1_048_576))).toThrow(tooLong);
    expect(() => troupeCbor.encode(value())).toThrow(tooLong);
    expect(buffer.end).toBe(0);
    for (const next of [{ a: 1.5, b: "text", c: [2 ** 40] }, "y".repeat(9000)]) {
      expect(troupeCbor.reader(WIRE_LIMITS).decode(troupeCbor.encode(next))).toEqual(next);
    }
  });

  test("nothing that fits, whatever it is made of", () => {
    const buffer = new FrameBuffer();
    const reply = header({ kind: FrameKind.reply, id: 1 });
    const frameBytesMax = 100_008;
    const fitting: unknown[] = [
      "x".repeat(99_995),
      "漢".repeat(33_331),
      ["x".repeat(90_000), "é".repeat(4990)],
      new Uint8Array(99_990),
      new Array(60_000).fill(0),
      Array.from({ length: 990 }, () => "x".repeat(97)),
    ];
    for (const value of fitting) {
      expect(troupeCbor.write(buffer, reply, value, wholeUpTo(frameBytesMax))).toBeLessThanOrEqual(frameBytesMax);
      const reader = troupeCbor.reader(WIRE_LIMITS);
      reader.push(buffer.take());
      expect(reader.next()).toBe(true);
      expect(reader.value()).toEqual(value);
    }
  });
});

describe("troupeCbor refuses what is thrown while it reads", () => {
  const dishonest = Object.defineProperty(new Error(), "message", {
    get() {
      throw new Error("no message");
    },
  });
  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["an object without text", Object.create(null)],
    ["an error whose message has no text", Object.assign(new Error(), { message: Object.create(null) as string })],
    ["an error whose message cannot be read", dishonest],
    ["a symbol", Symbol("no")],
    [
      "a proxy that answers nothing",
      new Proxy({}, { get: Reflect.getPrototypeOf, getPrototypeOf: () => expect.fail("asked") }),
    ],
  ])("%s: payload-unsupported", (_, thrown) => {
    const value = {
      get area(): unknown {
        throw thrown;
      },
    };
    expect(() => troupeCbor.encode(value)).toThrow(expect.objectContaining({ code: "payload-unsupported" }));
    expect(troupeCbor.encode(1)).toEqual(Uint8Array.of(1));
  });
});

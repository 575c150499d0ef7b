// docs/reference/vectors.json and the conversation in docs/reference/protocol.md, both ways: what is written is encoded
// to these bytes, and these bytes are read as what is written.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { call, defineService, send, stream, type Messages } from "../src/actor/index.js";
import { fingerprintOf } from "../src/peer/announcement.js";
import { Peer, ServiceMap } from "../src/peer/index.js";
import { SelfDrivenClock, VirtualClock } from "../src/testing/index.js";
import { memoryPair } from "../src/transport/index.js";
import {
  FrameBuffer,
  FrameKind,
  troupeCbor,
  WIRE_LIMITS,
  type FrameHeader,
  type FrameReader,
  wholeUpTo,
} from "../src/wire/index.js";

/** Metadata and payload are expressions of JavaScript; bytes, of a piece of another frame, are hexadecimal. */
interface FrameVector extends Omit<FrameHeader, "metadata"> {
  readonly name: string;
  readonly metadata?: string;
  readonly payload?: string;
  readonly bytes?: string;
  readonly hex: string;
}

interface Vectors {
  readonly frames: readonly FrameVector[];
  readonly payloads: readonly { js: string; hex: string }[];
  readonly accepted: readonly { hex: string; js: string; note: string }[];
  readonly refused: readonly { hex: string; why: string }[];
  readonly malformed: readonly { hex: string; code: string; why: string }[];
  readonly fingerprints: readonly { name: string; messages: readonly [string, string][]; fingerprint: string }[];
}

const vectors = JSON.parse(readPage("vectors.json")) as Vectors;
const page = readPage("protocol.md");

function readPage(name: string): string {
  return readFileSync(new URL(`../../../docs/reference/${name}`, import.meta.url), "utf8");
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function evaluate(expression: string): unknown {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the expressions are the documentation's own
  return (new Function(`return (${expression});`) as () => unknown)();
}

function readerOf(hex: string): FrameReader {
  const reader = troupeCbor.reader(WIRE_LIMITS);
  reader.push(bytesOf(hex));
  return reader;
}

describe("frames", () => {
  test("there is one of every kind", () => {
    expect(new Set(vectors.frames.map(({ kind }) => kind))).toEqual(new Set(Object.values(FrameKind)));
  });

  test.each(vectors.frames)("$name", ({ name: _, payload, metadata, bytes, hex, ...header }) => {
    const value = payload === undefined ? undefined : evaluate(payload);
    const beside = metadata === undefined ? undefined : evaluate(metadata);
    const buffer = new FrameBuffer();
    const sizes = wholeUpTo(WIRE_LIMITS.frameBytesMax);
    const whole = beside === undefined ? header : { ...header, metadata: troupeCbor.encode(beside) };
    if (bytes === undefined) troupeCbor.write(buffer, whole, value, sizes);
    else troupeCbor.forward(buffer, whole, bytesOf(bytes), sizes);
    expect(hexOf(buffer.take())).toBe(hex);

    const reader = readerOf(hex);
    expect(reader.next()).toBe(true);
    expect(reader.frame).toMatchObject(header);
    expect(reader.hasPayload).toBe(payload !== undefined);
    expect(reader.metadata()).toEqual(beside);
    if (payload !== undefined) expect(reader.value()).toStrictEqual(value);
    if (bytes !== undefined) expect(hexOf(reader.payload())).toBe(bytes);
    expect(reader.next()).toBe(false);
    expect(reader.buffered).toBe(0);
  });

  test.each(vectors.malformed)("$why gives $code", ({ hex, code }) => {
    expect(() => readerOf(hex).next()).toThrow(expect.objectContaining({ code }));
  });
});

describe("payloads", () => {
  const reader = troupeCbor.reader(WIRE_LIMITS);

  test.each(vectors.payloads)("$js is $hex", ({ js, hex }) => {
    expect(hexOf(troupeCbor.encode(evaluate(js)))).toBe(hex);
    expect(reader.decode(bytesOf(hex))).toStrictEqual(evaluate(js));
  });

  test.each(vectors.accepted)("$hex is read as $js: $note", ({ js, hex }) => {
    expect(reader.decode(bytesOf(hex))).toStrictEqual(evaluate(js));
  });

  test.each(vectors.refused)("$hex is refused: $why", ({ hex }) => {
    expect(() => reader.decode(bytesOf(hex))).toThrow(expect.objectContaining({ code: "payload-invalid" }));
  });
});

describe("fingerprints", () => {
  test.each(vectors.fingerprints)("$name has $fingerprint", ({ name, messages, fingerprint }) => {
    const contract = messages.map(([message, kind]) => [message, { kind }]);
    expect(fingerprintOf({ name, messages: Object.fromEntries(contract) as Messages, version: 0 })).toBe(fingerprint);
  });
});

describe("the conversation", () => {
  const Calculator = defineService("calculator", {
    add: call<{ a: number; b: number }, number>(),
    log: send<string>(),
    count: stream<{ to: number }, number>(),
  });

  /** Who says what, in order, out of the block that is marked `conversation`. */
  const turns = (/```text conversation\n([^]*?)```/.exec(page)?.[1] ?? "").split(/^(?=[AB]: )/m).map((turn) => ({
    who: turn[0],
    says: turn.split("\n", 1)[0],
    hex: turn.slice(turn.indexOf("\n")).replaceAll(/\s/g, ""),
  }));

  test("has both sides in it", () => {
    expect(turns.length).toBeGreaterThan(8);
    expect(new Set(turns.map(({ who }) => who))).toEqual(new Set(["A", "B"]));
  });

  test("is what a peer says that is told A's part", async () => {
    const clock = new SelfDrivenClock(new VirtualClock());
    const [near, far] = memoryPair({ clock });
    let said = "";
    far.open({
      received: (bytes) => (said += hexOf(bytes)),
      drained: () => {},
      ended: () => far.close(),
      closed: () => {},
    });
    const logged: string[] = [];
    const services = new ServiceMap().add(Calculator, {
      add: ({ a, b }) => a + b,
      log: (line) => void logged.push(line),
      *count({ to }) {
        for (let i = 0; i < to; i++) yield i;
      },
    });
    const peer = new Peer(near, { clock, services, id: "ffeeddccbbaa99887766554433221100", name: "right" });
    for (const { who, hex } of turns) if (who === "A") far.write(bytesOf(hex));
    far.close();
    expect(await peer.closed).toEqual({ by: "remote", code: "closed" });
    expect(said).toBe(turns.map(({ who, hex }) => (who === "B" ? hex : "")).join(""));
    expect(logged).toEqual(["hello"]);
  });
});

describe("the page", () => {
  test("has a row for every kind, with its number", () => {
    for (const [name, kind] of Object.entries(FrameKind)) {
      const told = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      expect(page, name).toMatch(new RegExp(`^\\| ${kind} +\\| \`${told}\` +\\|`, "m"));
    }
  });
});

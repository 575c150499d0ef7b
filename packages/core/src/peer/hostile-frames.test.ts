// Bytes that are no frames, frames that are not what they should be, and payloads that may not travel: each ends its
// own connection or its own call, and nothing else.

import { describe, expect, test } from "vitest";
import { call, defineService, send, type Schema } from "../actor/index.js";
import { hostilePayloads, siege, type Attack, type Siege } from "../testing/index.js";
import { memoryPair } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import { Peer, ServiceMap, type PeerEvent } from "./index.js";

const Target = defineService("target", { echo: call<unknown, unknown>(), note: send<unknown>() });
const ECHO = { service: 0, message: 0, amount: 1000 };
const NOTE = { service: 0, message: 1 };
const THEIRS = { name: "theirs", messages: [["ask", "call"]] } as const;
const Theirs = defineService("theirs", { ask: call<unknown, unknown>() });

function target(notes: unknown[] = []): ServiceMap {
  return new ServiceMap().add(Target, { echo: (input) => input, note: (input) => void notes.push(input) });
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Demands that the victim ended the connection: fault, goodbye, end and `closed`, all with `code`. */
async function expectFault(stage: Siege, { raw, victim, events }: Attack, code: string): Promise<void> {
  const goodbye = await raw.next(FrameKind.goodbye);
  expect(goodbye.value).toEqual([code, expect.any(String)]);
  await stage.flush();
  expect(raw.hasEnded).toBe(true);
  raw.end();
  await expect(victim.closed).resolves.toMatchObject({ by: "fault", code, error: { code } });
  expect(events.map(({ type }) => type).filter((type) => type === "fault" || type === "closed")).toEqual([
    "fault",
    "closed",
  ]);
  await stage.demandWitness();
}

/** Demands that a call on the same connection is still answered. */
async function expectAlive({ raw }: Attack): Promise<void> {
  raw.write({ kind: FrameKind.call, id: 999_999, ...ECHO }, "alive");
  const reply = await raw.next(FrameKind.reply);
  expect(reply).toMatchObject({ id: 999_999, value: "alive" });
}

describe("a connection ends", () => {
  test.each([
    ["frame-too-long", "a frame that is too long, by its first 8 bytes", "ffffff 04 01000000"],
    ["frame-malformed", "a call that ends in its header", "000000 04 01000000"],
    ["frame-malformed", "a watch that ends in its header", "000000 0d 01000000"],
    ["frame-malformed", "a ping with a payload", "010000 0b 01000000 f6"],
    ["frame-malformed", "a cancel with a payload", "010000 09 01000000 f6"],
    ["frame-malformed", "a credit with a payload", "050000 0a 01000000 01000000 f6"],
    ["frame-unknown", "a frame of kind 0", "000000 00 00000000"],
    ["frame-unknown", "a frame of a kind beyond the last", "000000 1a 00000000"],
    ["frame-unknown", "a frame of kind 255 with a payload", "020000 ff 00000000 f6f6"],
    ["hello-invalid", "a second hello", "010000 01 00000000 a0"],
    ["payload-invalid", "a goodbye without a payload", "000000 0e 00000000"],
    ["goodbye-invalid", "a goodbye that is no pair of texts", "010000 0e 00000000 80"],
    ["payload-invalid", "a provide without a payload", "000000 02 05000000"],
    ["announcement-invalid", "a provide of null", "010000 02 05000000 f6"],
  ])("with %s for %s", async (code, _, text) => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    attack.raw.writeBytes(bytesOf(text));
    await expectFault(stage, attack, code);
  });

  test("with frame-too-long at the limit that was announced and one byte, and not at the limit", async () => {
    await using stage = await siege({ services: target(), limits: { frameBytesMax: 10_000 } });
    const attack = await stage.attack();
    expect(attack.hello["limits"]).toMatchObject({ frameBytesMax: 10_000 });
    const text = "a".repeat(10_000 - 16 - 3);
    attack.raw.write({ kind: FrameKind.call, id: 1, ...ECHO }, text);
    expect(await attack.raw.next(FrameKind.reply)).toMatchObject({ value: text });
    attack.raw.write({ kind: FrameKind.call, id: 2, ...ECHO }, `${text}a`);
    await expectFault(stage, attack, "frame-too-long");
  });

  test("with connection-lost when the bytes end inside a frame, and nothing of that is handled", async () => {
    const notes: unknown[] = [];
    await using stage = await siege({ services: target(notes) });
    const attack = await stage.attack();
    attack.raw.writeBytes(bytesOf("020000 05 00000100 61"));
    attack.raw.end();
    await expect(attack.victim.closed).resolves.toMatchObject({ by: "fault", code: "connection-lost" });
    expect(notes).toEqual([]);
  });

  test("in this order: the event, the goodbye, the end of the connection, the closed event", async () => {
    const log: string[] = [];
    const [near, far] = memoryPair();
    const { write, close } = near;
    near.write = (bytes) => {
      if (bytes[3] === FrameKind.goodbye) log.push("goodbye");
      return write.call(near, bytes);
    };
    near.close = () => {
      log.push("close");
      close.call(near);
    };
    const peer = new Peer(near);
    for (const type of ["fault", "closed"] as const) peer.on(type, ({ type }: PeerEvent) => log.push(type));
    far.open({ received: () => {}, drained: () => {}, ended: () => far.close(), closed: () => {} });
    far.write(bytesOf("000000 0b 00000000"));
    const reason = await peer.closed;
    expect(log).toEqual(["fault", "goodbye", "close", "closed"]);
    expect(reason).toMatchObject({ by: "fault", code: "hello-expected" });
    await expect(peer.opened).rejects.toMatchObject({ code: "hello-expected" });
  });

  test("although the other side never ends its half", async () => {
    await using stage = await siege({ services: target() });
    const { raw, victim } = await stage.attack();
    raw.writeBytes(bytesOf("000000 00 00000000"));
    await raw.next(FrameKind.goodbye);
    await stage.advance(1000);
    await expect(victim.closed).resolves.toMatchObject({ code: "frame-unknown" });
    expect(raw.isClosed).toBe(true);
  });

  test("and what comes after the fault is neither read nor kept", async () => {
    const notes: unknown[] = [];
    await using stage = await siege({ services: target(notes) });
    const attack = await stage.attack();
    attack.raw.writeBytes(bytesOf("000000 00 00000000"));
    for (let i = 0; i < 100; i++) attack.raw.write({ kind: FrameKind.send, ...NOTE }, "a".repeat(60_000));
    await expectFault(stage, attack, "frame-unknown");
    expect(notes).toEqual([]);
  });
});

describe("frames of a newer minor version", () => {
  test("are ignored and counted when their kind is unknown", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack([], { minor: 1, somethingNew: { a: 1 } });
    attack.raw.writeBytes(bytesOf("000000 1a 00000000  030000 63 01000000 ffffff  000000 00 00000000"));
    await expectAlive(attack);
    expect(attack.victim.stats.framesIgnored).toBe(3);
  });

  test("are refused when their kind is known and out of place", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack([], { minor: 1 });
    attack.raw.write({ kind: FrameKind.hello }, {});
    await expectFault(stage, attack, "hello-invalid");
  });
});

describe("a payload that may not travel", () => {
  test("as the input of a call is refused with payload-invalid, and the connection goes on", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    for (const [index, { name, bytes, code }] of hostilePayloads().entries()) {
      attack.raw.forward({ kind: FrameKind.call, id: index + 1, ...ECHO }, bytes);
      const { id, value } = await attack.raw.next(FrameKind.refuse);
      expect([id, value], name).toEqual([index + 1, [code, expect.stringContaining("refused at offset")]]);
    }
    expect(attack.raw.take(FrameKind.reply)).toEqual([]);
    expect(attack.victim.stats.running).toBe(0);
    await expectAlive(attack);
  });

  test("as the input of a send is refused under id 0, gives its credit back, and is not handled", async () => {
    const notes: unknown[] = [];
    await using stage = await siege({ services: target(notes), limits: { sendsMax: 4 } });
    const attack = await stage.attack();
    for (const { name, bytes } of hostilePayloads()) {
      attack.raw.forward({ kind: FrameKind.send, ...NOTE }, bytes);
      const { id, value } = await attack.raw.next(FrameKind.refuse);
      expect([id, value], name).toEqual([0, ["payload-invalid", expect.any(String)]]);
      expect((await attack.raw.next(FrameKind.credit)).id, name).toBe(1);
    }
    expect(notes).toEqual([]);
    await expectAlive(attack);
  });

  test("as an answer rejects that call with reply-invalid, and the connection goes on", async () => {
    await using stage = await siege();
    const { raw, victim } = await stage.attack([THEIRS]);
    const theirs = victim.address(Theirs);
    for (const kind of [FrameKind.reply, FrameKind.error, FrameKind.refuse]) {
      for (const { name, bytes } of hostilePayloads()) {
        const outcome = theirs.call("ask", 1).catch((error: unknown) => error);
        const { id } = await raw.next(FrameKind.call);
        raw.forward({ kind, id }, bytes);
        expect(await outcome, `${name}, kind ${kind}`).toMatchObject({ code: "reply-invalid" });
      }
    }
    expect(victim.stats.callsInFlight).toBe(0);
    const answer = theirs.call("ask", 1);
    const { id } = await raw.next(FrameKind.call);
    raw.write({ kind: FrameKind.reply, id }, "fine");
    expect(await answer).toBe("fine");
  });

  test.each([
    ["a provide", FrameKind.provide],
    ["a goodbye", FrameKind.goodbye],
  ])("as %s ends the connection with payload-invalid", async (_, kind) => {
    await using stage = await siege({ services: target() });
    const few = hostilePayloads().filter((_, index) => index % 20 === 0);
    for (const { bytes } of few) {
      const attack = await stage.attack();
      attack.raw.forward({ kind, id: 5 }, bytes);
      await expectFault(stage, attack, "payload-invalid");
    }
  });

  test("as a hello ends the connection with payload-invalid", async () => {
    await using stage = await siege({ services: target() });
    const short = hostilePayloads().filter(({ bytes }, index) => bytes.length < 4000 && index % 10 === 0);
    for (const { name, bytes } of short) {
      const raw = await stage.approach();
      raw.forward({ kind: FrameKind.hello }, bytes);
      const { value } = await raw.next(FrameKind.goodbye);
      expect(value, name).toEqual(["payload-invalid", expect.any(String)]);
    }
  });

  test("as the answer to a watch ends the watch", async () => {
    await using stage = await siege();
    const { raw, victim } = await stage.attack([THEIRS]);
    const answers = [
      Uint8Array.of(0xff),
      Uint8Array.of(0xa1, 0x68, ...new TextEncoder().encode("toString"), 0x01),
      Uint8Array.of(0x80),
    ];
    for (const answer of answers) {
      const watch = victim.address(Theirs).watch();
      const { id } = await raw.next(FrameKind.watch);
      raw.forward({ kind: FrameKind.reply, id }, answer);
      expect(await watch).toEqual({ reason: "unknown" });
    }
    expect(victim.state).toBe("open");
  });
});

describe("a payload that a schema refuses", () => {
  const positive: Schema<number, number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) =>
        typeof value === "number" && value > 0 ? { value } : { issues: [{ message: "not positive", path: ["n"] }] },
    },
  };
  const Strict = defineService("strict", { root: call({ input: positive, output: positive }), mark: send(positive) });

  test("is an error to its caller, with the issues, and is not handled", async () => {
    const handled: number[] = [];
    const services = new ServiceMap().add(Strict, {
      root: (n) => (handled.push(n), Math.sqrt(n)),
      mark: (n) => void handled.push(n),
    });
    await using stage = await siege({ services });
    const attack = await stage.attack();
    attack.raw.write({ kind: FrameKind.call, id: 1, ...ECHO }, -1);
    const { value } = await attack.raw.next(FrameKind.error);
    expect(value).toEqual(["input-invalid", "n: not positive", { issues: [{ path: ["n"], message: "not positive" }] }]);
    attack.raw.write({ kind: FrameKind.send, ...NOTE }, { n: 1 });
    await stage.flush();
    expect(handled).toEqual([]);
    attack.raw.write({ kind: FrameKind.call, id: 2, ...ECHO }, 4);
    expect(await attack.raw.next(FrameKind.reply)).toMatchObject({ id: 2, value: 2 });
  });
});

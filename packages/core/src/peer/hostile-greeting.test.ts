// Strangers: what is said before, instead of and during the greeting, and announcements that contradict each other.

import { describe, expect, test } from "vitest";
import { call, defineService } from "../actor/index.js";
import { rawHello, RawPeer, siege, SelfDrivenClock, VirtualClock, type Attack, type Siege } from "../testing/index.js";
import { memoryPair } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import { Peer, ServiceMap } from "./index.js";

const Target = defineService("target", { echo: call<unknown, unknown>() });
const ONE = { name: "one", messages: [["ask", "call"]] } as const;
const TWO = { name: "two", messages: [["ask", "call"]] } as const;

function target(): ServiceMap {
  return new ServiceMap().add(Target, { echo: (input) => input });
}

/** Demands that the stranger is told `code`, that the connection ends, and that the listener reports it. */
async function expectRefused(stage: Siege, raw: RawPeer, code: string): Promise<void> {
  const { value } = await raw.next(FrameKind.goodbye);
  expect(value).toEqual([code, expect.any(String)]);
  await stage.flush();
  expect(raw.hasEnded).toBe(true);
  raw.end();
  await stage.flush();
  expect(raw.isClosed).toBe(true);
  expect(stage.failures).toMatchObject([{ code }]);
  expect(stage.listener.peers.length).toBe(1);
}

describe("a greeting ends", () => {
  test("with greeting-late when no hello comes", async () => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    await stage.advance(4999);
    expect(raw.hasEnded).toBe(false);
    await stage.advance(1);
    await expectRefused(stage, raw, "greeting-late");
  });

  test("with greeting-late when a hello is dripped, however lively", async () => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    for (let second = 0; second < 5; second++) {
      raw.writeBytes(Uint8Array.of(second === 0 ? 200 : 0));
      await stage.advance(1000);
    }
    await expectRefused(stage, raw, "greeting-late");
  });

  test("with greeting-late when the services that the hello promised do not come", async () => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    raw.write({ kind: FrameKind.hello }, rawHello({ services: 2 }));
    raw.provide(0, ONE);
    await stage.advance(5000);
    await expectRefused(stage, raw, "greeting-late");
  });

  test("with frame-too-long when the hello is longer than 4096 bytes, however long frames may be later", async () => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    raw.write({ kind: FrameKind.hello }, rawHello({ more: "a".repeat(4096) }));
    await expectRefused(stage, raw, "frame-too-long");
  });

  test.each([
    ["a call", FrameKind.call],
    ["a send", FrameKind.send],
    ["a reply", FrameKind.reply],
    ["a ping", FrameKind.ping],
    ["a provide", FrameKind.provide],
    ["a watch", FrameKind.watch],
    ["a frame of an unknown kind", 99],
  ])("with hello-expected when the first frame is %s", async (_, kind) => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    raw.write({ kind, id: 1 }, null);
    await expectRefused(stage, raw, "hello-expected");
  });

  test.each([
    ["a second hello", FrameKind.hello],
    ["a call", FrameKind.call],
    ["a ping", FrameKind.ping],
    ["a withdraw", FrameKind.withdraw],
    ["a frame of an unknown kind", 99],
  ])("with hello-expected when %s comes before the promised services", async (_, kind) => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    raw.write({ kind: FrameKind.hello }, rawHello({ services: 1 }));
    raw.write({ kind, id: 1 }, rawHello());
    await expectRefused(stage, raw, "hello-expected");
  });

  test.each([
    ["null", null],
    ["a list", []],
    ["a date", new Date(0)],
    ["no map", "troupe"],
    ["an empty map", {}],
    ["another protocol", rawHello({ protocol: "other" })],
    ["versions that are no list", rawHello({ versions: 1 })],
    ["versions that are no whole numbers", rawHello({ versions: [1, "1"] })],
    ["a negative minor", rawHello({ minor: -1 })],
    ["a minor with a fraction", rawHello({ minor: 0.5 })],
    ["a minor that is a bigint", rawHello({ minor: 0n })],
    ["no minor", rawHello({ minor: undefined })],
    ["an id that is too short", rawHello({ id: "ab" })],
    ["an id in upper case", rawHello({ id: "A".repeat(32) })],
    ["a name that is too long", rawHello({ name: "a".repeat(257) })],
    ["a name that is no text", rawHello({ name: 7 })],
    ["a heartbeat of 0", rawHello({ heartbeatMs: 0 })],
    ["a heartbeat that is no number", rawHello({ heartbeatMs: NaN })],
    ["a heartbeat of a day", rawHello({ heartbeatMs: 86_400_000 })],
    ["no limits", rawHello({ limits: undefined })],
    ["limits that are a list", rawHello({ limits: [] })],
    ["empty limits", rawHello({ limits: {} })],
    ["a negative count of services", rawHello({ services: -1 })],
    ["more services than allowed", rawHello({ services: 1025 })],
  ])("with hello-invalid when the hello is or has %s", async (_, hello) => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    raw.write({ kind: FrameKind.hello }, hello);
    await expectRefused(stage, raw, "hello-invalid");
  });

  test.each([
    ["frameBytesMax", 8191],
    ["callsMax", 0],
    ["callBytesMax", 0],
    ["sendsMax", 0],
    ["sendBytesMax", -1],
    ["watchesMax", 2 ** 32],
    ["watchesMax", undefined],
  ])("with hello-invalid when the limit %s is %s", async (name, value) => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    const limits = { ...(rawHello()["limits"] as object), [name]: value };
    raw.write({ kind: FrameKind.hello }, rawHello({ limits }));
    await expectRefused(stage, raw, "hello-invalid");
  });

  test.each([[[]], [[2]], [[0, 2, 3]]])("with version-mismatch when the versions are %j", async (versions) => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    raw.write({ kind: FrameKind.hello }, rawHello({ versions }));
    await expectRefused(stage, raw, "version-mismatch");
  });

  test.each([
    ["null", null],
    ["a map", {}],
    ["no name", ["", "0", []]],
    ["a name that is too long", ["a".repeat(257), "0", []]],
    ["a fingerprint that is no text", ["one", 0, []]],
    ["no messages", ["one", "0"]],
    ["a message without a kind", ["one", "0", [["ask"]]]],
    ["a message without a name", ["one", "0", [["", "call"]]]],
    ["a message that is no pair", ["one", "0", ["ask"]]],
    ["too many messages", ["one", "0", Array.from({ length: 4097 }, (_, i) => [`m${i}`, "call"])]],
  ])("with announcement-invalid when a service is announced as %s", async (_, announcement) => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    raw.write({ kind: FrameKind.hello }, rawHello({ services: 1 }));
    raw.write({ kind: FrameKind.provide, id: 0 }, announcement);
    await expectRefused(stage, raw, "announcement-invalid");
  });

  test("with the other side's own word for it when that says goodbye", async () => {
    await using stage = await siege({ services: target() });
    const raw = await stage.approach();
    raw.write({ kind: FrameKind.goodbye }, ["version-mismatch", "too old"]);
    await stage.flush();
    expect(raw.hasEnded).toBe(true);
    raw.end();
    await stage.flush();
    expect(stage.failures).toMatchObject([{ code: "version-mismatch", message: "too old" }]);
  });
});

describe("a version that the two have not in common", () => {
  test("is a typed refusal on both sides: to the one that notices, and to the one that is told", async () => {
    const clock = new SelfDrivenClock(new VirtualClock());
    const [near, far] = memoryPair({ clock });
    const peer = new Peer(near, { clock });
    const raw = new RawPeer(far);
    raw.write({ kind: FrameKind.hello }, rawHello({ versions: [7] }));
    expect((await raw.next(FrameKind.goodbye)).value).toEqual(["version-mismatch", expect.stringContaining("7")]);
    raw.end();
    await expect(peer.opened).rejects.toMatchObject({ code: "version-mismatch" });
    expect(await peer.closed).toMatchObject({ by: "fault", code: "version-mismatch" });

    const [other, teller] = memoryPair({ clock });
    const told = new Peer(other, { clock });
    new RawPeer(teller).write({ kind: FrameKind.goodbye }, ["version-mismatch", "we speak 7"]);
    teller.close();
    await expect(told.opened).rejects.toMatchObject({ code: "version-mismatch", message: "we speak 7" });
    expect(await told.closed).toMatchObject({ by: "remote", code: "version-mismatch" });
  });
});

describe("services", () => {
  test.each([
    ["a service that is there already", (raw: RawPeer) => raw.provide(5, ONE)],
    ["a slot that is taken", (raw: RawPeer) => raw.provide(0, TWO)],
    ["a slot beyond 65535", (raw: RawPeer) => raw.provide(65_536, TWO)],
    ["the withdrawal of nothing", (raw: RawPeer) => raw.write({ kind: FrameKind.withdraw, id: 7 })],
    [
      "the withdrawal of a slot beyond 65535",
      (raw: RawPeer) => raw.write({ kind: FrameKind.withdraw, id: 2 ** 32 - 1 }),
    ],
  ])("%s ends the connection with announcement-invalid", async (_, act) => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack([ONE]);
    act(attack.raw);
    await expectEnd(stage, attack, "announcement-invalid");
  });

  test("one more than servicesMax ends the connection; as many do not, however often they change", async () => {
    await using stage = await siege({ services: target(), limits: { servicesMax: 3 } });
    const attack = await stage.attack([ONE]);
    const { raw, victim } = attack;
    for (let i = 0; i < 1000; i++) {
      raw.provide(1, TWO);
      raw.provide(2, { name: `named-${i}`, messages: [] });
      raw.write({ kind: FrameKind.withdraw, id: 1 });
      raw.write({ kind: FrameKind.withdraw, id: 2 });
    }
    raw.provide(1, TWO);
    raw.provide(2, { name: "three", messages: [] });
    await stage.flush();
    expect(victim.remote.services).toEqual(["one", "two", "three"]);
    raw.provide(3, { name: "four", messages: [] });
    await expectEnd(stage, attack, "announcement-invalid");
  });

  test("one message more than providedMessagesMax ends the connection; as many do not, however often they change", async () => {
    await using stage = await siege({ services: target(), limits: { providedMessagesMax: 5 } });
    const attack = await stage.attack([ONE]);
    const { raw, victim } = attack;
    for (let i = 0; i < 1000; i++) {
      raw.provide(1, { name: `named-${i}`, messages: numbered(4) });
      raw.write({ kind: FrameKind.withdraw, id: 1 });
    }
    raw.provide(1, { name: "many", messages: numbered(4) });
    raw.provide(2, { name: "none", messages: [] });
    await stage.flush();
    expect(victim.remote.services).toEqual(["one", "many", "none"]);
    raw.provide(3, TWO);
    await expectEnd(stage, attack, "announcement-invalid");
  });

  test("names of one byte more than providedBytesMax end the connection; as many do not, however often they change", async () => {
    await using stage = await siege({ services: target(), limits: { providedBytesMax: "oneask".length + 8 } });
    const attack = await stage.attack([ONE]);
    const { raw, victim } = attack;
    for (let i = 100; i < 1100; i++) {
      raw.provide(1, { name: `${i}`, messages: [["\u{1f600}", "send"]] });
      raw.write({ kind: FrameKind.withdraw, id: 1 });
    }
    raw.provide(1, { name: "é漢", messages: [["ask", "call"]] });
    await stage.flush();
    expect(victim.remote.services).toEqual(["one", "é漢"]);
    raw.provide(2, { name: "a", messages: [] });
    await expectEnd(stage, attack, "announcement-invalid");
  });

  test("of 16,384 messages are taken in the greeting unless told otherwise, and one more is not", async () => {
    await using stage = await siege({ services: target() });
    const four = Array.from({ length: 4 }, (_, i) => ({ name: `full-${i}`, messages: numbered(4096) }));
    const { victim } = await stage.attack(four);
    expect(victim.remote.services.length).toBe(4);
    const raw = await stage.approach();
    raw.write({ kind: FrameKind.hello }, rawHello({ services: 5 }));
    for (const [slot, service] of [...four, ONE].entries()) raw.provide(slot, service);
    expect((await raw.next(FrameKind.goodbye)).value).toEqual(["announcement-invalid", expect.any(String)]);
  });

  test("may come back with other numbers for their messages, which then hold", async () => {
    await using stage = await siege({ services: target() });
    const { raw, victim } = await stage.attack([
      {
        name: "odd",
        messages: [
          ["first", "call"],
          ["second", "call"],
        ],
      },
    ]);
    const Odd = defineService("odd", { first: call<void, string>(), second: call<void, string>() });
    const odd = victim.address(Odd);
    const ask = async (name: "first" | "second"): Promise<number> => {
      const answer = odd.call(name);
      const { id, message } = await raw.next(FrameKind.call);
      raw.write({ kind: FrameKind.reply, id }, "yes");
      await answer;
      return message;
    };
    expect([await ask("first"), await ask("second")]).toEqual([0, 1]);
    raw.write({ kind: FrameKind.withdraw, id: 0 });
    await stage.flush();
    await expect(odd.call("first")).rejects.toMatchObject({ code: "unknown-service" });
    raw.provide(1, {
      name: "odd",
      messages: [
        ["newer", "stream"],
        ["second", "call"],
        ["first", "call"],
      ],
    });
    await stage.flush();
    expect([await ask("first"), await ask("second")]).toEqual([2, 1]);
  });

  test("may have any name, also those that every object has", async () => {
    await using stage = await siege({ services: target() });
    const names = ["__proto__", "constructor", "toString", "then", "hasOwnProperty"];
    const announced = names.map((name) => ({ name, messages: names.map((message) => [message, "call"] as const) }));
    const { raw, victim } = await stage.attack(announced);
    expect(victim.remote.services).toEqual(names);
    const Odd = defineService("__proto__", {
      ["__proto__"]: call<number, number>(),
      constructor: call<number, number>(),
    });
    const answer = victim.address(Odd).call("__proto__", 1);
    const asked = await raw.next(FrameKind.call);
    expect(asked).toMatchObject({ service: 0, message: 0 });
    raw.write({ kind: FrameKind.reply, id: asked.id }, 2);
    expect(await answer).toBe(2);
  });
});

function numbered(count: number): (readonly [name: string, kind: string])[] {
  return Array.from({ length: count }, (_, i) => [`m${i}`, "call"] as const);
}

async function expectEnd(stage: Siege, { raw, victim }: Attack, code: string): Promise<void> {
  expect((await raw.next(FrameKind.goodbye)).value).toEqual([code, expect.any(String)]);
  await stage.flush();
  raw.end();
  expect(await victim.closed).toMatchObject({ by: "fault", code });
}

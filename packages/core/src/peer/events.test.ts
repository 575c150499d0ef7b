// What can be observed of a peer: by many, at any time, until it is closed.

import { describe, expect, test, vi } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { Inspection, type InspectionEvent } from "../base/index.js";
import { fence, peers, RawPeer, VirtualClock } from "../testing/index.js";
import { memoryPair } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import { Peer, ServiceMap, type PeerEvent } from "./index.js";

const End = defineService("end", { bySend: send(), byCall: call(), quick: call<unknown, unknown>() });

function ends(): ServiceMap {
  return new ServiceMap().add(End, {
    bySend: (_, { peer }) => void peer.close(),
    byCall: (_, { peer }) => void peer.close(),
    quick: (value) => value,
  });
}

async function typesOf(events: AsyncIterable<PeerEvent>): Promise<string[]> {
  const types: string[] = [];
  for await (const { type } of events) types.push(type);
  return types;
}

describe("closed", () => {
  test.each(["bySend", "byCall"] as const)("follows when a message asks for it, %s", async (how) => {
    await using harness = await peers({ right: { services: ends() } });
    const [left, right] = [typesOf(harness.left.events()), typesOf(harness.right.events())];
    const end = harness.left.address(End);
    if (how === "bySend") await end.send("bySend");
    else await end.call("byCall");
    expect(await harness.right.closed).toEqual({ by: "local", code: "closed" });
    expect(await left).toEqual(["closing", "closed"]);
    expect(await right).toEqual(["closing", "closed"]);
  });

  test("is the last event, with the reason that closed resolves with, and every events() ends with it", async () => {
    await using harness = await peers();
    const seen: PeerEvent[] = [];
    const reading = (async () => {
      for await (const event of harness.left.events()) seen.push(event);
    })();
    harness.left.abort(new Error("over"));
    const reason = await harness.left.closed;
    await reading;
    expect(seen.at(-1)).toEqual({ type: "closed", reason });
    expect(seen.filter(({ type }) => type === "closed").length).toBe(1);
  });
});

describe("what the other side asks and does not get", () => {
  test("a call of a slot that does not exist is an event on both sides, and the connection lives", async () => {
    const clock = new VirtualClock();
    const [near, far] = memoryPair({ clock });
    const peer = new Peer(near, { clock, services: ends() });
    const refused: string[] = [];
    peer.on("refused", ({ direction, error }) => refused.push(`${direction} ${error.code}`));
    const raw = new RawPeer(far);
    const greeted = raw.greet();
    await clock.flush();
    await greeted;
    raw.write({ kind: FrameKind.call, id: 77, service: 9, message: 0, amount: 1000 }, 1);
    await clock.flush();
    const answer = await raw.next(FrameKind.refuse);
    expect(answer).toMatchObject({ id: 77, value: ["unknown-service", expect.any(String)] });
    expect(refused).toEqual(["incoming unknown-service"]);
    expect(peer.state).toBe("open");
    peer.abort();
    await clock.flush();
  });

  test("a call whose payload is garbage is refused with payload-invalid to its caller, and the connection lives", async () => {
    const clock = new VirtualClock();
    const [near, far] = memoryPair({ clock });
    const peer = new Peer(near, { clock, services: ends() });
    const refused: string[] = [];
    peer.on("refused", ({ direction, error }) => refused.push(`${direction} ${error.code}`));
    const raw = new RawPeer(far);
    const greeted = raw.greet();
    await clock.flush();
    await greeted;
    raw.forward({ kind: FrameKind.call, id: 5, service: 0, message: 2, amount: 1000 }, new Uint8Array([0xff, 0xff]));
    await clock.flush();
    expect(await raw.next(FrameKind.refuse)).toMatchObject({ id: 5, value: ["payload-invalid", expect.any(String)] });
    raw.write({ kind: FrameKind.call, id: 6, service: 0, message: 2, amount: 1000 }, "still here");
    await clock.flush();
    expect(await raw.next(FrameKind.reply)).toMatchObject({ id: 6, value: "still here" });
    expect(refused).toEqual(["incoming payload-invalid"]);
    peer.abort();
    await clock.flush();
  });
});

describe("observers", () => {
  test("many see the same event, each stops by itself, and one that throws disturbs nobody", async () => {
    const uncaught = vi.spyOn(globalThis, "queueMicrotask");
    await using harness = await peers();
    const seen: string[] = [];
    const listener = ({ service }: { service: string }): void => void seen.push(service);
    const stopFirst = harness.left.on("provided", listener);
    harness.left.on("provided", listener);
    const stop = harness.left.on("provided", ({ service }) => seen.push(`other ${service}`));
    stopFirst();
    stopFirst();
    harness.right.provide(ends());
    await harness.flush();
    expect(seen).toEqual(["end", "other end"]);
    stop();
    harness.right.withdraw(End);
    harness.right.provide(ends());
    await harness.flush();
    expect(seen).toEqual(["end", "other end", "end"]);
    uncaught.mockRestore();
  });

  test("may begin in the middle of a connection's life, and events() sees only what follows", async () => {
    await using harness = await peers({ right: { services: ends() } });
    harness.right.withdraw(End);
    await harness.flush();
    const types = typesOf(harness.left.events());
    harness.right.provide(ends());
    await harness.flush();
    await harness.right.close();
    await harness.left.closed;
    expect(await types).toEqual(["provided", "closing", "closed"]);
  });

  test("events() of a closed peer ends at once, and leaving the loop stops observing", async () => {
    await using harness = await peers({ right: { services: ends() } });
    const first = (async () => {
      for await (const { type } of harness.left.events()) return type;
      return "none";
    })();
    harness.right.withdraw(End);
    expect(await first).toBe("withdrawn");
    await harness.left.close();
    expect(await typesOf(harness.left.events())).toEqual([]);
  });

  test("opened is told to who observes from the beginning, with what is known of the other side", async () => {
    const clock = new VirtualClock();
    const [one, two] = memoryPair({ clock });
    const left = new Peer(one, { clock });
    const right = new Peer(two, { clock, services: ends(), name: "right" });
    const opened: unknown[] = [];
    left.on("opened", ({ remote }) => opened.push([remote.name, remote.services]));
    await clock.flush();
    expect(opened).toEqual([["right", ["end"]]]);
    left.abort();
    await clock.flush();
    await right.closed;
  });
});

describe("inspection", () => {
  test("makes nothing while nobody looks: not one event object for a thousand calls", async () => {
    const inspection = new Inspection();
    const emit = vi.spyOn(inspection, "emit");
    await using harness = await peers({ left: { inspection }, right: { services: ends(), inspection } });
    await Promise.all(Array.from({ length: 1000 }, (_, n) => harness.left.address(End).call("quick", n)));
    expect(emit).not.toHaveBeenCalled();
  });

  test("sees each frame on both sides while somebody looks, and none afterwards", async () => {
    const inspection = new Inspection();
    await using harness = await peers({ left: { inspection }, right: { services: ends(), inspection } });
    const seen: InspectionEvent[] = [];
    const stop = inspection.observe((event) => seen.push(event));
    await harness.left.address(End).call("quick", "x");
    await harness.flush();
    stop();
    await harness.left.address(End).call("quick", "y");
    expect(
      seen.map(({ kind, source, detail }) => [kind, source === harness.left.id ? "left" : "right", detail?.["frame"]]),
    ).toEqual([
      ["frame-sent", "left", FrameKind.call],
      ["frame-received", "right", FrameKind.call],
      ["frame-sent", "right", FrameKind.reply],
      ["frame-received", "left", FrameKind.reply],
    ]);
    expect(seen.every(({ detail }) => (detail?.["bytes"] as number) > 0)).toBe(true);
  });
});

describe("stats", () => {
  test("show what is under way, and nothing when it is over", async () => {
    const gate = fence();
    const Hold = defineService("hold", { it: call() });
    const services = new ServiceMap().add(Hold, { it: () => gate.pass() });
    await using harness = await peers({ right: { services, limits: { callsMax: 2 } } });
    const calls = [1, 2, 3].map(() => harness.left.address(Hold).call("it"));
    await harness.flush();
    expect(harness.left.stats).toMatchObject({ callsInFlight: 2, waiting: 1, running: 0, bytesPending: 0 });
    expect(harness.right.stats).toMatchObject({ callsInFlight: 0, waiting: 0, running: 2 });
    // One deadline for each call, and one heartbeat.
    expect([harness.left.stats.timers, harness.right.stats.timers]).toEqual([4, 3]);
    gate.open();
    await Promise.all(calls);
    harness.demandIdle();
    expect([harness.left.stats.timers, harness.right.stats.timers]).toEqual([1, 1]);
  });
});

// What is not written yet is bounded: beyond that, messages wait and calls are not begun.

import { describe, expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { peers, RawPeer, VirtualClock } from "../testing/index.js";
import { memoryPair } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import { Peer, ServiceMap } from "./index.js";

const Log = defineService("log", { line: send<unknown>() });
const Ask = defineService("ask", { it: call<unknown, string>(), also: call<void, string>() });

describe("a peer whose other side reads nothing", () => {
  /** A peer with 100 kB of room beside one that greets and then stops reading. */
  async function beside(services: ServiceMap) {
    const clock = new VirtualClock();
    const [near, far] = memoryPair({ clock, bufferBytes: 1000 });
    const peer = new Peer(near, { clock, services, limits: { outboxBytesMax: 100_000 } });
    const raw = new RawPeer(far);
    const messages = [
      ["it", "call"],
      ["also", "call"],
    ] as const;
    const greeted = raw.greet([
      { name: "ask", messages },
      { name: "log", messages: [["line", "send"]] },
    ]);
    await clock.flush();
    await greeted;
    raw.pause();
    return { clock, peer, raw };
  }

  test("writes no further ahead than outboxBytesMax and one message: the rest waits, and goes when it reads again", async () => {
    const { clock, peer, raw } = await beside(new ServiceMap());
    const log = peer.address(Log);
    let sent = 0;
    const sends = Array.from({ length: 500 }, () => log.send("line", new Uint8Array(1000)).then(() => sent++));
    await clock.flush();
    expect(peer.stats.bytesPending).toBeLessThan(100_000 + 2 * 1100);
    expect(sent).toBeLessThan(103);
    expect(peer.stats.waiting).toBe(500 - sent);
    expect(log.trySend("line", "x")).toBe(false);
    raw.resume();
    await clock.flush();
    await Promise.all(sends);
    expect(raw.take(FrameKind.send).length).toBe(500);
    peer.abort();
    await clock.flush();
  });

  test("lets calls and sends that wait go in turn when it reads again, so that neither holds up the other", async () => {
    const { clock, peer, raw } = await beside(new ServiceMap());
    const payload = new Uint8Array(1000);
    const underWay = Array.from({ length: 110 }, () => peer.address(Log).send("line", payload));
    const calls = Array.from({ length: 200 }, () => peer.address(Ask).call("it", payload));
    const settled = Promise.allSettled(calls);
    const sends = Array.from({ length: 200 }, () => peer.address(Log).send("line", payload));
    await clock.flush();
    expect(peer.stats.waiting).toBeGreaterThan(390);
    raw.resume();
    await clock.flush();
    await Promise.all([...underWay, ...sends]);
    const kinds = raw.frames
      .map(({ kind }) => kind)
      .filter((kind) => kind === FrameKind.call || kind === FrameKind.send);
    const middle = kinds.slice(120, 280);
    expect(middle.filter((kind) => kind === FrameKind.call).length).toBeGreaterThan(50);
    expect(middle.filter((kind) => kind === FrameKind.send).length).toBeGreaterThan(50);
    expect(kinds.length).toBe(510);
    peer.abort();
    await settled;
    await clock.flush();
  });

  test("begins no call whose answer there is no room for; one that is cancelled meanwhile never runs", async () => {
    const begun: unknown[] = [];
    const it = (n: unknown): string => {
      begun.push(n);
      return "x".repeat(10_000);
    };
    const { clock, peer, raw } = await beside(new ServiceMap().add(Ask, { it, also: () => "" }));
    for (let id = 1; id <= 30; id++)
      raw.write({ kind: FrameKind.call, id, service: 0, message: 0, amount: 60_000 }, id);
    await clock.flush();
    expect(begun.length).toBeLessThanOrEqual(11);
    expect(peer.stats.running).toBe(30 - begun.length);
    raw.write({ kind: FrameKind.cancel, id: 30 });
    raw.write({ kind: FrameKind.cancel, id: 25 });
    await clock.flush();
    raw.resume();
    await clock.flush();
    expect(begun).toEqual(Array.from({ length: 29 }, (_, i) => i + 1).filter((n) => n !== 25));
    expect(raw.take(FrameKind.reply).length).toBe(28);
    expect(
      raw
        .take(FrameKind.error)
        .map(({ id }) => id)
        .sort(),
    ).toEqual([25, 30]);
    expect(raw.take(FrameKind.refuse)).toEqual([]);
    expect(peer.stats.running).toBe(0);
    peer.abort();
    await clock.flush();
  });
});

describe("a peer whose outboxBytesMax is below what its connection buffers", () => {
  test("still sends all that waits for room", async () => {
    const services = new ServiceMap().add(Ask, { it: () => "answered", also: () => "also" });
    const limits = { outboxBytesMax: 500 };
    await using harness = await peers({ left: { limits }, right: { services, limits } });
    const ask = harness.left.address(Ask);
    const calls = Array.from({ length: 200 }, () => ask.call("it", new Uint8Array(300)));
    const answers = Promise.all(calls);
    await harness.flush();
    expect(harness.left.stats.waiting).toBe(0);
    expect((await answers).length).toBe(200);
  });

  test("still answers all that waits for room", async () => {
    const Big = defineService("big", { get: call<void, Uint8Array>() });
    const services = new ServiceMap().add(Big, { get: () => new Uint8Array(400) });
    await using harness = await peers({ right: { services, limits: { outboxBytesMax: 500 } } });
    const answers = Promise.all(Array.from({ length: 200 }, () => harness.left.address(Big).call("get")));
    await harness.flush();
    expect(harness.right.stats.running).toBe(0);
    expect((await answers).length).toBe(200);
  });
});

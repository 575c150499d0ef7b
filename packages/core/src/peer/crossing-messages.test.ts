// Messages of the two directions meet each other, and meet ends and changes: nobody starves, nothing is left hanging, and
// what cannot be read is told to whoever waits for it.

import { describe, expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { fence, peers, RawPeer, VirtualClock } from "../testing/index.js";
import { memoryPair } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import { Peer, ServiceMap } from "./index.js";

const Work = defineService("work", { quick: call<number, number>(), tell: send<number>(), hold: call<void, string>() });

function work(seen: number[] = []): ServiceMap {
  return new ServiceMap().add(Work, { quick: (n) => n, tell: (n) => void seen.push(n), hold: () => "" });
}

/** A peer, and its other side played by hand. */
async function besideRaw(): Promise<{ clock: VirtualClock; peer: Peer; raw: RawPeer }> {
  const clock = new VirtualClock();
  const [near, far] = memoryPair({ clock });
  const peer = new Peer(near, { clock, services: work() });
  const raw = new RawPeer(far);
  const greeted = raw.greet([
    {
      name: "work",
      messages: [
        ["quick", "call"],
        ["tell", "send"],
        ["hold", "call"],
      ],
    },
  ]);
  await clock.flush();
  await greeted;
  return { clock, peer, raw };
}

describe("outgoing goes ahead of incoming, but does not starve it", () => {
  test("a side with 20,000 sends of its own on their way answers the other side's calls in between", async () => {
    const seen: number[] = [];
    await using harness = await peers({
      left: { services: work() },
      right: { services: work(seen), limits: { sendsMax: 50 } },
      pipe: { bufferBytes: 4096 },
    });
    const sends = Array.from({ length: 20_000 }, (_, n) => harness.left.address(Work).send("tell", n));
    let answered = 0;
    let toldAtLastAnswer = 0;
    const calls = Array.from({ length: 20 }, async (_, n) => {
      await harness.right.address(Work).call("quick", n);
      answered++;
      toldAtLastAnswer = seen.length;
    });
    await Promise.all(calls);
    expect(answered).toBe(20);
    expect(toldAtLastAnswer).toBeLessThan(10_000);
    await Promise.all(sends);
    await harness.flush();
    expect(seen.length).toBe(20_000);
  });
});

describe("messages that meet an end", () => {
  test("sends that cross the other side's goodbye are handled within its grace: none meets an emptied table", async () => {
    const seen: number[] = [];
    const gate = fence();
    const services = new ServiceMap().add(Work, {
      quick: (n) => n,
      tell: (n) => void seen.push(n),
      hold: async () => (await gate.pass(), "held"),
    });
    await using harness = await peers({ right: { services } });
    const refused: string[] = [];
    harness.right.on("refused", ({ error }) => refused.push(error.code));
    const held = harness.left.address(Work).call("hold");
    await gate.reached;
    const sends = Array.from({ length: 100 }, (_, n) => harness.left.address(Work).send("tell", n));
    void harness.right.close();
    await Promise.all(sends);
    await harness.flush();
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => n));
    await expect(harness.left.address(Work).send("tell", 100)).rejects.toMatchObject({ code: "closed" });
    gate.open();
    expect(await held).toBe("held");
    expect(refused).toEqual([]);
  });

  test("an answer that nobody waits for any more does no harm: the call was cancelled, timed out, or its peer is leaving", async () => {
    const gate = fence();
    const services = new ServiceMap().add(Work, {
      quick: (n) => n,
      tell() {},
      hold: async () => (await gate.pass(), "late"),
    });
    await using harness = await peers({ right: { services } });
    const controller = new AbortController();
    const address = harness.left.address(Work);
    const calls = Promise.allSettled([
      address.call("hold", undefined, { signal: controller.signal }),
      address.call("hold", undefined, { timeoutMs: 5 }),
    ]);
    await gate.reachedBy(2);
    controller.abort();
    await harness.advance(5);
    gate.open();
    expect(await calls).toMatchObject([{ reason: { code: "cancelled" } }, { reason: { code: "timeout" } }]);
    await harness.flush();
    expect(harness.left.stats).toMatchObject({ lateReplies: 2, callsInFlight: 0 });
    expect(await address.call("quick", 1)).toBe(1);
  });
});

describe("an answer that cannot be read", () => {
  test.each([
    ["reply", FrameKind.reply],
    ["error", FrameKind.error],
    ["refuse", FrameKind.refuse],
  ] as const)("as a %s frame fails its call with reply-invalid, and the connection lives", async (_, kind) => {
    const { clock, peer, raw } = await besideRaw();
    const asked = expect(peer.address(Work).call("quick", 1)).rejects.toMatchObject({ code: "reply-invalid" });
    await clock.flush();
    const { id } = await raw.next(FrameKind.call);
    raw.forward({ kind, id }, new Uint8Array([0x1c]));
    await clock.flush();
    await asked;
    const next = peer.address(Work).call("quick", 2);
    await clock.flush();
    raw.write({ kind: FrameKind.reply, id: (await raw.next(FrameKind.call)).id }, 3);
    await clock.flush();
    expect(await next).toBe(3);
    peer.abort();
    await clock.flush();
    expect(clock.pending).toBe(0);
  });
});

describe("a frame that is too long, or shorter than its header", () => {
  test.each([
    ["of 16 MiB", new Uint8Array([0xff, 0xff, 0xff, FrameKind.call, 1, 0, 0, 0])],
    ["that ends in its header", new Uint8Array([2, 0, 0, FrameKind.call, 1, 0, 0, 0, 0, 0])],
  ])("%s: an event, a frame that says why, the end, and closed, in this order", async (_, bytes) => {
    const { clock, peer, raw } = await besideRaw();
    const order: string[] = [];
    peer.on("fault", () => order.push("fault"));
    peer.on("closed", ({ reason }) => order.push(`closed by ${reason.by}`));
    const pending = expect(peer.address(Work).call("quick", 1)).rejects.toMatchObject({ code: "connection-lost" });
    await clock.flush();
    raw.writeBytes(bytes);
    await clock.flush();
    await pending;
    const goodbye = await raw.next(FrameKind.goodbye);
    const [code] = goodbye.value as [string, string];
    order.push("goodbye");
    raw.end();
    await clock.flush();
    expect(await peer.closed).toMatchObject({ by: "fault", code });
    expect(order).toEqual(["fault", "goodbye", "closed by fault"]);
    expect(clock.pending).toBe(0);
  });
});

describe("what is provided around the greeting", () => {
  test("a service that is provided, replaced or withdrawn before the greeting is complete ends up as last said", async () => {
    const Other = defineService("other", { go: call<void, string>() });
    const clock = new VirtualClock();
    const [one, two] = memoryPair({ clock });
    const left = new Peer(one, { clock });
    const right = new Peer(two, { clock, services: work() });
    right.provide(new ServiceMap().add(Other, { go: () => "first" }));
    right.provide(new ServiceMap().add(Other, { go: () => "second" }));
    right.withdraw(Work);
    await clock.flush();
    expect(left.remote.services).toEqual(["other"]);
    const answer = left.address(Other).call("go");
    await clock.flush();
    expect(await answer).toBe("second");
    left.abort();
    await clock.flush();
    await right.closed;
    expect(clock.pending).toBe(0);
  });
});

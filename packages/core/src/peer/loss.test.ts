// A connection that is gone: everything that waited for it is told at once, and told the truth.

import { describe, expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { fence, peers, VirtualClock, type Fence, type Harness } from "../testing/index.js";
import { memoryPair } from "../transport/index.js";
import { ConnectionLost, Peer, ServiceMap, type ClosedReason } from "./index.js";

const Work = defineService("work", { hold: call<void, string>(), tell: send() });

interface Stage extends AsyncDisposable {
  readonly harness: Harness;
  readonly gate: Fence;
  /** Outcomes of calls that were under way, and of calls and sends that waited for credit. */
  readonly underWay: Promise<PromiseSettledResult<unknown>[]>;
  readonly waiting: Promise<PromiseSettledResult<unknown>[]>;
}

/** Three calls run on the right, two more and a send wait for credit on the left. */
async function stage(): Promise<Stage> {
  const gate = fence();
  const services = new ServiceMap().add(Work, {
    hold: async () => {
      await gate.pass();
      return "held";
    },
    tell: () => gate.pass(),
  });
  const harness = await peers({ right: { services, limits: { callsMax: 3, sendsMax: 1 } } });
  const work = harness.left.address(Work);
  const underWay = Promise.allSettled([1, 2, 3].map(() => work.call("hold")));
  await work.send("tell");
  const waiting = Promise.allSettled([work.call("hold"), work.send("tell"), work.call("hold")]);
  await harness.flush();
  return { harness, gate, underWay, waiting, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
}

const LOST = { reason: { name: "ConnectionLost", code: "connection-lost", maybeExecuted: true } };
const NOT_SENT = { reason: { name: "ConnectionLost", code: "closed", maybeExecuted: false } };

describe("what is pending is rejected at once, sent or not, and no time passes,", () => {
  const ways: [string, (harness: Harness) => void, Partial<ClosedReason>][] = [
    ["when this side aborts", ({ left }) => left.abort(new Error("enough")), { by: "local", code: "aborted" }],
    ["when the other side aborts", ({ right }) => right.abort(), { by: "fault", code: "connection-lost" }],
    ["when the line is cut", (harness) => harness.cut(), { by: "fault", code: "connection-lost" }],
    ["when this side closes", ({ left }) => void left.close(), { by: "local", code: "closed" }],
  ];
  test.each(ways)("%s", async (_, end, reason) => {
    await using on = await stage();
    end(on.harness);
    expect(await on.underWay).toMatchObject([LOST, LOST, LOST]);
    expect(await on.waiting).toMatchObject([NOT_SENT, NOT_SENT, NOT_SENT]);
    on.gate.open();
    expect(await on.harness.left.closed).toMatchObject(reason);
    expect(on.harness.clock.now()).toBe(0);
  });

  test("when the other side ends without a goodbye", async () => {
    await using on = await stage();
    const ofRight = Promise.allSettled([on.harness.right.address(Work).watch()]);
    on.harness.endLeft();
    await on.harness.flush();
    expect(await on.harness.right.closed).toMatchObject({ by: "fault", code: "connection-lost" });
    expect(await ofRight).toMatchObject([{ value: { reason: "unknown-service" } }]);
    expect(await on.underWay).toMatchObject([LOST, LOST, LOST]);
    expect(await on.waiting).toMatchObject([NOT_SENT, NOT_SENT, NOT_SENT]);
    on.gate.open();
    expect(on.harness.clock.now()).toBe(0);
  });

  test("when the other side closes: what was not sent at once, what was sent when its grace is over", async () => {
    await using on = await stage();
    void on.harness.right.close({ graceMs: 100 });
    expect(await on.waiting).toMatchObject([NOT_SENT, NOT_SENT, NOT_SENT]);
    await on.harness.flush();
    expect(on.harness.left.stats.callsInFlight).toBe(3);
    await on.harness.advance(100);
    expect(await on.underWay).toMatchObject([LOST, LOST, LOST]);
    on.gate.open();
  });
});

test("the cause of ConnectionLost is what ended the connection", async () => {
  await using on = await stage();
  const cause = new Error("the owner has had enough");
  on.harness.left.abort(cause);
  const [lost] = await on.underWay;
  expect(lost).toMatchObject({ reason: { cause } });
  expect((lost as PromiseRejectedResult).reason).toBeInstanceOf(ConnectionLost);
  expect(await on.harness.left.closed).toEqual({ by: "local", code: "aborted", error: cause });
  on.gate.open();
});

test("the handlers of a lost connection see their signal aborted, and their answers go nowhere", async () => {
  const gate = fence();
  const aborted: unknown[] = [];
  const services = new ServiceMap().add(Work, {
    hold: async (_, { signal }) => {
      signal.addEventListener("abort", () => aborted.push(signal.reason));
      await gate.pass();
      return "nobody reads this";
    },
    tell: async (_, { signal }) => {
      signal.addEventListener("abort", () => aborted.push(signal.reason));
      await gate.pass();
    },
  });
  await using harness = await peers({ right: { services } });
  const held = harness.left.address(Work).call("hold");
  await harness.left.address(Work).send("tell");
  await gate.reachedBy(2);
  harness.cut();
  await expect(held).rejects.toMatchObject({ code: "connection-lost" });
  await harness.flush();
  expect(aborted).toMatchObject([{ code: "connection-lost" }, { code: "connection-lost" }]);
  gate.open();
  await harness.flush();
  expect(harness.right.stats.running).toBe(0);
});

test("calls and sends after the loss fail at once and were not executed", async () => {
  await using on = await stage();
  on.harness.cut();
  await on.underWay;
  const work = on.harness.left.address(Work);
  await expect(work.call("hold")).rejects.toMatchObject({ code: "closed", maybeExecuted: false });
  await expect(work.send("tell")).rejects.toMatchObject({ code: "closed", maybeExecuted: false });
  expect(work.trySend("tell")).toBe(false);
  expect(await work.watch()).toMatchObject({ reason: "connection-lost" });
  on.gate.open();
  await on.waiting;
});

test("one closed event with one reason on each side, however many things go wrong at once", async () => {
  await using on = await stage();
  const closed: string[] = [];
  for (const side of ["left", "right"] as const) {
    on.harness[side].on("closed", ({ reason }) => closed.push(`${side} ${reason.by} ${reason.code}`));
  }
  on.harness.left.abort();
  on.harness.right.abort();
  on.harness.cut();
  void on.harness.left.close();
  on.harness.left.abort(new Error("again"));
  await on.underWay;
  await on.harness.flush();
  expect(closed.sort()).toEqual(["left local aborted", "right local aborted"]);
  on.gate.open();
  await on.waiting;
});

test("abort() while greeting rejects opened with the reason, and closes both sides", async () => {
  const clock = new VirtualClock();
  const [one, two] = memoryPair({ clock });
  const left = new Peer(one, { clock });
  const right = new Peer(two, { clock });
  const reason = new Error("changed my mind");
  left.abort(reason);
  await clock.flush();
  await expect(left.opened).rejects.toBe(reason);
  await expect(right.opened).rejects.toMatchObject({ code: "connection-reset" });
  expect(await left.closed).toEqual({ by: "local", code: "aborted", error: reason });
  expect(await right.closed).toMatchObject({ by: "fault", code: "connection-lost" });
  expect(clock.pending).toBe(0);
});

test("a stranger who says nothing is sent away after handshakeMs", async () => {
  const clock = new VirtualClock();
  const [one, two] = memoryPair({ clock });
  const peer = new Peer(one, { clock, handshakeMs: 700 });
  const seen: string[] = [];
  two.open({
    received: () => seen.push("bytes"),
    ended: () => (seen.push("ended"), two.close()),
    drained() {},
    closed() {},
  });
  await clock.advance(699);
  expect(peer.state).toBe("greeting");
  await clock.advance(1);
  await expect(peer.opened).rejects.toMatchObject({ code: "greeting-late" });
  expect(await peer.closed).toMatchObject({ by: "fault", code: "greeting-late" });
  expect(seen.at(-1)).toBe("ended");
  expect(clock.pending).toBe(0);
});

test("a stranger who says nothing and never ends his half is cut off a second after that", async () => {
  const clock = new VirtualClock();
  const [one, two] = memoryPair({ clock });
  const peer = new Peer(one, { clock, handshakeMs: 700 });
  two.open({ received() {}, ended() {}, drained() {}, closed() {} });
  await clock.advance(700);
  expect(peer.state).toBe("finishing");
  await clock.advance(1000);
  expect(peer.state).toBe("closed");
  expect(clock.pending).toBe(0);
});

// Closing in order: running calls are answered within the grace, the other side is told, and both see one reason.

import { describe, expect, test } from "vitest";
import { call, defineService, Semaphore, send } from "../actor/index.js";
import { fence, peers, VirtualClock, type Fence, type Harness } from "../testing/index.js";
import { memoryPair } from "../transport/index.js";
import { Peer, PEER_TIMES, ServiceMap } from "./index.js";

const Work = defineService("work", { hold: call<void, string>(), quick: call<void, string>(), tell: send() });

interface Stage extends AsyncDisposable {
  readonly harness: Harness;
  readonly gate: Fence;
  readonly aborted: unknown[];
}

async function stage(): Promise<Stage> {
  const gate = fence();
  const aborted: unknown[] = [];
  const services = new ServiceMap().add(Work, {
    hold: async (_, { signal }) => {
      signal.addEventListener("abort", () => aborted.push(signal.reason));
      await gate.pass();
      return "held";
    },
    quick: () => "quick",
    tell: () => gate.pass(),
  });
  const harness = await peers({ left: { services }, right: { services } });
  return { harness, gate, aborted, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
}

describe("close()", () => {
  test("lets a call that runs answer within the grace: the caller gets it, then the socket ends", async () => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("hold");
    await on.gate.reached;
    const closed = on.harness.right.close({ graceMs: 1500 });
    await on.harness.advance(600);
    expect([on.harness.left.state, on.harness.right.state]).toEqual(["leaving", "draining"]);
    on.gate.open();
    expect(await held).toBe("held");
    expect(await closed).toEqual({ by: "local", code: "closed" });
    expect(await on.harness.left.closed).toEqual({ by: "remote", code: "closed" });
    expect(on.harness.clock.now()).toBe(600);
    expect(on.aborted).toEqual([]);
  });

  test("lets a send that runs end within the grace", async () => {
    await using on = await stage();
    await on.harness.left.address(Work).send("tell");
    await on.gate.reached;
    const closed = on.harness.right.close();
    await on.harness.flush();
    expect(on.harness.right.state).toBe("draining");
    on.gate.open();
    expect(await closed).toEqual({ by: "local", code: "closed" });
  });

  test("rejects this side's own pending calls at once, in the middle of the grace of others", async () => {
    await using on = await stage();
    const own = on.harness.right.address(Work).call("hold");
    const held = on.harness.left.address(Work).call("hold");
    await on.gate.reachedBy(2);
    void on.harness.right.close({ graceMs: 1000 });
    await expect(own).rejects.toMatchObject({ code: "connection-lost", maybeExecuted: true });
    await on.harness.flush();
    expect(on.aborted).toMatchObject([{ code: "cancelled" }]);
    on.gate.open();
    expect(await held).toBe("held");
  });

  test("refuses new calls of the other side, whether it has been told yet or not", async () => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("hold");
    await on.gate.reached;
    // It is on its way already when the goodbye comes the other way.
    const crossing = on.harness.left.address(Work).call("quick");
    void on.harness.right.close({ graceMs: 1000 });
    await expect(crossing).rejects.toMatchObject({ name: "Refused", code: "closing", maybeExecuted: false });
    const late = on.harness.left.address(Work).call("quick");
    await expect(late).rejects.toMatchObject({ name: "ConnectionLost", code: "closed", maybeExecuted: false });
    on.gate.open();
    expect(await held).toBe("held");
  });

  test("refuses calls that are parked for a permit: nothing of them was executed", async () => {
    const gate = fence();
    const services = new ServiceMap().add(Work, {
      hold: async () => (await gate.pass(), "held"),
      quick: () => "",
      tell() {},
    });
    await using harness = await peers({ right: { services, backpressure: new Semaphore(1) } });
    const work = harness.left.address(Work);
    const held = work.call("hold");
    const parked = work.call("hold");
    await gate.reached;
    const rejected = expect(parked).rejects.toMatchObject({ code: "closing", maybeExecuted: false });
    const closed = harness.right.close();
    await rejected;
    gate.open();
    expect(await held).toBe("held");
    await closed;
    expect(gate.arrivals).toBe(1);
  });

  test("aborts the handlers that still run when the grace is over, and their calls are lost", async () => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("hold");
    await on.gate.reached;
    const closed = on.harness.right.close({ graceMs: 300 });
    const rejected = expect(held).rejects.toMatchObject({ code: "connection-lost", maybeExecuted: true });
    await on.harness.advance(299);
    expect(on.aborted).toEqual([]);
    await on.harness.advance(1);
    expect(on.aborted.length).toBe(1);
    await rejected;
    expect(await closed).toEqual({ by: "local", code: "closed" });
    expect(await on.harness.left.closed).toMatchObject({ by: "remote", code: "closed" });
    on.gate.open();
  });

  test("with a grace of 0 does not wait for anything", async () => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("hold");
    await on.gate.reached;
    const rejected = expect(held).rejects.toMatchObject({ code: "connection-lost" });
    const closed = on.harness.right.close({ graceMs: 0 });
    await on.harness.advance(0);
    await rejected;
    expect(await closed).toEqual({ by: "local", code: "closed" });
    on.gate.open();
  });

  test("of both sides at once: each says that it closed, each is told once", async () => {
    await using on = await stage();
    const events: string[] = [];
    for (const side of ["left", "right"] as const) {
      on.harness[side].on("closing", ({ by }) => events.push(`${side} closing by ${by}`));
      on.harness[side].on("closed", ({ reason }) => events.push(`${side} closed by ${reason.by}`));
    }
    await Promise.all([on.harness.left.close(), on.harness.right.close()]);
    expect(events.sort()).toEqual([
      "left closed by local",
      "left closing by local",
      "right closed by local",
      "right closing by local",
    ]);
  });

  test("of both sides at once, while each runs a call of the other: neither is answered, none is left", async () => {
    await using on = await stage();
    const calls = Promise.allSettled([
      on.harness.left.address(Work).call("hold"),
      on.harness.right.address(Work).call("hold"),
    ]);
    await on.gate.reachedBy(2);
    const closed = Promise.all([on.harness.left.close(), on.harness.right.close()]);
    expect(await calls).toMatchObject([
      { reason: { code: "connection-lost" } },
      { reason: { code: "connection-lost" } },
    ]);
    on.gate.open();
    await closed;
    expect(on.harness.clock.now()).toBe(0);
  });

  test("by the other side while this side has left already: its own close ends it sooner", async () => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("hold");
    await on.gate.reached;
    void on.harness.right.close({ graceMs: 5000 });
    await on.harness.flush();
    expect(on.harness.left.state).toBe("leaving");
    const rejected = expect(held).rejects.toMatchObject({ code: "connection-lost" });
    expect(await on.harness.left.close()).toMatchObject({ by: "remote", code: "closed" });
    await rejected;
    on.gate.open();
    await on.harness.right.closed;
    expect(on.harness.clock.now()).toBe(0);
  });

  test("twice, or after the end, gives the same reason, and the first grace counts", async () => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("hold");
    await on.gate.reached;
    const first = on.harness.right.close({ graceMs: 100 });
    const second = on.harness.right.close({ graceMs: 100_000 });
    const rejected = expect(held).rejects.toMatchObject({ code: "connection-lost" });
    await on.harness.advance(100);
    await rejected;
    expect(await first).toEqual({ by: "local", code: "closed" });
    expect(await second).toEqual(await first);
    expect(await on.harness.right.close()).toEqual(await first);
    on.gate.open();
  });

  test("while greeting ends both sides, and the other side is told that it was in order", async () => {
    const clock = new VirtualClock();
    const [one, two] = memoryPair({ clock });
    const left = new Peer(one, { clock });
    const right = new Peer(two, { clock });
    const closed = left.close();
    await clock.flush();
    expect(await closed).toEqual({ by: "local", code: "closed" });
    expect(await right.closed).toEqual({ by: "remote", code: "closed" });
    await expect(left.opened).rejects.toMatchObject({ code: "closed" });
    expect(clock.pending).toBe(0);
    right.opened.catch(() => {});
  });

  test("sends that were given before it still arrive", async () => {
    const seen: number[] = [];
    const Log = defineService("log", { line: send<number>() });
    const services = new ServiceMap().add(Log, { line: (n) => void seen.push(n) });
    await using harness = await peers({ right: { services }, pipe: { bufferBytes: 64 } });
    const log = harness.left.address(Log);
    for (let n = 0; n < 500; n++) void log.send("line", n);
    await harness.left.close();
    await harness.right.closed;
    expect(seen).toEqual(Array.from({ length: 500 }, (_, n) => n));
  });

  test("sends that wait for credit when it begins are reported as not delivered, none silently dropped", async () => {
    const seen: number[] = [];
    const Log = defineService("log", { line: send<number>() });
    const gate = fence();
    const services = new ServiceMap().add(Log, {
      line: async (n) => {
        seen.push(n);
        await gate.pass();
      },
    });
    await using harness = await peers({ right: { services, limits: { sendsMax: 4 } } });
    const log = harness.left.address(Log);
    const sends = Promise.allSettled(Array.from({ length: 20 }, (_, n) => log.send("line", n)));
    const closed = harness.left.close();
    const outcomes = await sends;
    gate.open();
    await closed;
    await harness.flush();
    const delivered = outcomes.flatMap(({ status }, n) => (status === "fulfilled" ? [n] : []));
    expect(delivered).toEqual([0, 1, 2, 3]);
    expect(seen).toEqual(delivered);
  });

  test("by await using: the block ends when the peer is closed", async () => {
    await using on = await stage();
    {
      await using peer = on.harness.left;
      expect(await peer.address(Work).call("quick")).toBe("quick");
    }
    expect(on.harness.left.state).toBe("closed");
    expect(await on.harness.left.closed).toEqual({ by: "local", code: "closed" });
  });

  test("of a side whose partner does not end its half gives it the grace period to read what was written", async () => {
    const clock = new VirtualClock();
    const [one, two] = memoryPair({ clock });
    const peer = new Peer(one, { clock });
    // Answers the greeting by handing its bytes back: a mirror greets itself.
    two.open({ received: (bytes) => void two.write(bytes), ended() {}, drained() {}, closed() {} });
    await clock.flush();
    expect(peer.state).toBe("open");
    const closed = peer.close();
    await clock.advance(PEER_TIMES.graceMs - 1);
    expect(peer.state).toBe("finishing");
    await clock.advance(1);
    expect(await closed).toEqual({ by: "local", code: "closed" });
    expect(clock.pending).toBe(0);
  });
});

test("provide() and withdraw() on a closed peer change nothing and leave nothing", async () => {
  await using on = await stage();
  await on.harness.right.close();
  for (let i = 0; i < 1000; i++) {
    on.harness.right.withdraw(Work);
    on.harness.right.provide(new ServiceMap().add(Work, { hold: () => "", quick: () => "", tell() {} }));
  }
  await on.harness.flush();
  expect(on.harness.right.stats.bytesPending).toBe(0);
});

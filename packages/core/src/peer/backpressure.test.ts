// A semaphore limits how many calls run at once, for one peer or for several together. A permit belongs to the task and
// comes back on every outcome.

import { describe, expect, test } from "vitest";
import { call, defineService, RemoteError, Semaphore, send } from "../actor/index.js";
import { fence, peers, type Fence, type Harness, type PeersOptions } from "../testing/index.js";
import { ServiceMap } from "./index.js";

const Work = defineService("work", { hold: call<void, string>(), quick: call<void, string>(), tell: send() });

interface Stage {
  readonly harness: Harness;
  readonly gate: Fence;
  readonly permits: Semaphore;
}

async function stage(permits: Semaphore, options: PeersOptions = {}): Promise<Stage & AsyncDisposable> {
  const gate = fence();
  const services = new ServiceMap().add(Work, {
    hold: async (_, { signal }) => {
      await Promise.race([gate.pass(), new Promise((resolve) => signal.addEventListener("abort", resolve))]);
      return "held";
    },
    quick: () => "quick",
    tell: () => gate.pass(),
  });
  const harness = await peers({ ...options, right: { services, backpressure: permits, ...options.right } });
  return { harness, gate, permits, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
}

describe("a semaphore", () => {
  test("of 2 with two calls that block: a third is not begun until one is done, and all are answered", async () => {
    await using on = await stage(new Semaphore(2));
    const work = on.harness.left.address(Work);
    const calls = [work.call("hold"), work.call("hold"), work.call("hold")];
    await on.harness.flush();
    expect(on.gate.arrivals).toBe(2);
    expect(on.permits.waiting).toBe(1);
    on.gate.letOne();
    await on.gate.reachedBy(3);
    on.gate.open();
    expect(await Promise.all(calls)).toEqual(["held", "held", "held"]);
    expect(on.permits.available).toBe(2);
  });

  test("of 2 with a call and a send that block: the next call still gets in, for sends take no permit", async () => {
    await using on = await stage(new Semaphore(2));
    const work = on.harness.left.address(Work);
    const held = work.call("hold");
    await work.send("tell");
    await on.gate.reachedBy(2);
    expect(on.permits.available).toBe(1);
    expect(await work.call("quick")).toBe("quick");
    on.gate.open();
    await held;
  });

  test("with all permits taken: sends are still handled, and answers still read", async () => {
    const ofLeft = new ServiceMap().add(Work, { hold: () => "", quick: () => "from the left", tell() {} });
    await using on = await stage(new Semaphore(1), { left: { services: ofLeft } });
    const work = on.harness.left.address(Work);
    const held = [work.call("hold"), work.call("hold")];
    await on.gate.reached;
    expect(await on.harness.right.address(Work).call("quick")).toBe("from the left");
    await work.send("tell");
    await on.gate.reachedBy(2);
    on.gate.open();
    await Promise.all(held);
  });

  test("grants in the order in which the calls came", async () => {
    const Nth = defineService("nth", { go: call<number>() });
    const gate = fence();
    const begun: number[] = [];
    const services = new ServiceMap().add(Nth, {
      go: async (n) => {
        begun.push(n);
        await gate.pass();
      },
    });
    await using harness = await peers({ right: { services, backpressure: new Semaphore(1) } });
    const calls = Array.from({ length: 20 }, (_, n) => harness.left.address(Nth).call("go", n));
    for (let done = 1; done <= 20; done++) {
      await gate.reachedBy(done);
      expect(begun.length).toBe(done);
      gate.letOne();
    }
    await Promise.all(calls);
    expect(begun).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  test("shared between two connections limits both together, and serves them in turn", async () => {
    const permits = new Semaphore(2);
    await using one = await stage(permits);
    await using two = await stage(permits);
    const calls = [one.harness.left.address(Work).call("hold"), one.harness.left.address(Work).call("hold")];
    await one.gate.reachedBy(2);
    calls.push(two.harness.left.address(Work).call("hold"));
    await two.harness.flush();
    expect(two.gate.arrivals).toBe(0);
    one.gate.letOne();
    await two.gate.reached;
    one.gate.open();
    two.gate.open();
    await Promise.all(calls);
    expect(permits.available).toBe(2);
  });

  test("shared between both ends of one connection does not hang when each waits for the other's answer", async () => {
    // Each side's handler holds a permit while it calls the other; two permits are just enough for the chain.
    const permits = new Semaphore(2);
    const Ask = defineService("ask", { outer: call<void, string>(), inner: call<void, string>() });
    const services = new ServiceMap().add(Ask, {
      outer: async (_, { peer }) => `outer ${await peer.address(Ask).call("inner")}`,
      inner: () => "inner",
    });
    const side = { services, backpressure: permits };
    await using harness = await peers({ left: side, right: side });
    expect(await harness.left.address(Ask).call("outer")).toBe("outer inner");
    expect(permits.available).toBe(2);
  });

  test("a connection that is lost gives the permits of its tasks to another", async () => {
    const permits = new Semaphore(1);
    await using one = await stage(permits);
    await using two = await stage(permits);
    const lost = one.harness.left.address(Work).call("hold");
    await one.gate.reached;
    const waits = two.harness.left.address(Work).call("quick");
    await two.harness.flush();
    expect(permits.waiting).toBe(1);
    one.harness.cut();
    await expect(lost).rejects.toMatchObject({ code: "connection-lost" });
    expect(await waits).toBe("quick");
  });
});

describe("the answers overtake parked calls", () => {
  test("a handler with the only permit calls back over the same connection while another call is parked", async () => {
    const Back = defineService("back", { ask: call<void, string>() });
    const services = new ServiceMap().add(Work, {
      hold: async (_, { peer }) => await peer.address(Back).call("ask"),
      quick: () => "quick",
      tell() {},
    });
    const gate = fence();
    const ofLeft = new ServiceMap().add(Back, {
      ask: async () => {
        await gate.pass();
        return "asked back";
      },
    });
    const permits = new Semaphore(1);
    await using harness = await peers({ left: { services: ofLeft }, right: { services, backpressure: permits } });
    const work = harness.left.address(Work);
    const first = work.call("hold");
    await gate.reached;
    const parked = work.call("quick");
    await harness.flush();
    expect(permits.waiting).toBe(1);
    gate.open();
    expect(await first).toBe("asked back");
    expect(await parked).toBe("quick");
  });

  test("an answer to this side's own call gives no permit away while a call of the other side runs", async () => {
    const ofLeft = new ServiceMap().add(Work, { hold: () => "", quick: () => "quick", tell() {} });
    await using on = await stage(new Semaphore(1), { left: { services: ofLeft } });
    const held = on.harness.left.address(Work).call("hold");
    await on.gate.reached;
    for (let i = 0; i < 5; i++) await on.harness.right.address(Work).call("quick");
    expect(on.permits.available).toBe(0);
    on.gate.open();
    await held;
    expect(on.permits.available).toBe(1);
  });
});

describe("a permit comes back", () => {
  const Any = defineService("any", {
    answer: call<void, unknown>(),
    fail: call<void, unknown>(),
    refuse: call<void, unknown>(),
    unsendable: call<void, unknown>(),
    huge: call<void, unknown>(),
    endless: call<void, unknown>(),
    obedient: call<void, unknown>(),
    checked: call({
      input: { "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "no" }] }) } },
    }),
  });

  /** A peer with the only permit; what is asked of it must leave that permit free. */
  async function one(act: (harness: Harness) => Promise<unknown>, permits = new Semaphore(1)): Promise<void> {
    const services = new ServiceMap().add(Any, {
      answer: async () => "answered",
      fail: async () => Promise.reject(new Error("it failed")),
      refuse: () => {
        throw new RemoteError("refused-by-handler", "no");
      },
      unsendable: () => () => "a function",
      huge: () => new Uint8Array(64 * 1024 * 1024),
      endless: () => new Promise(() => {}),
      obedient: (_, { signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
      checked: () => undefined,
    });
    await using harness = await peers({ right: { services, backpressure: permits } });
    await act(harness);
    await harness.flush();
    expect(permits.available).toBe(1);
  }

  const ask =
    (message: "answer" | "fail" | "refuse" | "unsendable" | "huge", code?: string) => async (harness: Harness) => {
      const asked = harness.left.address(Any).call(message);
      if (code === undefined) await asked;
      else await expect(asked).rejects.toMatchObject({ code });
      await expect(harness.left.address(Any).call("answer")).resolves.toBe("answered");
    };

  test("when the call is answered", () => one(ask("answer")));
  test("when the handler throws", () => one(ask("fail", "handler-failed")));
  test("when the handler refuses with an error of its own", () => one(ask("refuse", "refused-by-handler")));
  test("when the answer cannot be encoded", () => one(ask("unsendable", "payload-unsupported")));
  test("when the answer is longer than the other side takes", () => one(ask("huge", "payload-too-long")));

  test("when the input does not fit the schema", () =>
    one(async ({ left }) => {
      await expect(left.address(Any).call("checked", 1)).rejects.toMatchObject({ code: "input-invalid" });
    }));

  test("when the call times out", () =>
    one(async (harness) => {
      const asked = harness.left.address(Any).call("obedient", undefined, { timeoutMs: 100 });
      const rejected = expect(asked).rejects.toMatchObject({ code: "timeout" });
      await harness.flush();
      await harness.advance(100);
      await rejected;
    }));

  test("when the caller cancels", () =>
    one(async (harness) => {
      const controller = new AbortController();
      const asked = harness.left.address(Any).call("obedient", undefined, { signal: controller.signal });
      await harness.flush();
      controller.abort();
      await expect(asked).rejects.toMatchObject({ code: "cancelled", maybeExecuted: true });
    }));

  test("when the connection is lost", () =>
    one(async (harness) => {
      const asked = harness.left.address(Any).call("obedient");
      await harness.flush();
      harness.cut();
      await expect(asked).rejects.toMatchObject({ code: "connection-lost" });
    }));

  test("when a call waits for it and is cancelled, times out or loses its connection meanwhile", () => {
    const permits = new Semaphore(1);
    return one(async (harness) => {
      await permits.acquire();
      const any = harness.left.address(Any);
      const controller = new AbortController();
      const outcomes = Promise.allSettled([
        any.call("answer", undefined, { signal: controller.signal }),
        any.call("answer", undefined, { timeoutMs: 10 }),
        any.call("answer"),
      ]);
      await harness.flush();
      expect(permits.waiting).toBe(3);
      controller.abort();
      await harness.flush();
      expect(permits.waiting).toBe(2);
      await harness.advance(10);
      expect(permits.waiting).toBe(1);
      harness.cut();
      await harness.flush();
      expect(permits.waiting).toBe(0);
      permits.release();
      expect(await outcomes).toMatchObject([
        { reason: { code: "cancelled" } },
        { reason: { code: "timeout" } },
        { reason: { code: "connection-lost" } },
      ]);
    }, permits);
  });

  test("when the handler never ends: its call times out, and abandonMs later others get the permit", () =>
    one(async (harness) => {
      const abandoned: string[] = [];
      harness.right.on("abandoned", ({ service, message }) => abandoned.push(`${service}.${message}`));
      const any = harness.left.address(Any);
      const asked = any.call("endless", undefined, { timeoutMs: 1000 });
      const rejected = expect(asked).rejects.toMatchObject({ code: "timeout", maybeExecuted: true });
      await harness.flush();
      const next = any.call("answer");
      await harness.advance(1000);
      await rejected;
      expect(abandoned).toEqual([]);
      await harness.advance(250);
      expect(abandoned).toEqual(["any.endless"]);
      expect(await next).toBe("answered");
    }));

  test("when the handler never ends and its caller cancels or disconnects", async () => {
    const permits = new Semaphore(1);
    await one(async (harness) => {
      const controller = new AbortController();
      const asked = harness.left.address(Any).call("endless", undefined, { signal: controller.signal });
      await harness.flush();
      controller.abort();
      await expect(asked).rejects.toMatchObject({ code: "cancelled" });
      await harness.advance(250);
      expect(permits.available).toBe(1);
      const lost = harness.left.address(Any).call("endless");
      await harness.flush();
      harness.cut();
      await expect(lost).rejects.toMatchObject({ code: "connection-lost" });
      expect(permits.available).toBe(0);
      await harness.advance(250);
    }, permits);
  });
});

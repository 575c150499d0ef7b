// Timeouts and cancels: who stops waiting, who is told, and what is said about whether the handler ran.

import { describe, expect, test } from "vitest";
import { call, CALL_TIMEOUT_MS, defineService, Semaphore, send } from "../actor/index.js";
import { fence, peers, type Fence, type Harness } from "../testing/index.js";
import { ServiceMap, type CallContext, type PeerOptions } from "./index.js";

const Work = defineService("work", { hold: call<void, string>(), quick: call<void, string>() });

interface Stage extends AsyncDisposable {
  readonly harness: Harness;
  readonly gate: Fence;
  readonly contexts: CallContext[];
  /** Whether each handler has seen its signal aborted, in the order in which they began. */
  readonly aborted: unknown[];
}

async function stage(right: PeerOptions = {}, left: PeerOptions = {}): Promise<Stage> {
  const gate = fence();
  const contexts: CallContext[] = [];
  const aborted: unknown[] = [];
  const services = new ServiceMap().add(Work, {
    hold: async (_, context) => {
      const index = contexts.push(context) - 1;
      context.signal.addEventListener("abort", () => (aborted[index] = context.signal.reason));
      await gate.pass();
      return "held";
    },
    quick: () => "quick",
  });
  const harness = await peers({ left, right: { services, ...right } });
  return { harness, gate, contexts, aborted, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
}

describe("a timeout", () => {
  test("of the peer of 10 ms with a handler of 100 ms: timeout before the handler ends", async () => {
    const services = new ServiceMap().add(Work, { hold: async () => "", quick: () => "" });
    await using harness = await peers({ left: { callTimeoutMs: 10 }, right: { services } });
    let ended = false;
    services.add(Work, {
      hold: () => new Promise((resolve) => harness.clock.schedule(100, () => resolve(`${(ended = true)}`))),
      quick: () => "",
    });
    harness.right.provide(services);
    await harness.flush();
    const rejected = expect(harness.left.address(Work).call("hold")).rejects.toMatchObject({ code: "timeout" });
    await harness.flush();
    await harness.advance(10);
    await rejected;
    expect(ended).toBe(false);
    await harness.advance(100);
    expect(ended).toBe(true);
  });

  test("aborts the handler's signal, its late answer is dropped and counted, and gives the credit back", async () => {
    await using on = await stage({ limits: { callsMax: 1 } });
    const work = on.harness.left.address(Work);
    const rejected = expect(work.call("hold", undefined, { timeoutMs: 100 })).rejects.toMatchObject({
      code: "timeout",
      maybeExecuted: true,
    });
    await on.gate.reached;
    const next = work.call("quick");
    await on.harness.advance(99);
    expect(on.aborted).toEqual([]);
    await on.harness.advance(1);
    await rejected;
    // By its own clock, and not by a cancel of the caller that may or may not be faster.
    expect(on.aborted).toMatchObject([{ name: "PeerError", code: "timeout" }]);
    expect(on.harness.left.stats).toMatchObject({ callsInFlight: 1, waiting: 1, lateReplies: 0 });
    on.gate.open();
    expect(await next).toBe("quick");
    expect(on.harness.left.stats).toMatchObject({ callsInFlight: 0, lateReplies: 1 });
  });

  test("is 30 s unless the call or the peer says otherwise", async () => {
    await using on = await stage();
    const rejected = expect(on.harness.left.address(Work).call("hold")).rejects.toMatchObject({ code: "timeout" });
    await on.gate.reached;
    expect(on.contexts[0]?.remainingMs).toBe(30_000);
    await on.harness.advance(29_999);
    expect(on.harness.left.stats.lateReplies).toBe(0);
    expect(on.aborted).toEqual([]);
    await on.harness.advance(1);
    await rejected;
    on.gate.open();
  });

  test("of Infinity is the default: no call waits for ever", async () => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("hold", undefined, { timeoutMs: Infinity });
    const rejected = expect(held).rejects.toMatchObject({ code: "timeout" });
    await on.gate.reached;
    expect(on.contexts[0]?.remainingMs).toBe(CALL_TIMEOUT_MS);
    await on.harness.advance(CALL_TIMEOUT_MS);
    await rejected;
    on.gate.open();
  });

  test.each([0, -5])("of %d ms is over before it began: the call is not sent", async (timeoutMs) => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("hold", undefined, { timeoutMs });
    await expect(held).rejects.toMatchObject({ code: "timeout", maybeExecuted: false });
    await on.harness.flush();
    expect(on.gate.arrivals).toBe(0);
  });

  test("that is not a number is refused with option-invalid", async () => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("quick", undefined, { timeoutMs: NaN });
    await expect(held).rejects.toMatchObject({ code: "option-invalid" });
  });

  test("needs no turn of the mailbox: it fires while the other side reads nothing", async () => {
    await using on = await stage({}, { limits: { outboxBytesMax: 1 } });
    const work = on.harness.left.address(Work);
    const rejected = Promise.all(
      Array.from({ length: 100 }, () =>
        expect(work.call("hold", undefined, { timeoutMs: 50 })).rejects.toMatchObject({ code: "timeout" }),
      ),
    );
    await on.harness.flush();
    await on.harness.advance(50);
    await rejected;
    on.gate.open();
  });

  test("leaves nothing behind for a call that was answered: 10,000 answered calls, no deadline set", async () => {
    await using on = await stage();
    const work = on.harness.left.address(Work);
    const before = on.harness.left.stats.timers;
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 1000 }, () => work.call("quick")));
    expect(on.harness.left.stats.timers).toBe(before);
    expect(on.harness.right.stats.timers).toBe(before);
  });
});

describe("the remaining deadline", () => {
  test("travels with the call and goes down while the handler runs", async () => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("hold", undefined, { timeoutMs: 700 });
    await on.gate.reached;
    const context = on.contexts[0] as CallContext;
    expect(context.remainingMs).toBe(700);
    await on.harness.advance(250);
    expect(context.remainingMs).toBe(450);
    expect(context.deadline - on.harness.clock.now()).toBe(450);
    on.gate.open();
    await held;
  });

  test("passes on to a nested call", async () => {
    const Chain = defineService("chain", { first: call<void, number>() });
    await using on = await stage();
    const pause = fence();
    const ofLeft = new ServiceMap().add(Chain, { first: (_, { remainingMs }) => remainingMs });
    on.harness.left.provide(ofLeft);
    on.harness.right.provide(
      new ServiceMap().add(Chain, {
        first: async (_, context) => {
          await pause.pass();
          return context.peer.address(Chain).call("first", undefined, { timeoutMs: context.remainingMs });
        },
      }),
    );
    await on.harness.flush();
    const asked = on.harness.left.address(Chain).call("first", undefined, { timeoutMs: 1000 });
    await pause.reached;
    await on.harness.advance(400);
    pause.open();
    expect(await asked).toBe(600);
  });

  test("is Infinity for a send, which nobody waits for", async () => {
    const Tell = defineService("tell", { it: send() });
    const seen: number[] = [];
    const services = new ServiceMap().add(Tell, {
      it: (_, context) => void seen.push(context.remainingMs, context.deadline),
    });
    await using harness = await peers({ right: { services } });
    await harness.left.address(Tell).send("it");
    await harness.flush();
    expect(seen).toEqual([Infinity, Infinity]);
  });
});

describe("a call whose signal is aborted", () => {
  test("before it is made is not sent", async () => {
    await using on = await stage();
    const held = on.harness.left.address(Work).call("hold", undefined, { signal: AbortSignal.abort(new Error("why")) });
    await expect(held).rejects.toMatchObject({ code: "cancelled", maybeExecuted: false, cause: { message: "why" } });
    await on.harness.flush();
    expect(on.gate.arrivals).toBe(0);
  });

  test("while it waits for credit is never sent, and those behind it move up", async () => {
    await using on = await stage({ limits: { callsMax: 1 } });
    const work = on.harness.left.address(Work);
    const controller = new AbortController();
    const first = work.call("hold");
    const second = work.call("hold", undefined, { signal: controller.signal });
    const third = work.call("quick");
    await on.gate.reached;
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: "cancelled", maybeExecuted: false });
    on.gate.open();
    expect([await first, await third]).toEqual(["held", "quick"]);
    expect(on.gate.arrivals).toBe(1);
  });

  test("while it runs aborts the handler's signal; the answer that comes all the same returns the credit and is counted", async () => {
    await using on = await stage({ limits: { callsMax: 1 } });
    const work = on.harness.left.address(Work);
    const controller = new AbortController();
    const held = work.call("hold", undefined, { signal: controller.signal });
    await on.gate.reached;
    controller.abort();
    await expect(held).rejects.toMatchObject({ code: "cancelled", maybeExecuted: true });
    await on.harness.flush();
    expect(on.aborted).toMatchObject([{ code: "cancelled" }]);
    const next = work.call("quick");
    await on.harness.flush();
    expect(on.harness.left.stats.waiting).toBe(1);
    on.gate.open();
    expect(await next).toBe("quick");
    expect(on.harness.left.stats.lateReplies).toBe(1);
  });

  test("while it is parked for a permit is never executed, and its credit is back", async () => {
    await using on = await stage({ limits: { callsMax: 2 }, backpressure: new Semaphore(1) });
    const work = on.harness.left.address(Work);
    const controller = new AbortController();
    const first = work.call("hold");
    const parked = work.call("hold", undefined, { signal: controller.signal });
    await on.harness.flush();
    controller.abort();
    await expect(parked).rejects.toMatchObject({ code: "cancelled", maybeExecuted: true });
    const third = work.call("quick");
    await on.harness.flush();
    on.gate.open();
    expect([await first, await third]).toEqual(["held", "quick"]);
    expect(on.gate.arrivals).toBe(1);
  });

  test("after it has settled changes nothing, and no listener is left on the signal", async () => {
    await using on = await stage();
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...rest: Parameters<typeof add>) => (listeners++, add(...rest));
    signal.removeEventListener = (...rest: Parameters<typeof remove>) => (listeners--, remove(...rest));
    const work = on.harness.left.address(Work);
    expect(await work.call("quick", undefined, { signal })).toBe("quick");
    await expect(work.call("quick", undefined, { signal, timeoutMs: 0 })).rejects.toMatchObject({ code: "timeout" });
    expect(listeners).toBe(0);
    controller.abort();
    expect(await work.call("quick")).toBe("quick");
  });
});

describe("a handler that does not obey its signal", () => {
  test("is abandoned abandonMs after a cancel: its credit is back, and what it does later is nobody's business", async () => {
    await using on = await stage({ limits: { callsMax: 1 }, abandonMs: 100 });
    const abandoned: string[] = [];
    on.harness.right.on("abandoned", ({ message }) => abandoned.push(message));
    const work = on.harness.left.address(Work);
    const controller = new AbortController();
    const held = work.call("hold", undefined, { signal: controller.signal });
    await on.gate.reached;
    controller.abort();
    await expect(held).rejects.toMatchObject({ code: "cancelled" });
    const next = work.call("quick");
    await on.harness.flush();
    await on.harness.advance(100);
    expect(await next).toBe("quick");
    expect(abandoned).toEqual(["hold"]);
    on.gate.open();
    await on.harness.flush();
    expect(on.harness.left.stats.lateReplies).toBe(1);
    expect(on.harness.left.state).toBe("open");
  });
});

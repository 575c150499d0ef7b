// How actors end: in order, at once, and what everybody who holds on to them is told.

import { describe, expect, test } from "vitest";
import { Inspection, oneShot, type OneShot } from "../base/index.js";
import { VirtualClock } from "../testing/index.js";
import type { ActorEvent } from "./actor.js";
import type { HandlerContext } from "./handlers.js";
import { call, defineService, send } from "./service.js";
import { spawn, type ActorAddress } from "./spawn.js";

const Worker = defineService("worker", {
  slow: call<void, string>(),
  work: send<number>(),
  ask: call<number, number>(),
});

interface Stage {
  readonly worker: ActorAddress<typeof Worker>;
  readonly clock: VirtualClock;
  readonly gate: OneShot<void>;
  readonly worked: number[];
  readonly signals: AbortSignal[];
  readonly events: ActorEvent[];
}

function stage(capacity = 10): Stage {
  const clock = new VirtualClock();
  const gate = oneShot<void>();
  const worked: number[] = [];
  const signals: AbortSignal[] = [];
  const events: ActorEvent[] = [];
  const setup = ({ signal }: { signal: AbortSignal }) => {
    signals.push(signal);
    return {
      async slow(_: void, context: HandlerContext) {
        signals.push(context.signal);
        await gate.promise;
        return "done";
      },
      work: (n: number) => void worked.push(n),
      ask: (n: number) => {
        worked.push(n);
        return n;
      },
    };
  };
  const worker = spawn(Worker, setup, { clock, mailbox: { capacity } });
  worker.on("refused", (event) => events.push(event));
  worker.on("stopped", (event) => events.push(event));
  return { worker, clock, gate, worked, signals, events };
}

describe("close()", () => {
  test("takes no more, works off the mailbox, then ends", async () => {
    const { worker, clock, gate, worked, events } = stage();
    const slow = worker.call("slow");
    await worker.send("work", 1);
    const asked = worker.call("ask", 2);
    await clock.flush();
    const closed = worker.close({ graceMs: 1000 });
    const late = { code: "actor-stopped", maybeExecuted: false };
    await expect(worker.call("ask", 3)).rejects.toMatchObject(late);
    await expect(worker.send("work", 3)).rejects.toMatchObject(late);
    expect(worker.trySend("work", 3)).toBe(false);
    expect(worker.isClosed).toBe(false);
    gate.resolve();
    expect(await Promise.all([slow, asked])).toEqual(["done", 2]);
    await closed;
    expect(worked).toEqual([1, 2]);
    expect(worker.isClosed).toBe(true);
    expect(events).toEqual([{ type: "stopped", ended: { reason: "stopped" } }]);
    expect(clock.pending).toBe(0);
  });

  test("of an idle actor resolves without time passing, once and again", async () => {
    const { worker, clock } = stage();
    await worker.close();
    await worker.close();
    expect(await worker.watch()).toEqual({ reason: "stopped" });
    expect(clock.pending).toBe(0);
  });

  test("after graceMs what is left is given up: the running handler is told, calls reject, sends are reported", async () => {
    const { worker, clock, worked, signals, events } = stage();
    const slow = worker.call("slow");
    await clock.flush();
    await worker.send("work", 1);
    const settled = Promise.allSettled([slow, worker.call("ask", 2)]);
    const closed = worker.close({ graceMs: 1000 });
    await clock.advance(999);
    expect(worker.isClosed).toBe(false);
    await clock.advance(1);
    await closed;
    expect(await settled).toMatchObject([
      { reason: { code: "actor-stopped", maybeExecuted: true } },
      { reason: { code: "actor-stopped", maybeExecuted: false } },
    ]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(worked).toEqual([]);
    expect(events).toMatchObject([
      { type: "refused", message: "work", error: { code: "actor-stopped" } },
      { type: "stopped", ended: { reason: "stopped" } },
    ]);
  });

  test("the grace ends also when no call is pending", async () => {
    const Simple = defineService("simple", { ask: call(), hang: send() });
    const clock = new VirtualClock();
    const simple = spawn(Simple, () => ({ ask() {}, hang: () => new Promise<void>(() => {}) }), { clock });
    await simple.call("ask");
    await simple.send("hang");
    const closed = simple.close({ graceMs: 10 });
    await clock.flush();
    expect(simple.isClosed).toBe(false);
    await clock.advance(10);
    await closed;
  });

  test("a later close() with less grace shortens it, and graceMs 0 gives up at once", async () => {
    const { worker, clock } = stage();
    const slow = expect(worker.call("slow")).rejects.toMatchObject({ code: "actor-stopped" });
    await clock.flush();
    const closes = [worker.close({ graceMs: 1000 }), worker.close({ graceMs: 10 })];
    await clock.advance(10);
    await Promise.all(closes);
    await slow;
    const other = stage();
    const second = expect(other.worker.call("slow")).rejects.toMatchObject({ code: "actor-stopped" });
    await other.worker.close({ graceMs: 0 });
    await second;
    await expect(other.worker.close({ graceMs: NaN })).rejects.toMatchObject({ code: "option-invalid" });
  });

  test("senders that waited for room when it began are let in, and worked off too", async () => {
    const { worker, clock, gate, worked } = stage(1);
    const slow = worker.call("slow");
    await clock.flush();
    const waiting = [worker.send("work", 1), worker.send("work", 2), worker.call("ask", 3)];
    const closed = worker.close();
    gate.resolve();
    expect(await Promise.all([slow, ...waiting, closed])).toEqual(["done", undefined, undefined, 3, undefined]);
    expect(worked).toEqual([1, 2, 3]);
  });

  test("senders that still wait for room when the grace is over reject with actor-stopped", async () => {
    const { worker, clock, worked } = stage(1);
    const settled = Promise.allSettled([worker.call("slow")]);
    await clock.flush();
    await worker.send("work", 1);
    const waiting = Promise.allSettled([worker.send("work", 2), worker.call("ask", 3)]);
    const closed = worker.close({ graceMs: 10 });
    await clock.advance(10);
    await closed;
    const stopped = { reason: { code: "actor-stopped", maybeExecuted: false } };
    expect(await waiting).toMatchObject([stopped, stopped]);
    expect(await settled).toMatchObject([{ reason: { maybeExecuted: true } }]);
    expect(worked).toEqual([]);
  });

  test("while an asynchronous setup runs: it is waited for, and then the mailbox is worked off", async () => {
    const gate = oneShot<void>();
    const Simple = defineService("simple", { ask: call<void, string>() });
    const simple = spawn(Simple, async () => {
      await gate.promise;
      return { ask: () => "ready" };
    });
    const answer = simple.call("ask");
    const closed = simple.close();
    gate.resolve();
    expect(await answer).toBe("ready");
    await closed;
  });

  test("calls that have timed out do not keep it from ending", async () => {
    const { worker, clock, gate } = stage();
    const slow = worker.call("slow");
    await clock.flush();
    const queued = expect(worker.call("ask", 1, { timeoutMs: 5 })).rejects.toMatchObject({ code: "timeout" });
    await clock.advance(5);
    await queued;
    const closed = worker.close();
    gate.resolve();
    await Promise.all([slow, closed]);
    expect(clock.pending).toBe(0);
  });
});

describe("abort()", () => {
  test("ends at once: the running call, queued ones and waiting senders reject, and the handler is told", async () => {
    const { worker, clock, gate, worked, signals } = stage(1);
    const slow = worker.call("slow");
    await clock.flush();
    const settled = Promise.allSettled([slow, worker.call("ask", 1), worker.call("ask", 2), worker.send("work", 3)]);
    const reason = new Error("enough");
    worker.abort(reason);
    expect(worker.isClosed).toBe(true);
    expect(worker.queued).toBe(0);
    const stopped = (maybeExecuted: boolean) => ({ reason: { code: "actor-stopped", maybeExecuted, cause: reason } });
    expect(await settled).toMatchObject([stopped(true), stopped(false), stopped(false), stopped(false)]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(await worker.watch()).toEqual({ reason: "aborted", error: reason });
    gate.resolve();
    await clock.flush();
    expect(worked).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test("inside the actor's own handler: the call rejects, nothing runs after it, and a throw then is no restart", async () => {
    let setups = 0;
    const ran: string[] = [];
    const Simple = defineService("simple", { end: call(), ask: call() });
    const simple: ActorAddress<typeof Simple> = spawn(Simple, () => {
      setups++;
      return {
        end() {
          simple.abort();
          throw new Error("after the end");
        },
        ask: () => void ran.push("ask"),
      };
    });
    const settled = await Promise.allSettled([simple.call("end"), simple.call("ask")]);
    expect(settled).toMatchObject([
      { reason: { code: "actor-stopped", maybeExecuted: true } },
      { reason: { code: "actor-stopped", maybeExecuted: false } },
    ]);
    expect([setups, ran]).toEqual([1, []]);
  });

  test("what a handler answers after the end goes nowhere, and so does what it throws", async () => {
    const { worker, clock, gate, events } = stage();
    const slow = expect(worker.call("slow")).rejects.toMatchObject({ code: "actor-stopped" });
    await clock.flush();
    worker.abort();
    worker.abort(new Error("a second time"));
    gate.reject(new Error("late"));
    await slow;
    await clock.flush();
    expect(events).toEqual([{ type: "stopped", ended: { reason: "aborted" } }]);
  });

  test("while the handlers are made anew: nothing is told of the restart any more", async () => {
    const gate = oneShot<void>();
    const inspection = new Inspection();
    const kinds: string[] = [];
    inspection.observe(({ kind }) => kinds.push(kind));
    let setups = 0;
    const Simple = defineService("simple", { crash: call() });
    const setup = async () => {
      if (++setups === 2) await gate.promise;
      return {
        crash() {
          throw new Error("boom");
        },
      };
    };
    const simple = spawn(Simple, setup, { inspection });
    await expect(simple.call("crash")).rejects.toThrow("boom");
    simple.abort();
    gate.resolve();
    for (let i = 0; i < 10; i++) await undefined;
    expect(setups).toBe(2);
    expect(kinds.at(-1)).toBe("actor-stopped");
  });

  test("while an asynchronous setup runs: its signal is aborted, and its handlers are not taken", async () => {
    const gate = oneShot<void>();
    const signals: AbortSignal[] = [];
    const Simple = defineService("simple", { ask: call() });
    const simple = spawn(Simple, async ({ signal }) => {
      signals.push(signal);
      await gate.promise;
      return { ask() {} };
    });
    const asked = expect(simple.call("ask")).rejects.toMatchObject({ code: "actor-stopped", maybeExecuted: false });
    simple.abort();
    await asked;
    gate.resolve();
    expect(signals[0]?.aborted).toBe(true);
    expect(await simple.watch()).toEqual({ reason: "aborted" });
  });
});

describe("watch()", () => {
  test("resolves once for everybody who watches, and at once for those who come later", async () => {
    const { worker } = stage();
    const watches = [worker.watch(), worker.watch(), worker.watch({ signal: new AbortController().signal })];
    worker.abort();
    expect(await Promise.all(watches)).toEqual(Array(3).fill({ reason: "aborted" }));
    expect(await worker.watch({ signal: AbortSignal.abort() })).toEqual({ reason: "aborted" });
  });

  test("rejects with cancelled when its signal is aborted, before or while watching", async () => {
    const { worker } = stage();
    const controller = new AbortController();
    const watched = worker.watch({ signal: controller.signal });
    controller.abort();
    await expect(watched).rejects.toMatchObject({ code: "cancelled" });
    await expect(worker.watch({ signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
    worker.abort();
  });

  test("events() ends with the actor, after the last event", async () => {
    const { worker } = stage();
    const events = worker.events();
    worker.abort();
    const seen: ActorEvent["type"][] = [];
    for await (const event of events) seen.push(event.type);
    expect(seen).toEqual(["stopped"]);
  });

  test("an actor that is disposed of has ended", async () => {
    const { worker } = stage();
    {
      await using disposed = worker;
      await disposed.send("work", 1);
    }
    expect(worker.isClosed).toBe(true);
  });
});

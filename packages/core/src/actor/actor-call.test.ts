// How calls settle: once, always, and with the truth about whether the handler may have run.

import { describe, expect, test } from "vitest";
import { oneShot, type OneShot } from "../base/index.js";
import { SeededRandom, VirtualClock } from "../testing/index.js";
import type { CallOptions } from "./address.js";
import { ActorError, RemoteError } from "./error.js";
import type { HandlerContext } from "./handlers.js";
import { call, defineService, send } from "./service.js";
import { spawn, type ActorAddress, type SpawnOptions } from "./spawn.js";

const Gated = defineService("gated", { pass: call<string, string>(), tell: send<string>() });

interface Stage {
  readonly actor: ActorAddress<typeof Gated>;
  readonly clock: VirtualClock;
  /** The inputs of the handlers that have started, in order. */
  readonly started: string[];
  readonly contexts: Map<string, HandlerContext>;
  /** Handlers wait for the gate of their input, if there is one. */
  readonly gates: Map<string, OneShot<void>>;
}

function stage(options?: SpawnOptions): Stage {
  const clock = new VirtualClock(5000);
  const started: string[] = [];
  const contexts = new Map<string, HandlerContext>();
  const gates = new Map<string, OneShot<void>>([["slow", oneShot()]]);
  const enter = (input: string, context: HandlerContext): Promise<void> | undefined => {
    started.push(input);
    contexts.set(input, context);
    return gates.get(input)?.promise;
  };
  const setup = () => ({
    pass: (input: string, context: HandlerContext) => enter(input, context)?.then(() => input) ?? input,
    tell: (input: string, context: HandlerContext) => enter(input, context),
  });
  return { actor: spawn(Gated, setup, { clock, ...options }), clock, started, contexts, gates };
}

describe("call()", () => {
  test("rejects with the RemoteError of a handler that throws, the thrown error being its cause", async () => {
    const thrown = Object.assign(new Error("too big"), { code: "overflow", data: { max: 9 } });
    const Failing = defineService("failing", { now: call(), later: call(), answer: call() });
    await using actor = spawn(Failing, () => ({
      now() {
        throw thrown;
      },
      later: () => Promise.reject(thrown),
      answer() {
        throw new RemoteError("busy", "later");
      },
    }));
    for (const name of ["now", "later"] as const) {
      const error = await actor.call(name).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(RemoteError);
      expect(error).toMatchObject({ code: "overflow", message: "too big", data: { max: 9 }, cause: thrown });
    }
    await expect(actor.call("answer")).rejects.toMatchObject({ code: "busy", message: "later" });
  });

  test("rejects with timeout after timeoutMs while the handler runs, which is told and keeps its turn", async () => {
    const { actor, clock, started, contexts, gates } = stage();
    const slow = actor.call("pass", "slow", { timeoutMs: 1000 });
    const next = actor.call("pass", "next");
    await clock.advance(0);
    const signal = contexts.get("slow")?.signal;
    const rejected = expect(slow).rejects.toMatchObject({ code: "timeout", maybeExecuted: true });
    await clock.advance(999);
    expect(signal?.aborted).toBe(false);
    await clock.advance(1);
    await rejected;
    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toMatchObject({ code: "timeout" });
    expect(started).toEqual(["slow"]);
    gates.get("slow")?.resolve();
    expect(await next).toBe("next");
    await actor.close();
  });

  test("one that timed out while it was queued is not run, and leaves its place to others", async () => {
    const { actor, clock, started, gates } = stage({ mailbox: { capacity: 1 } });
    const slow = actor.call("pass", "slow");
    await clock.flush();
    const queued = actor.call("pass", "queued", { timeoutMs: 10 });
    const parked = actor.call("pass", "parked", { timeoutMs: 10_000 });
    const rejected = expect(queued).rejects.toMatchObject({ code: "timeout", maybeExecuted: false });
    expect(actor.queued).toBe(1);
    await clock.advance(10);
    await rejected;
    expect(actor.queued).toBe(1);
    expect(actor.trySend("tell", "too many")).toBe(false);
    gates.get("slow")?.resolve();
    expect(await Promise.all([slow, parked])).toEqual(["slow", "parked"]);
    expect(started).toEqual(["slow", "parked"]);
    await actor.close();
  });

  test("one that timed out while it waited for room is not run", async () => {
    const { actor, clock, started, gates } = stage({ mailbox: { capacity: 1 } });
    const slow = actor.call("pass", "slow");
    await clock.flush();
    const queued = actor.call("pass", "queued");
    const rejected = expect(actor.call("pass", "parked", { timeoutMs: 10 })).rejects.toMatchObject({
      code: "timeout",
      maybeExecuted: false,
    });
    await clock.advance(10);
    await rejected;
    gates.get("slow")?.resolve();
    expect(await Promise.all([slow, queued])).toEqual(["slow", "queued"]);
    expect(started).toEqual(["slow", "queued"]);
    await actor.close();
  });

  test("waits 30 s unless told otherwise, also when told to wait for ever", async () => {
    const { actor, clock } = stage();
    const calls = [undefined, { timeoutMs: Infinity }].map((options?: CallOptions) =>
      actor.call("pass", "slow", options),
    );
    const settled = Promise.allSettled(calls);
    await clock.advance(29_999);
    expect(actor.queued).toBe(1);
    await clock.advance(1);
    expect(await settled).toMatchObject([{ reason: { code: "timeout" } }, { reason: { code: "timeout" } }]);
    actor.abort();
  });

  test("rejects with timeout at once, and does not run, when no time is left", async () => {
    const { actor, started } = stage();
    await expect(actor.call("pass", "a", { timeoutMs: 0 })).rejects.toMatchObject({
      code: "timeout",
      maybeExecuted: false,
    });
    await expect(actor.call("pass", "a", { timeoutMs: NaN })).rejects.toMatchObject({ code: "option-invalid" });
    await actor.close();
    expect(started).toEqual([]);
  });

  test("rejects with cancelled when its signal is aborted while the handler runs, which is told why", async () => {
    const { actor, clock, contexts, gates } = stage();
    const controller = new AbortController();
    const slow = actor.call("pass", "slow", { signal: controller.signal });
    await clock.flush();
    const signal = contexts.get("slow")?.signal;
    controller.abort(new Error("not needed"));
    const error = await slow.catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "cancelled", maybeExecuted: true, cause: { message: "not needed" } });
    expect(signal?.aborted).toBe(true);
    expect(signal?.reason).toBe(error);
    gates.get("slow")?.resolve();
    await actor.close();
  });

  test("cancelled while queued, while waiting for room or beforehand it does not run", async () => {
    const { actor, clock, started, gates } = stage({ mailbox: { capacity: 1 } });
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const slow = actor.call("pass", "slow");
    await clock.flush();
    const settled = Promise.allSettled([actor.call("pass", "queued", options), actor.call("pass", "parked", options)]);
    controller.abort();
    const cancelled = { reason: { code: "cancelled", maybeExecuted: false } };
    expect(await settled).toMatchObject([cancelled, cancelled]);
    await expect(actor.call("pass", "before", options)).rejects.toMatchObject(cancelled.reason);
    gates.get("slow")?.resolve();
    await slow;
    await actor.close();
    expect(started).toEqual(["slow"]);
  });

  test("a signal aborted after the answer changes nothing", async () => {
    const { actor, contexts } = stage();
    const controller = new AbortController();
    expect(await actor.call("pass", "a", { signal: controller.signal })).toBe("a");
    controller.abort();
    expect(contexts.get("a")?.signal.aborted).toBe(false);
    await actor.close();
  });

  test("the context tells the deadline and what is left of it; for a send there is none", async () => {
    const { actor, clock, contexts, gates } = stage();
    const slow = actor.call("pass", "slow", { timeoutMs: 100 });
    await clock.advance(40);
    expect(contexts.get("slow")).toMatchObject({ deadline: 5100, remainingMs: 60 });
    gates.get("slow")?.resolve();
    await slow;
    await actor.send("tell", "sent");
    await clock.flush();
    expect(contexts.get("sent")).toMatchObject({ deadline: Infinity, remainingMs: Infinity });
    await actor.close();
  });

  test("an actor that awaits a call to itself gets out of it by the timeout", async () => {
    const clock = new VirtualClock();
    const Selfish = defineService("selfish", { outer: call<void, string>(), inner: call() });
    const actor = spawn(
      Selfish,
      ({ self }) => ({
        outer: () =>
          self.call("inner", undefined, { timeoutMs: 50 }).then(
            () => "answered",
            (error: ActorError) => error.code,
          ),
        inner() {},
      }),
      { clock },
    );
    const outer = actor.call("outer");
    await clock.advance(50);
    expect(await outer).toBe("timeout");
    await actor.close();
  });

  test("settled calls leave no timer behind", async () => {
    const { actor, clock } = stage();
    for (let i = 0; i < 10; i++) await actor.call("pass", "a", { timeoutMs: 1000 + i });
    await clock.flush();
    expect(clock.pending).toBe(0);
    actor.abort();
  });

  test("a deadline set right after the last call was settled holds", async () => {
    const { actor, clock } = stage();
    await actor.call("pass", "a", { timeoutMs: 1000 });
    const slow = expect(actor.call("pass", "slow", { timeoutMs: 50 })).rejects.toMatchObject({ code: "timeout" });
    await clock.flush();
    await clock.advance(50);
    await slow;
    actor.abort();
  });

  test("under random timeouts, cancels and crashes every call settles exactly once, and late ones never run", async () => {
    for (let seed = 1; seed <= 60; seed++) await runCalls(new SeededRandom(seed));
  });
});

const Chaos = defineService("chaos", { work: call<number, number>() });

/** Calls an actor whose handlers take their time or crash, at random; checks each outcome against what was seen run. */
async function runCalls(random: SeededRandom): Promise<void> {
  const clock = new VirtualClock();
  const started = new Set<number>();
  const setup = () => ({
    async work(ordinal: number) {
      expect(started.has(ordinal)).toBe(false);
      started.add(ordinal);
      const delayMs = random.integer(20);
      if (delayMs > 0) await new Promise<void>((resolve) => void clock.schedule(delayMs, resolve));
      if (random.next() < 0.1) throw new Error("crash");
      return ordinal;
    },
  });
  const actor = spawn(Chaos, setup, {
    clock,
    mailbox: { capacity: 1 + random.integer(5), overflow: random.pick(["wait", "reject", "drop-oldest"]) },
    restart: { max: random.integer(20), withinMs: 100 },
  });
  const outcomes = new Map<number, unknown>();
  const calls = Array.from({ length: 60 }, async (_, ordinal) => {
    const controller = new AbortController();
    await new Promise<void>((resolve) => void clock.schedule(random.integer(300), resolve));
    if (random.next() < 0.3) clock.schedule(random.integer(60), () => controller.abort());
    const options = { signal: controller.signal, timeoutMs: 1 + random.integer(100) };
    const outcome: unknown = await actor.call("work", ordinal, options).catch((error: unknown) => error);
    expect(outcomes.has(ordinal)).toBe(false);
    outcomes.set(ordinal, outcome);
  });
  clock.schedule(250 + random.integer(100), () => actor.abort());
  await clock.advance(1000);
  expect(outcomes.size, `seed ${random.seed}`).toBe(calls.length);
  await Promise.all(calls);
  for (const [ordinal, outcome] of outcomes) {
    const ran = !(outcome instanceof ActorError) || outcome.maybeExecuted;
    expect(started.has(ordinal), `seed ${random.seed}, call ${ordinal}: ${String(outcome)}`).toBe(ran);
    if (!(outcome instanceof Error)) expect(outcome).toBe(ordinal);
  }
  expect(clock.pending).toBe(0);
}

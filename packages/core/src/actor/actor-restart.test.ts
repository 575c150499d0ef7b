// What crashes leave behind: a new state, the messages that waited, and in the end a word to those who watch.

import { describe, expect, test } from "vitest";
import { oneShot } from "../base/index.js";
import { VirtualClock } from "../testing/index.js";
import type { ActorEvent } from "./actor.js";
import { ActorError, RemoteError } from "./error.js";
import { call, defineService, send } from "./service.js";
import { spawn, type ActorAddress, type SpawnOptions } from "./spawn.js";

const Shaky = defineService("shaky", {
  add: call<number, number>(),
  crash: call<string>(),
  crashLater: call<string>(),
  crashSilently: send<string>(),
  refuse: call(),
});

function spawnShaky(options?: SpawnOptions): { shaky: ActorAddress<typeof Shaky>; signals: AbortSignal[] } {
  const signals: AbortSignal[] = [];
  const fail = (message: string): never => {
    throw new Error(message);
  };
  const shaky = spawn(
    Shaky,
    ({ signal }) => {
      signals.push(signal);
      let n = 0;
      return {
        add: (k) => (n += k),
        crash: fail,
        crashLater: async (message) => {
          await undefined;
          fail(message);
        },
        crashSilently: fail,
        refuse() {
          throw new RemoteError("refused", "no");
        },
      };
    },
    options,
  );
  return { shaky, signals };
}

describe("a handler that crashes", () => {
  test("its caller gets the error, the state is new, and the same address works on", async () => {
    const { shaky, signals } = spawnShaky();
    expect(await shaky.call("add", 5)).toBe(5);
    await expect(shaky.call("crash", "boom")).rejects.toMatchObject({ code: "handler-failed", message: "boom" });
    expect(await shaky.call("add", 1)).toBe(1);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(signals[0]?.reason).toMatchObject({ code: "actor-restarted" });
    await shaky.close();
  });

  test.each(["crash", "crashLater"] as const)(
    "%s: messages behind it survive in order and meet the new state; it is not run again",
    async (crash) => {
      const { shaky } = spawnShaky();
      const before = shaky.call("add", 100);
      const crashing = expect(shaky.call(crash, "boom")).rejects.toBeInstanceOf(RemoteError);
      const after = [1, 2, 3].map((k) => shaky.call("add", k));
      expect(await before).toBe(100);
      await crashing;
      expect(await Promise.all(after)).toEqual([1, 3, 6]);
      await shaky.close();
    },
  );

  test("a RemoteError is an answer and no crash", async () => {
    const { shaky, signals } = spawnShaky({ restart: { max: 0, withinMs: 1000 } });
    await shaky.call("add", 5);
    await expect(shaky.call("refuse")).rejects.toMatchObject({ code: "refused" });
    expect(await shaky.call("add", 1)).toBe(6);
    expect(signals).toHaveLength(1);
    await shaky.close();
  });

  test("restarted tells the error, also that of a send, which nobody waits for", async () => {
    const { shaky } = spawnShaky();
    const events: ActorEvent[] = [];
    shaky.on("restarted", (event) => events.push(event));
    shaky.on("refused", (event) => events.push(event));
    await shaky.send("crashSilently", "alone");
    await shaky.call("add", 1);
    expect(events).toMatchObject([
      { type: "refused", message: "crashSilently", error: { message: "alone" } },
      { type: "restarted", error: { message: "alone" } },
    ]);
    await shaky.close();
  });

  test("messages wait while an asynchronous setup makes the new state", async () => {
    const gate = oneShot<void>();
    let setups = 0;
    const Simple = defineService("simple", { crash: call(), ask: call<void, number>() });
    const simple = spawn(Simple, async () => {
      const ordinal = ++setups;
      if (ordinal === 2) await gate.promise;
      return {
        crash() {
          throw new Error("boom");
        },
        ask: () => ordinal,
      };
    });
    await expect(simple.call("crash")).rejects.toThrow("boom");
    const answer = simple.call("ask");
    for (let i = 0; i < 10; i++) await undefined;
    expect(simple.queued).toBe(1);
    gate.resolve();
    expect(await answer).toBe(2);
    await simple.close();
  });
});

describe("the restart limit", () => {
  test("one crash more than max within withinMs ends the actor: watchers are told, calls reject with actor-stopped", async () => {
    const clock = new VirtualClock();
    const { shaky, signals } = spawnShaky({ restart: { max: 2, withinMs: 1000 }, clock, mailbox: { capacity: 4 } });
    const ended = shaky.watch();
    const crashes = ["one", "two", "three"].map((text) => shaky.call("crash", text));
    const queued = shaky.call("add", 1);
    const parked = [shaky.call("add", 2), shaky.call("add", 3)];
    const settled = await Promise.allSettled([...crashes, queued, ...parked]);
    expect(settled.slice(0, 3)).toMatchObject(["one", "two", "three"].map((message) => ({ reason: { message } })));
    const stopped = { reason: { code: "actor-stopped", maybeExecuted: false, cause: { message: "three" } } };
    expect(settled.slice(3)).toMatchObject([stopped, stopped, stopped]);
    expect(await ended).toMatchObject({ reason: "restarts-exhausted", error: { message: "three" } });
    expect(shaky.isClosed).toBe(true);
    expect(signals).toHaveLength(3);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test("senders that wait for room reject with actor-stopped when it ends", async () => {
    const clock = new VirtualClock();
    const gate = oneShot<void>();
    const Simple = defineService("simple", { crash: send(), note: send() });
    const setup = () => ({
      async crash() {
        await gate.promise;
        throw new Error("boom");
      },
      note() {},
    });
    const simple = spawn(Simple, setup, { clock, restart: { max: 0, withinMs: 1 }, mailbox: { capacity: 1 } });
    await simple.send("crash");
    await clock.flush();
    await simple.send("note");
    const parked = expect(simple.send("note")).rejects.toMatchObject({ code: "actor-stopped" });
    gate.resolve();
    await parked;
  });

  test("the window slides: old crashes are forgiven", async () => {
    const clock = new VirtualClock();
    const { shaky } = spawnShaky({ restart: { max: 1, withinMs: 1000 }, clock });
    const crash = (): Promise<unknown> => shaky.call("crash", "boom").catch(() => {});
    await crash();
    await clock.advance(1000);
    await crash();
    await clock.advance(999);
    expect(shaky.isClosed).toBe(false);
    await crash();
    expect(shaky.isClosed).toBe(true);
  });

  test.each([
    { max: -1, withinMs: 1 },
    { max: 0.5, withinMs: 1 },
    { max: 1, withinMs: 0 },
    { max: 1, withinMs: NaN },
  ])("spawn() refuses %j with option-invalid", (restart) => {
    expect(() => spawnShaky({ restart })).toThrow(expect.objectContaining({ code: "option-invalid" }));
  });
});

describe("a setup that fails", () => {
  const Simple = defineService("simple", { ask: call<void, number>(), crash: call() });
  const cause = new Error("no database");

  test.each([
    [
      "throws",
      () => {
        throw cause;
      },
    ],
    ["rejects", () => Promise.reject(cause)],
  ])(
    "at spawn(), when it %s: watchers are told, and calls reject with actor-stopped",
    async (_, setup: () => Promise<never>) => {
      const simple = spawn(Simple, setup);
      const call = simple.call("ask");
      await expect(call).rejects.toMatchObject({ code: "actor-stopped", maybeExecuted: false, cause });
      expect(await simple.watch()).toEqual({ reason: "setup-failed", error: cause });
      expect(simple.isClosed).toBe(true);
      await simple.close();
    },
  );

  test("a handler that is missing ends the actor, also if every object has something of that name", async () => {
    const Odd = defineService("odd", { toString: call<void, string>() });
    for (const handlers of [{}, undefined, { toString: 1 }]) {
      const odd = spawn(Odd, () => handlers as unknown as { toString: () => string });
      const ended = await odd.watch();
      expect(ended).toMatchObject({ reason: "setup-failed", error: { code: "handler-missing" } });
    }
  });

  test("at a restart it ends the actor, and what waited is told", async () => {
    let setups = 0;
    const simple = spawn(Simple, () => {
      if (++setups > 1) throw cause;
      return {
        ask: () => 1,
        crash() {
          throw new Error("boom");
        },
      };
    });
    const settled = await Promise.allSettled([simple.call("crash"), simple.call("ask")]);
    expect(settled).toMatchObject([{ reason: { message: "boom" } }, { reason: { code: "actor-stopped" } }]);
    expect(settled[1]?.status === "rejected" && settled[1].reason).toBeInstanceOf(ActorError);
    expect(await simple.watch()).toEqual({ reason: "setup-failed", error: cause });
  });
});

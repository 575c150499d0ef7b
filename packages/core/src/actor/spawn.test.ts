// An actor in ordinary use, from one and from several callers.

import { describe, expect, test } from "vitest";
import { Inspection, oneShot, systemClock, type InspectionEvent } from "../base/index.js";
import type { Address } from "./address.js";
import { call, defineService, send } from "./service.js";
import { spawn, type ActorAddress } from "./spawn.js";

const Counter = defineService("counter", {
  add: call<number, number>(),
  increase: send<number>(),
  read: call<void, number>(),
});

function spawnCounter(): ActorAddress<typeof Counter> {
  return spawn(Counter, () => {
    let n = 0;
    return { add: (k) => (n += k), increase: (k) => void (n += k), read: () => n };
  });
}

describe("spawn()", () => {
  test("state changed by send() and by call() is seen by a later call, from one address or several", async () => {
    await using counter = spawnCounter();
    const other: Address<typeof Counter> = counter;
    await counter.send("increase", 2);
    expect(await other.call("add", 3)).toBe(5);
    expect(other.trySend("increase", 5)).toBe(true);
    expect(await counter.call("read")).toBe(10);
  });

  test("two actors of one service have each their own state", async () => {
    await using one = spawnCounter();
    await using two = spawnCounter();
    await one.call("add", 1);
    expect(await two.call("read")).toBe(0);
  });

  test("messages of one sender stay in order, sends and calls together, far beyond the capacity", async () => {
    const List = defineService("list", {
      push: send<number>(),
      ask: call<number, number>(),
      all: call<void, number[]>(),
    });
    await using list = spawn(
      List,
      () => {
        const items: number[] = [];
        const push = (item: number): number => items.push(item);
        return { push: (item) => void push(item), ask: push, all: () => items };
      },
      { mailbox: { capacity: 10 } },
    );
    const sent: Promise<unknown>[] = [];
    for (let i = 0; i < 5000; i++) sent.push(i % 3 === 0 ? list.call("ask", i) : list.send("push", i));
    await Promise.all(sent);
    expect(await list.call("all")).toEqual(Array.from({ length: 5000 }, (_, i) => i));
  });

  test("a handler has its state to itself, also while it awaits", async () => {
    const Slow = defineService("slow", { step: call<void, number>() });
    const gates = [oneShot<void>(), oneShot<void>()];
    const log: string[] = [];
    await using slow = spawn(Slow, () => {
      let n = 0;
      return {
        async step() {
          const mine = n++;
          log.push(`enter ${mine}`);
          await gates[mine]?.promise;
          log.push(`leave ${mine}`);
          return mine;
        },
      };
    });
    const calls = [slow.call("step"), slow.call("step")];
    gates[1]?.resolve();
    await undefined;
    expect(log).toEqual(["enter 0"]);
    gates[0]?.resolve();
    expect(await Promise.all(calls)).toEqual([0, 1]);
    expect(log).toEqual(["enter 0", "leave 0", "enter 1", "leave 1"]);
  });

  test("a synchronous handler may return any value, and a thenable is awaited", async () => {
    const Any = defineService("any", { give: call<unknown, unknown>() });
    await using any = spawn(Any, () => ({ give: (value) => value }));
    for (const value of [undefined, null, 0, "", { then: 1 }, [1]]) expect(await any.call("give", value)).toBe(value);
    expect(await any.call("give", Promise.resolve(7))).toBe(7);
  });

  test("messages that come while an asynchronous setup runs wait for it", async () => {
    const gate = oneShot<void>();
    await using counter = spawn(Counter, async () => {
      await gate.promise;
      let n = 100;
      return { add: (k) => (n += k), increase: (k) => void (n += k), read: () => n };
    });
    await counter.send("increase", 1);
    const answer = counter.call("add", 1);
    expect(counter.queued).toBe(2);
    gate.resolve();
    expect(await answer).toBe(102);
    expect(counter.queued).toBe(0);
  });

  test("handlers may be the methods of an object, also inherited ones", async () => {
    class Tally {
      #n = 0;
      add(k: number): number {
        return (this.#n += k);
      }
      increase(k: number): void {
        this.#n += k;
      }
      read(): number {
        return this.#n;
      }
    }
    class BigTally extends Tally {}
    await using counter = spawn(Counter, () => new BigTally());
    expect(await counter.call("add", 4)).toBe(4);
  });

  test("self reaches the actor, from its setup and from its handlers", async () => {
    const Countdown = defineService("countdown", { from: send<number>() });
    const reached = oneShot<number[]>();
    await using countdown = spawn(Countdown, ({ self }) => {
      const seen: number[] = [];
      void self.send("from", 3);
      return {
        async from(n) {
          seen.push(n);
          if (n === 0) reached.resolve(seen);
          else await self.send("from", n - 1);
        },
      };
    });
    expect(await reached.promise).toEqual([3, 2, 1, 0]);
    expect(countdown.isClosed).toBe(false);
  });

  test("an address can be awaited and passed through promises: it is no thenable", async () => {
    await using counter = spawnCounter();
    expect(await Promise.resolve(counter)).toBe(counter);
  });

  test.each(["constructor", "__proto__", "toString", "then", "hasOwnProperty", "nothing", "increase", ""])(
    "call() of %j, which the service does not have, rejects with unknown-message and runs nothing",
    async (name) => {
      await using counter = spawnCounter();
      await expect(counter.call(name as "add", 1)).rejects.toMatchObject({
        code: "unknown-message",
        maybeExecuted: false,
      });
      expect(await counter.call("read")).toBe(0);
    },
  );

  test("send() and trySend() refuse unknown names, and names of calls, with unknown-message", async () => {
    await using counter = spawnCounter();
    const unknown = expect.objectContaining({ code: "unknown-message" });
    for (const name of ["constructor", "add", "nothing"]) {
      await expect(counter.send(name as "increase", 1)).rejects.toEqual(unknown);
      expect(() => counter.trySend(name as "increase", 1)).toThrow(unknown);
    }
    expect(await counter.call("read")).toBe(0);
  });

  test("messages may be called like what every object has, if the service says so", async () => {
    const Odd = defineService("odd", { constructor: call<number, number>(), toString: call<void, string>() });
    await using odd = spawn(Odd, () => ({ constructor: (n: number) => n + 1, toString: () => "odd" }));
    expect(await odd.call("constructor", 1)).toBe(2);
    expect(await odd.call("toString")).toBe("odd");
  });

  test("two actors that keep sending to each other leave the event loop its turns", async () => {
    const Ball = defineService("ball", { hit: send() });
    let hits = 0;
    const players: ActorAddress<typeof Ball>[] = [];
    for (const other of [1, 0]) {
      players.push(
        spawn(Ball, () => ({
          hit() {
            hits++;
            players[other]?.trySend("hit");
          },
        })),
      );
    }
    players[0]?.trySend("hit");
    await new Promise<void>((resolve) => systemClock.yield(resolve));
    for (const player of players) player.abort();
    expect(hits).toBeGreaterThan(100);
  });

  test("inspection sees messages and crashes, under the actor's name", async () => {
    const inspection = new Inspection();
    const seen: InspectionEvent[] = [];
    const unobserve = inspection.observe((event) => seen.push(event));
    const Shaky = defineService("shaky", { crash: call(), note: send(), ask: call() });
    const shaky = spawn(
      Shaky,
      () => ({
        crash() {
          throw new Error("broken");
        },
        note() {},
        ask() {},
      }),
      { inspection, name: "shaky 1" },
    );
    await shaky.send("note");
    await shaky.call("ask");
    await shaky.call("crash").catch(() => {});
    await shaky.close();
    unobserve();
    expect(new Set(seen.map(({ source }) => source))).toEqual(new Set(["shaky 1"]));
    expect(seen.map(({ kind }) => kind)).toEqual([
      "send-received",
      "call-received",
      "call-answered",
      "call-received",
      "call-refused",
      "actor-crashed",
      "actor-restarted",
      "actor-stopped",
    ]);
  });
});

// What a peer provides: by name, at any time, through handlers, actors and schedulers; and who is told when it ends.

import { describe, expect, test, vi } from "vitest";
import {
  call,
  defineService,
  RemoteError,
  Scheduler,
  send,
  spawn,
  type Handlers,
  type Service,
} from "../actor/index.js";
import { fence, peers } from "../testing/index.js";
import { fingerprintOf } from "./announcement.js";
import { ServiceMap, type CallContext } from "./index.js";

const Sum = defineService("sum", { add: call<number, number>(), note: send<number>() });
const Text = defineService("text", { upper: call<string, string>() });

function sum(): ServiceMap {
  let total = 0;
  return new ServiceMap().add(Sum, { add: (n) => (total += n), note: (n) => void (total += n) });
}

function text(): ServiceMap {
  return new ServiceMap().add(Text, { upper: (input) => input.toUpperCase() });
}

describe("services by name", () => {
  const messages = { go: call<void, string>() };
  const named = (name: string): Service<typeof messages> => defineService(name, messages);

  test("two of different names are apart, even with the same messages", async () => {
    const [one, two] = [named("one"), named("two")];
    const services = new ServiceMap().add(one, { go: () => "one" }).add(two, { go: () => "two" });
    await using harness = await peers({ right: { services } });
    expect(await harness.left.address(one).call("go")).toBe("one");
    expect(await harness.left.address(two).call("go")).toBe("two");
  });

  test("two contracts of the same name and messages are the same service, whoever defined them", async () => {
    await using harness = await peers({
      right: { services: new ServiceMap().add(named("same"), { go: () => "same" }) },
    });
    expect(await harness.left.address(named("same")).call("go")).toBe("same");
    expect(fingerprintOf(named("same"))).toBe(fingerprintOf(named("same")));
  });

  test("fingerprints differ by name, by message and by kind, and not by order", () => {
    const base = { a: call(), b: send() };
    const other = [
      defineService("other", base),
      defineService("base", { a: call() }),
      defineService("base", { a: call(), c: send() }),
      defineService("base", { a: send(), b: send() }),
    ];
    const fingerprint = fingerprintOf(defineService("base", base));
    expect(fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set([fingerprint, ...other.map(fingerprintOf)]).size).toBe(5);
    expect(fingerprintOf(defineService("base", { b: send(), a: call() }))).toBe(fingerprint);
  });

  test("the order of messages may differ between the two sides: they are found by name", async () => {
    const there = defineService("pair", { second: call<void, string>(), first: call<void, string>() });
    const here = defineService("pair", { first: call<void, string>(), second: call<void, string>() });
    const services = new ServiceMap().add(there, { first: () => "1st", second: () => "2nd" });
    await using harness = await peers({ right: { services } });
    expect(await harness.left.address(here).call("first")).toBe("1st");
    expect(await harness.left.address(here).call("second")).toBe("2nd");
  });

  test("a message that the other side's contract does not have is refused, and the others work", async () => {
    const newer = defineService("sum", { ...Sum.messages, subtract: call<number, number>() });
    await using harness = await peers({ right: { services: sum() } });
    const address = harness.left.address(newer);
    await expect(address.call("subtract", 1)).rejects.toMatchObject({ code: "unknown-message", maybeExecuted: false });
    expect(await address.call("add", 2)).toBe(2);
  });

  test("a send that is a call over there, and the other way round, is refused", async () => {
    const twisted = defineService("sum", { add: send<number>(), note: call<number, number>() });
    await using harness = await peers({ right: { services: sum() } });
    await expect(harness.left.address(twisted).send("add", 1)).rejects.toMatchObject({ code: "unknown-message" });
    await expect(harness.left.address(twisted).call("note", 1)).rejects.toMatchObject({ code: "unknown-message" });
  });

  test("one of two added under one name replaces the other, and one map may serve many peers", async () => {
    const services = text().add(Text, { upper: () => "the second" });
    expect([services.has(Text), services.has(Sum)]).toEqual([true, false]);
    await using one = await peers({ right: { services } });
    await using two = await peers({ right: { services } });
    expect(await one.left.address(Text).call("upper", "x")).toBe("the second");
    expect(await two.left.address(Text).call("upper", "x")).toBe("the second");
    expect([services.remove(Text), services.remove(Text), services.has(Text)]).toEqual([true, false, false]);
    expect(await one.left.address(Text).call("upper", "x")).toBe("the second");
  });

  test("a map without a handler for a message is refused when it is made, naming both", () => {
    const incomplete = { add: (n: number) => n } as unknown as Handlers<typeof Sum.messages, CallContext>;
    expect(() => new ServiceMap().add(Sum, incomplete)).toThrow(expect.objectContaining({ code: "handler-missing" }));
    expect(() => new ServiceMap().add(Sum, incomplete)).toThrow(/sum.*note/);
  });

  test("names of what every object has reach nothing, as message or as service", async () => {
    const seen: string[] = [];
    const services = new ServiceMap().add(Sum, { add: (n) => n, note: () => void seen.push("note") });
    await using harness = await peers({ right: { services } });
    for (const name of ["toString", "constructor", "__proto__", "hasOwnProperty", "valueOf"]) {
      const odd = defineService("sum", Object.fromEntries([[name, call<void, unknown>()]]));
      await expect(harness.left.address(odd).call(name)).rejects.toMatchObject({ code: "unknown-message" });
      await expect(harness.left.address(defineService(name, { go: call() })).call("go")).rejects.toMatchObject({
        code: "unknown-service",
      });
    }
    expect(seen).toEqual([]);
  });

  test("methods of a class instance serve as handlers and keep their this", async () => {
    class Tally {
      #total = 0;
      add(n: number): number {
        return (this.#total += n);
      }
      note(): void {}
    }
    await using harness = await peers({ right: { services: new ServiceMap().add(Sum, new Tally()) } });
    await harness.left.address(Sum).call("add", 2);
    expect(await harness.left.address(Sum).call("add", 3)).toBe(5);
  });
});

describe("provide() and withdraw()", () => {
  test("are announced at any time: events, remote.services, and calls follow", async () => {
    await using harness = await peers({ right: { services: sum() } });
    const events: string[] = [];
    harness.left.on("provided", ({ service }) => events.push(`provided ${service}`));
    harness.left.on("withdrawn", ({ service }) => events.push(`withdrawn ${service}`));
    const { left, right } = harness;
    right.provide(text());
    await harness.flush();
    expect(left.remote.services).toEqual(["sum", "text"]);
    expect(await left.address(Text).call("upper", "a")).toBe("A");
    expect(right.withdraw(Sum)).toBe(true);
    expect(right.withdraw(Sum)).toBe(false);
    await harness.flush();
    expect(left.remote.services).toEqual(["text"]);
    await expect(left.address(Sum).call("add", 1)).rejects.toMatchObject({
      code: "unknown-service",
      maybeExecuted: false,
    });
    right.provide(sum());
    await harness.flush();
    expect(await left.address(Sum).call("add", 7)).toBe(7);
    expect(events).toEqual(["provided text", "withdrawn sum", "provided sum"]);
  });

  test("provide() of one that is there replaces it: told as withdrawn and provided, addresses stay valid", async () => {
    await using harness = await peers({ right: { services: text() } });
    const address = harness.left.address(Text);
    const events: string[] = [];
    harness.left.on("provided", ({ service }) => events.push(`provided ${service}`));
    harness.left.on("withdrawn", ({ service }) => events.push(`withdrawn ${service}`));
    harness.right.provide(new ServiceMap().add(Text, { upper: () => "anew" }));
    await harness.flush();
    expect(events).toEqual(["withdrawn text", "provided text"]);
    expect(await address.call("upper", "x")).toBe("anew");
  });

  test("a call that crosses the withdrawal on its way is refused and was not executed", async () => {
    await using harness = await peers({ right: { services: text() } });
    const crossing = harness.left.address(Text).call("upper", "a");
    harness.right.withdraw(Text);
    await expect(crossing).rejects.toMatchObject({ name: "Refused", code: "unknown-service", maybeExecuted: false });
  });

  test("a send that crosses the withdrawal is refused: both sides see an event, the credit comes back", async () => {
    await using harness = await peers({ right: { services: sum(), limits: { sendsMax: 1 } } });
    const refused: string[] = [];
    harness.left.on("refused", ({ direction, error }) => refused.push(`left ${direction} ${error.code}`));
    harness.right.on("refused", ({ direction, error }) => refused.push(`right ${direction} ${error.code}`));
    await harness.left.address(Sum).send("note", 1);
    harness.right.withdraw(Sum);
    await harness.flush();
    expect(refused).toEqual(["right incoming unknown-service", "left outgoing unknown-service"]);
    harness.right.provide(sum());
    await harness.flush();
    expect(harness.left.address(Sum).trySend("note", 1)).toBe(true);
  });

  test("calls that run when their service is withdrawn are answered", async () => {
    const gate = fence();
    const services = new ServiceMap().add(Text, { upper: async () => (await gate.pass(), "done") });
    await using harness = await peers({ right: { services } });
    const running = harness.left.address(Text).call("upper", "a");
    await gate.reached;
    harness.right.withdraw(Text);
    await harness.flush();
    gate.open();
    expect(await running).toBe("done");
  });

  test("calls and sends that wait for credit when their service is withdrawn are given back", async () => {
    const gate = fence();
    const services = new ServiceMap().add(Sum, { add: async () => (await gate.pass(), 0), note: () => gate.pass() });
    await using harness = await peers({ right: { services, limits: { callsMax: 1, sendsMax: 1 } } });
    const address = harness.left.address(Sum);
    const running = address.call("add", 1);
    await address.send("note", 1);
    const waiting = Promise.allSettled([address.call("add", 2), address.send("note", 2)]);
    await harness.flush();
    harness.right.withdraw(Sum);
    const refused = { reason: { code: "unknown-service", maybeExecuted: false } };
    expect(await waiting).toMatchObject([refused, refused]);
    gate.open();
    await running;
    await harness.flush();
    expect(gate.arrivals).toBe(2);
  });

  test("a handler may provide what only a caller who has logged in may use", async () => {
    const Login = defineService("login", { in: call<string, boolean>() });
    const services = new ServiceMap().add(Login, {
      in: (password, { peer }) => {
        if (password === "secret") peer.provide(text());
        return password === "secret";
      },
    });
    await using harness = await peers({ right: { services } });
    const address = harness.left.address(Text);
    await harness.left.address(Login).call("in", "wrong");
    await expect(address.call("upper", "a")).rejects.toMatchObject({ code: "unknown-service" });
    await harness.left.address(Login).call("in", "secret");
    expect(await address.call("upper", "a")).toBe("A");
  });

  test("300 services provided in the hello and 300 later are all there", async () => {
    const many = (prefix: string): ServiceMap => {
      const services = new ServiceMap();
      for (let i = 0; i < 300; i++)
        services.add(defineService(`${prefix} ${i}`, { go: call<void, number>() }), { go: () => i });
      return services;
    };
    await using harness = await peers({ right: { services: many("early") } });
    expect(harness.left.remote.services.length).toBe(300);
    harness.right.provide(many("late"));
    await harness.flush();
    expect(harness.left.remote.services.length).toBe(600);
    const last = defineService("late 299", { go: call<void, number>() });
    expect(await harness.left.address(last).call("go")).toBe(299);
  });
});

describe("watch()", () => {
  test("resolves when the service is withdrawn, once, with the reason", async () => {
    await using harness = await peers({ right: { services: text() } });
    let ended = 0;
    const watch = harness.left.address(Text).watch();
    void watch.then(() => ended++);
    await harness.flush();
    expect(ended).toBe(0);
    harness.right.withdraw(Text);
    expect(await watch).toEqual({ reason: "withdrawn" });
    await harness.left.close();
    expect(ended).toBe(1);
  });

  test("resolves when the actor behind the service ends", async () => {
    const actor = spawn(Text, () => ({ upper: (input) => input.toUpperCase() }));
    await using harness = await peers({ right: { services: new ServiceMap().add(Text, actor) } });
    const watch = harness.left.address(Text).watch();
    await harness.flush();
    await actor.close();
    expect(await watch).toEqual({ reason: "stopped" });
  });

  test("lets go of the actor when its connection is lost: nobody over there waits any more", async () => {
    await using actor = spawn(Text, () => ({ upper: (input) => input }));
    const watched = vi.spyOn(actor, "watch");
    await using harness = await peers({ right: { services: new ServiceMap().add(Text, actor) } });
    const watch = harness.left.address(Text).watch();
    await harness.flush();
    const signal = watched.mock.calls[0]?.[0]?.signal;
    expect(signal?.aborted).toBe(false);
    harness.cut();
    expect(await watch).toMatchObject({ reason: "connection-lost" });
    await harness.flush();
    expect(signal?.aborted).toBe(true);
  });

  test("resolves at once when the actor has ended already", async () => {
    const actor = spawn(Text, () => ({ upper: (input) => input }));
    await actor.close();
    await using harness = await peers({ right: { services: new ServiceMap().add(Text, actor) } });
    expect(await harness.left.address(Text).watch()).toEqual({ reason: "stopped" });
  });

  test("resolves when the connection is lost, with the error behind it", async () => {
    await using harness = await peers({ right: { services: text() } });
    const watches = [harness.left.address(Text).watch(), harness.left.address(Text).watch()];
    await harness.flush();
    harness.right.abort();
    const reason = { reason: "connection-lost", error: { code: "connection-reset" } };
    expect(await Promise.all(watches)).toMatchObject([reason, reason]);
  });

  test("resolves when either side closes in order", async () => {
    await using one = await peers({ right: { services: text() } });
    const byOther = one.left.address(Text).watch();
    await one.flush();
    await one.right.close();
    expect(await byOther).toEqual({ reason: "closing" });
    await using two = await peers({ right: { services: text() } });
    const byUs = two.left.address(Text).watch();
    await two.flush();
    await two.left.close();
    expect(await byUs).toEqual({ reason: "connection-lost" });
  });

  test("of what is not provided, or of a peer that is closed, resolves at once", async () => {
    await using harness = await peers();
    expect(await harness.left.address(Text).watch()).toEqual({ reason: "unknown-service" });
    await harness.left.close();
    expect(await harness.left.address(Text).watch()).toEqual({ reason: "connection-lost" });
  });

  test("rejects when it is aborted, and the other side forgets it", async () => {
    await using harness = await peers({ right: { services: text(), limits: { watchesMax: 1 } } });
    for (let i = 0; i < 5; i++) {
      const controller = new AbortController();
      const watch = harness.left.address(Text).watch({ signal: controller.signal });
      await harness.flush();
      controller.abort(new Error("seen enough"));
      await expect(watch).rejects.toMatchObject({ code: "cancelled" });
      await harness.flush();
    }
    await expect(harness.left.address(Text).watch({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
    const last = harness.left.address(Text).watch();
    await harness.flush();
    harness.right.withdraw(Text);
    expect(await last).toEqual({ reason: "withdrawn" });
  });

  test("beyond watchesMax rejects with watches-full", async () => {
    await using harness = await peers({ right: { services: text(), limits: { watchesMax: 2 } } });
    const address = harness.left.address(Text);
    const held = [address.watch(), address.watch()];
    await expect(address.watch()).rejects.toMatchObject({ code: "watches-full" });
    harness.right.withdraw(Text);
    await Promise.all(held);
  });

  test("that waits for years takes no place from calls: 100,000 calls beside it", async () => {
    await using harness = await peers({ right: { services: sum() } });
    const watch = harness.left.address(Sum).watch();
    for (let i = 0; i < 100; i++) {
      await Promise.all(Array.from({ length: 1000 }, () => harness.left.address(Sum).call("add", 1)));
    }
    expect(await harness.left.address(Sum).call("add", 0)).toBe(100_000);
    harness.right.withdraw(Sum);
    expect(await watch).toEqual({ reason: "withdrawn" });
  });
});

describe("an actor's address in a service map", () => {
  test("handles one message at a time, and its state is shared by all connections", async () => {
    await using actor = spawn(Sum, () => {
      let total = 0;
      return { add: (n) => (total += n), note: (n) => void (total += n) };
    });
    const services = new ServiceMap().add(Sum, actor);
    await using one = await peers({ right: { services } });
    await using two = await peers({ right: { services } });
    await one.left.address(Sum).call("add", 1);
    await two.left.address(Sum).send("note", 2);
    await two.flush();
    expect(await one.left.address(Sum).call("add", 4)).toBe(7);
  });

  test("that has stopped: the call gets actor-stopped, and the connection stays usable for the next call", async () => {
    const actor = spawn(Sum, () => ({ add: (n) => n, note() {} }));
    const services = text().add(Sum, actor);
    await using harness = await peers({ right: { services } });
    const failed: string[] = [];
    harness.right.on("failed", ({ service, message }) => failed.push(`${service}.${message}`));
    await actor.close();
    const dead = harness.left.address(Sum).call("add", 1);
    await expect(dead).rejects.toMatchObject({ name: "RemoteError", code: "actor-stopped" });
    expect(await harness.left.address(Text).call("upper", "still here")).toBe("STILL HERE");
    await harness.left.address(Sum).send("note", 1);
    await harness.flush();
    expect(failed).toEqual(["sum.add", "sum.note"]);
  });

  test("whose handlers crash: that caller gets the error, the state is made anew, the next call works", async () => {
    await using actor = spawn(Sum, () => {
      let total = 0;
      return {
        add: (n) => {
          if (n < 0) throw new Error("negative");
          return (total += n);
        },
        note() {},
      };
    });
    await using harness = await peers({ right: { services: new ServiceMap().add(Sum, actor) } });
    const address = harness.left.address(Sum);
    await address.call("add", 5);
    await expect(address.call("add", -1)).rejects.toMatchObject({ name: "RemoteError", message: "negative" });
    expect(await address.call("add", 1)).toBe(1);
  });

  test("passes on the deadline and the cancel of the caller", async () => {
    const seen: number[] = [];
    const aborted: unknown[] = [];
    const gate = fence();
    await using actor = spawn(Sum, () => ({
      add: async (_, { remainingMs, signal }) => {
        seen.push(remainingMs);
        signal.addEventListener("abort", () => {
          aborted.push(signal.reason);
          gate.open();
        });
        await gate.pass();
        return 0;
      },
      note() {},
    }));
    await using harness = await peers({ right: { services: new ServiceMap().add(Sum, actor) } });
    const controller = new AbortController();
    const asked = harness.left.address(Sum).call("add", 1, { timeoutMs: 10_000, signal: controller.signal });
    await gate.reached;
    controller.abort();
    await expect(asked).rejects.toMatchObject({ code: "cancelled" });
    await harness.flush();
    expect(aborted.length).toBe(1);
    expect(seen[0]).toBeGreaterThan(9000);
    expect(seen[0]).toBeLessThanOrEqual(10_000);
  });

  test("with a full mailbox slows the remote sender instead of filling memory", async () => {
    const gate = fence();
    await using actor = spawn(Sum, () => ({ add: (n) => n, note: () => gate.pass() }), { mailbox: { capacity: 2 } });
    const services = new ServiceMap().add(Sum, actor);
    await using harness = await peers({ right: { services, limits: { sendsMax: 8 } } });
    const address = harness.left.address(Sum);
    let given = 0;
    while (address.trySend("note", 1)) given++;
    await harness.flush();
    while (address.trySend("note", 1)) given++;
    await harness.flush();
    // Two in the mailbox and one in the handler have left the connection's hands; the rest is the window.
    expect(actor.queued).toBe(2);
    expect(given).toBeLessThanOrEqual(8 + 3);
    expect(harness.right.stats.running).toBeLessThanOrEqual(8);
    gate.open();
  });
});

describe("concurrency and priority of a service", () => {
  const Job = defineService("job", { run: call<string, string>(), urgent: call<string, string>() });

  test("concurrency 2 runs two at once and the others in order; services without it do not wait", async () => {
    const gate = fence();
    const begun: string[] = [];
    const run = async (name: string): Promise<string> => {
      begun.push(name);
      await gate.pass();
      return name;
    };
    const services = text().add(Job, { run, urgent: run }, { concurrency: 2 });
    await using harness = await peers({ right: { services } });
    const calls = ["a", "b", "c", "d"].map((name) => harness.left.address(Job).call("run", name));
    await harness.flush();
    expect(begun).toEqual(["a", "b"]);
    expect(await harness.left.address(Text).call("upper", "x")).toBe("X");
    gate.letOne();
    await gate.reachedBy(3);
    expect(begun).toEqual(["a", "b", "c"]);
    gate.open();
    expect(await Promise.all(calls)).toEqual(["a", "b", "c", "d"]);
  });

  test("of those that wait, the one with the higher priority goes first", async () => {
    const gate = fence();
    const begun: string[] = [];
    const run = async (name: string): Promise<string> => {
      begun.push(name);
      await gate.pass();
      return name;
    };
    const services = new ServiceMap().add(Job, { run, urgent: run }, { concurrency: 1, priority: { urgent: 10 } });
    await using harness = await peers({ right: { services } });
    const job = harness.left.address(Job);
    const calls = [job.call("run", "first"), job.call("run", "second"), job.call("urgent", "urgent")];
    await harness.flush();
    gate.open();
    await Promise.all(calls);
    expect(begun).toEqual(["first", "urgent", "second"]);
  });

  test("a service that asks for neither never touches a scheduler", async () => {
    const run = vi.spyOn(Scheduler.prototype, "run");
    await using harness = await peers({
      right: { services: text().add(Job, { run: (n) => n, urgent: (n) => n }, { concurrency: 1 }) },
    });
    await harness.left.address(Text).call("upper", "x");
    expect(run).toHaveBeenCalledTimes(0);
    await harness.left.address(Job).call("run", "x");
    expect(run).toHaveBeenCalledTimes(1);
  });

  test("a scheduler that is full refuses with overloaded, and nothing of that call was executed", async () => {
    const gate = fence();
    const scheduler = new Scheduler({ concurrency: 1, queuedMax: 1 });
    const run = async (name: string): Promise<string> => (await gate.pass(), name);
    const services = new ServiceMap().add(Job, { run, urgent: run }, { scheduler });
    await using harness = await peers({ right: { services } });
    const job = harness.left.address(Job);
    const calls = [job.call("run", "a"), job.call("run", "b")];
    await expect(job.call("run", "c")).rejects.toMatchObject({
      name: "Refused",
      code: "overloaded",
      maybeExecuted: false,
    });
    gate.open();
    expect(await Promise.all(calls)).toEqual(["a", "b"]);
    expect(gate.arrivals).toBe(2);
  });

  test("a call that is cancelled while it waits for a slot never runs, and its caller is answered at once", async () => {
    const gate = fence();
    const begun: string[] = [];
    const abandoned: string[] = [];
    const run = async (name: string): Promise<string> => {
      begun.push(name);
      await gate.pass();
      return name;
    };
    const services = new ServiceMap().add(Job, { run, urgent: run }, { concurrency: 1 });
    await using harness = await peers({ right: { services } });
    harness.right.on("abandoned", ({ message }) => abandoned.push(message));
    const job = harness.left.address(Job);
    const controller = new AbortController();
    const first = job.call("run", "first");
    const second = job.call("run", "second", { signal: controller.signal });
    await gate.reached;
    await harness.flush();
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: "cancelled" });
    await harness.flush();
    expect(harness.right.stats.running).toBe(1);
    gate.open();
    await first;
    await harness.flush();
    expect(begun).toEqual(["first"]);
    expect(abandoned).toEqual([]);
  });

  test("sends that wait for a slot when the connection is lost never run, and are reported", async () => {
    const gate = fence();
    const begun: number[] = [];
    const note = async (n: number): Promise<void> => {
      begun.push(n);
      await gate.pass();
    };
    const services = new ServiceMap().add(Sum, { add: (n) => n, note }, { concurrency: 1 });
    await using harness = await peers({ right: { services } });
    const refused: string[] = [];
    harness.right.on("refused", ({ direction, error }) => refused.push(`${direction} ${error.code}`));
    for (const n of [1, 2, 3]) await harness.left.address(Sum).send("note", n);
    await gate.reached;
    harness.cut();
    await harness.flush();
    expect(refused).toEqual(["incoming connection-lost", "incoming connection-lost"]);
    gate.open();
    await harness.flush();
    expect(begun).toEqual([1]);
  });

  test("calls that wait for a slot when their side closes are refused, and were not executed", async () => {
    const gate = fence();
    const run = async (name: string): Promise<string> => (await gate.pass(), name);
    const services = new ServiceMap().add(Job, { run, urgent: run }, { concurrency: 1 });
    await using harness = await peers({ right: { services } });
    const job = harness.left.address(Job);
    const calls = Promise.allSettled([job.call("run", "a"), job.call("run", "b")]);
    await gate.reached;
    const closed = harness.right.close();
    await harness.flush();
    gate.open();
    expect(await calls).toMatchObject([{ value: "a" }, { reason: { code: "closing", maybeExecuted: false } }]);
    await closed;
    expect(gate.arrivals).toBe(1);
  });

  test("a handler that throws a refusal of its own gives its slot back", async () => {
    const run = async (): Promise<string> => {
      throw new RemoteError("no", "not today");
    };
    const services = new ServiceMap().add(Job, { run, urgent: () => "urgent" }, { concurrency: 1 });
    await using harness = await peers({ right: { services } });
    const job = harness.left.address(Job);
    for (let i = 0; i < 10; i++) await expect(job.call("run", "x")).rejects.toMatchObject({ code: "no" });
    expect(await job.call("urgent", "x")).toBe("urgent");
  });
});

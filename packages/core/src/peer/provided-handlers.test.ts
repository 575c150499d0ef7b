// Who handles a service besides plain functions: an actor, and a scheduler in front.

import { describe, expect, test, vi } from "vitest";
import { call, defineService, RemoteError, Scheduler, send, spawn } from "../actor/index.js";
import { fence, peers } from "../testing/index.js";
import { ServiceMap } from "./index.js";

const Sum = defineService("sum", { add: call<number, number>(), note: send<number>() });
const Text = defineService("text", { upper: call<string, string>() });

function text(): ServiceMap {
  return new ServiceMap().add(Text, { upper: (input) => input.toUpperCase() });
}

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

describe("a priority alone", () => {
  test("keeps nothing waiting: where nothing waits, nothing goes first", async () => {
    const gate = fence();
    const services = new ServiceMap().add(Sum, { add: (n) => gate.pass().then(() => n), note() {} }, { priority: 1 });
    await using harness = await peers({ right: { services } });
    const sum = harness.left.address(Sum);
    const calls = Promise.all([1, 2, 3].map((n) => sum.call("add", n)));
    await gate.reachedBy(3);
    gate.open();
    expect(await calls).toEqual([1, 2, 3]);
  });
});

// How many calls may be under way is what the other side has announced; the others wait on this side.

import { describe, expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { fence, peers } from "../testing/index.js";
import { ServiceMap } from "./index.js";

const Log = defineService("log", { line: send<unknown>() });
const Ask = defineService("ask", { it: call<unknown, string>(), also: call<void, string>() });

function slowLog() {
  const gate = fence();
  return { gate, services: new ServiceMap().add(Log, { line: () => gate.pass() }) };
}

describe("call()", () => {
  function slowAsk() {
    const gate = fence();
    const it = async (): Promise<string> => {
      await gate.pass();
      return "answered";
    };
    return { gate, services: new ServiceMap().add(Ask, { it, also: () => "also" }) };
  }

  test("beyond callsMax waits on this side, and goes when an answer has come", async () => {
    const { gate, services } = slowAsk();
    await using harness = await peers({ right: { services, limits: { callsMax: 3 } } });
    const calls = Array.from({ length: 10 }, () => harness.left.address(Ask).call("it", 1));
    await harness.flush();
    expect(gate.arrivals).toBe(3);
    expect(harness.left.stats).toMatchObject({ callsInFlight: 3, waiting: 7 });
    gate.letOne();
    await gate.reachedBy(4);
    gate.open();
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 10 }, () => "answered"));
  });

  test("beyond callBytesMax waits as well, and the bytes come back with the answer", async () => {
    const { gate, services } = slowAsk();
    await using harness = await peers({ right: { services, limits: { callBytesMax: 1000 } } });
    const calls = Array.from({ length: 6 }, () => harness.left.address(Ask).call("it", new Uint8Array(600)));
    await harness.flush();
    expect(gate.arrivals).toBe(2);
    gate.open();
    await Promise.all(calls);
  });

  test("its deadline counts while it waits for credit: it rejects with timeout and was never executed", async () => {
    const { gate, services } = slowAsk();
    await using harness = await peers({ right: { services, limits: { callsMax: 1 } } });
    const ask = harness.left.address(Ask);
    const first = ask.call("it", 1);
    const second = ask.call("it", 2, { timeoutMs: 500 });
    const rejected = expect(second).rejects.toMatchObject({ code: "timeout", maybeExecuted: false });
    await harness.flush();
    await harness.advance(500);
    await rejected;
    gate.open();
    await first;
    await harness.flush();
    expect(gate.arrivals).toBe(1);
  });

  test("what is left of the deadline after waiting for credit is what the handler gets", async () => {
    const gate = fence();
    const remaining: number[] = [];
    const services = new ServiceMap().add(Ask, {
      it: async (_, { remainingMs }) => {
        remaining.push(remainingMs);
        await gate.pass();
        return "";
      },
      also: () => "",
    });
    await using harness = await peers({ right: { services, limits: { callsMax: 1 } } });
    const ask = harness.left.address(Ask);
    const calls = [ask.call("it", 1, { timeoutMs: 5000 }), ask.call("it", 2, { timeoutMs: 5000 })];
    await harness.flush();
    await harness.advance(1200);
    gate.open();
    await Promise.all(calls);
    expect(remaining).toEqual([5000, 3800]);
  });

  test("waiting-full is the answer beyond waitingMax, and the calls before it are not harmed", async () => {
    const { gate, services } = slowAsk();
    const limits = { waitingMax: 2 };
    await using harness = await peers({ left: { limits }, right: { services, limits: { callsMax: 1 } } });
    const ask = harness.left.address(Ask);
    const calls = [ask.call("it", 1), ask.call("it", 2), ask.call("it", 3)];
    await expect(ask.call("it", 4)).rejects.toMatchObject({ code: "waiting-full", maybeExecuted: false });
    gate.open();
    await Promise.all(calls);
  });

  test("one service whose sends wait does not hold up the calls of another", async () => {
    const { gate, services } = slowLog();
    services.add(Ask, { it: () => "answered", also: () => "also" });
    await using harness = await peers({ right: { services, limits: { sendsMax: 1 } } });
    const sends = [1, 2, 3].map((n) => harness.left.address(Log).send("line", n));
    expect(await harness.left.address(Ask).call("it", 1)).toBe("answered");
    gate.open();
    await Promise.all(sends);
    await harness.flush();
  });

  test("one that is too long for the other side rejects with payload-too-long, sent or waiting, and the next passes", async () => {
    const { gate, services } = slowAsk();
    gate.open();
    await using harness = await peers({ right: { services, limits: { messageBytesMax: 10_000, callsMax: 1 } } });
    const ask = harness.left.address(Ask);
    const tooLong = { code: "payload-too-long" };
    await expect(ask.call("it", new Uint8Array(10_000))).rejects.toMatchObject(tooLong);
    const outcomes = await Promise.allSettled([
      ask.call("it", 1),
      ask.call("it", new Uint8Array(10_000)),
      ask.call("it", 1),
    ]);
    expect(outcomes).toMatchObject([{ value: "answered" }, { reason: tooLong }, { value: "answered" }]);
  });

  test("an input that cannot be encoded rejects that call alone, and the next thousand pass", async () => {
    const { gate, services } = slowAsk();
    gate.open();
    await using harness = await peers({ right: { services } });
    const ask = harness.left.address(Ask);
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const throwing = {
      get it(): never {
        throw new Error("no");
      },
    };
    for (const bad of [cycle, () => 1, Symbol("s"), throwing]) {
      await expect(ask.call("it", bad)).rejects.toMatchObject({ code: "payload-unsupported" });
      await expect(harness.left.address(Log).send("line", bad)).rejects.toMatchObject({ code: "unknown-service" });
    }
    await Promise.all(Array.from({ length: 1000 }, (_, n) => ask.call("it", n)));
  });
});

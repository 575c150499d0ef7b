// How far ahead a sender may get of the handlers on the other side: as far as that has announced, and no further.

import { describe, expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { fence, peers } from "../testing/index.js";
import { PEER_LIMITS, ServiceMap } from "./index.js";

const Log = defineService("log", { line: send<unknown>() });

function slowLog() {
  const gate = fence();
  return { gate, services: new ServiceMap().add(Log, { line: () => gate.pass() }) };
}

describe("send()", () => {
  test("resolves at once while there is credit, and a handler that is slow lets its sender get exactly one window ahead", async () => {
    const { gate, services } = slowLog();
    await using harness = await peers({ right: { services, limits: { sendsMax: 10 } } });
    const log = harness.left.address(Log);
    let sent = 0;
    const sends = Array.from({ length: 25 }, () => log.send("line", "x").then(() => sent++));
    await harness.flush();
    expect(sent).toBe(10);
    expect(gate.arrivals).toBe(10);
    expect(harness.left.stats.waiting).toBe(15);
    gate.open();
    await Promise.all(sends);
    await harness.flush();
    expect(gate.arrivals).toBe(25);
  });

  test("resolves as credit comes back, never further ahead than the window", async () => {
    const { gate, services } = slowLog();
    await using harness = await peers({ right: { services, limits: { sendsMax: 8 } } });
    const log = harness.left.address(Log);
    let sent = 0;
    const sends = Array.from({ length: 40 }, () => log.send("line", "x").then(() => sent++));
    await harness.flush();
    for (let handled = 0; handled < 40; handled++) {
      expect(sent - handled).toBeLessThanOrEqual(8);
      expect(gate.arrivals - handled).toBeLessThanOrEqual(8);
      gate.letOne();
      await harness.flush();
    }
    await Promise.all(sends);
    expect(gate.arrivals).toBe(40);
  });

  test("with a window of one, each send waits until the one before is handled", async () => {
    const { gate, services } = slowLog();
    await using harness = await peers({ right: { services, limits: { sendsMax: 1 } } });
    const log = harness.left.address(Log);
    const sends = [log.send("line", 1), log.send("line", 2), log.send("line", 3)];
    for (let n = 1; n <= 3; n++) {
      await harness.flush();
      expect(gate.arrivals).toBe(n);
      gate.letOne();
    }
    await Promise.all(sends);
    await harness.flush();
  });

  test("is held up by bytes as well: one may overdraw the window, the next waits", async () => {
    const { gate, services } = slowLog();
    await using harness = await peers({ right: { services, limits: { sendBytesMax: 1000 } } });
    const log = harness.left.address(Log);
    let sent = 0;
    const sends = [600, 5000, 1, 1].map((size) => log.send("line", new Uint8Array(size)).then(() => sent++));
    await harness.flush();
    expect(sent).toBe(2);
    gate.open();
    await Promise.all(sends);
    await harness.flush();
    expect(gate.arrivals).toBe(4);
  });

  test("rejects with cancelled when its signal is aborted while it waits; what has left stays, what waits behind moves up", async () => {
    const { gate, services } = slowLog();
    await using harness = await peers({ right: { services, limits: { sendsMax: 1 } } });
    const log = harness.left.address(Log);
    const controller = new AbortController();
    const gone = log.send("line", "gone", { signal: controller.signal });
    const waits = log.send("line", "waits", { signal: controller.signal });
    const behind = log.send("line", "behind");
    await gone;
    controller.abort(new Error("no more"));
    await expect(waits).rejects.toMatchObject({
      code: "cancelled",
      maybeExecuted: false,
      cause: { message: "no more" },
    });
    gate.open();
    await behind;
    await harness.flush();
    expect(gate.arrivals).toBe(2);
  });

  test("rejects with cancelled when its signal was aborted before, also while there is room", async () => {
    const { gate, services } = slowLog();
    await using harness = await peers({ right: { services } });
    const log = harness.left.address(Log);
    await expect(log.send("line", "x", { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
      maybeExecuted: false,
    });
    await harness.flush();
    expect(gate.arrivals).toBe(0);
  });

  test("rejects with waiting-full beyond waitingMax messages, and beyond waitingBytesMax bytes", async () => {
    const { gate, services } = slowLog();
    const limits = { waitingMax: 5, waitingBytesMax: 3000 };
    await using harness = await peers({ left: { limits }, right: { services, limits: { sendsMax: 1 } } });
    const log = harness.left.address(Log);
    await log.send("line", "under way");
    const small = Array.from({ length: 5 }, () => log.send("line", "waits"));
    await expect(log.send("line", "too many")).rejects.toMatchObject({ code: "waiting-full", maybeExecuted: false });
    gate.open();
    await Promise.all(small);
    await harness.flush();
  });

  test("of a million messages to an actor that is slow holds no more than the window: memory stays bounded", async () => {
    const { gate, services } = slowLog();
    await using harness = await peers({ right: { services } });
    const log = harness.left.address(Log);
    let given = 0;
    while (log.trySend("line", "x")) given++;
    expect(given).toBe(PEER_LIMITS.sendsMax);
    for (let i = 0; i < 1_000_000; i++) if (log.trySend("line", "x")) given++;
    await harness.flush();
    expect(given).toBe(PEER_LIMITS.sendsMax);
    expect(harness.right.stats.running).toBe(PEER_LIMITS.sendsMax);
    expect(harness.left.stats.waiting).toBe(0);
    gate.open();
  });

  test("credit comes back when a handler throws, when the payload is refused, and when nobody takes the message", async () => {
    const Strict = defineService("strict", {
      tell: send({ "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "no" }] }) } }),
      fail: send(),
    });
    const services = new ServiceMap().add(Strict, {
      tell() {},
      fail: () => {
        throw new Error("it failed");
      },
    });
    await using harness = await peers({ right: { services, limits: { sendsMax: 2 } } });
    const failed: string[] = [];
    harness.right.on("failed", ({ message }) => failed.push(message));
    const strict = harness.left.address(Strict);
    for (let i = 0; i < 50; i++) await Promise.all([strict.send("fail"), strict.send("tell", 1)]);
    await harness.flush();
    expect(failed.filter((message) => message === "fail").length).toBe(50);
  });
});

describe("trySend()", () => {
  test("is false when the window is used up, true again when credit is back, and sends nothing when it was false", async () => {
    const { gate, services } = slowLog();
    await using harness = await peers({ right: { services, limits: { sendsMax: 2 } } });
    const log = harness.left.address(Log);
    expect([log.trySend("line", 1), log.trySend("line", 2), log.trySend("line", 3)]).toEqual([true, true, false]);
    await harness.flush();
    expect(gate.arrivals).toBe(2);
    gate.open();
    await harness.flush();
    expect(log.trySend("line", 4)).toBe(true);
    await harness.flush();
    expect(gate.arrivals).toBe(3);
  });

  test("is false while earlier sends to the service wait: it does not overtake", async () => {
    const { gate, services } = slowLog();
    await using harness = await peers({ right: { services, limits: { sendsMax: 1 } } });
    const log = harness.left.address(Log);
    const sends = [log.send("line", 1), log.send("line", 2)];
    expect(log.trySend("line", 3)).toBe(false);
    gate.open();
    await Promise.all(sends);
    await harness.flush();
  });

  test("is false while a call to the service waits, though there is credit for sends: it does not overtake", async () => {
    const Mixed = defineService("mixed", { ask: call<number>(), tell: send<number>() });
    const gate = fence();
    const seen: number[] = [];
    const services = new ServiceMap().add(Mixed, {
      ask: async (n) => {
        seen.push(n);
        await gate.pass();
      },
      tell: (n) => void seen.push(n),
    });
    await using harness = await peers({ right: { services, limits: { callsMax: 1 } } });
    const mixed = harness.left.address(Mixed);
    const calls = [mixed.call("ask", 1), mixed.call("ask", 2)];
    expect(mixed.trySend("tell", 3)).toBe(false);
    const told = mixed.send("tell", 3);
    gate.open();
    await Promise.all([...calls, told]);
    await harness.flush();
    expect(seen).toEqual([1, 2, 3]);
    expect(mixed.trySend("tell", 4)).toBe(true);
  });

  test("is false when the service is not provided, and when the peer is closed", async () => {
    await using harness = await peers();
    expect(harness.left.address(Log).trySend("line", 1)).toBe(false);
    await harness.left.close();
    expect(harness.left.address(Log).trySend("line", 1)).toBe(false);
  });
});

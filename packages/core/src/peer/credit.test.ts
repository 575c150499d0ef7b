// What one side may have under way is what the other has announced: no more, and no less.

import { describe, expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { fence, peers, RawPeer, VirtualClock } from "../testing/index.js";
import { memoryPair } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import { Peer, PEER_LIMITS, ServiceMap } from "./index.js";

const Log = defineService("log", { line: send<unknown>() });
const Ask = defineService("ask", { it: call<unknown, string>(), also: call<void, string>() });

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

  test("one that is too long for the other side's frames rejects with payload-too-long, sent or waiting, and the next passes", async () => {
    const { gate, services } = slowAsk();
    gate.open();
    await using harness = await peers({ right: { services, limits: { frameBytesMax: 10_000, callsMax: 1 } } });
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

describe("a peer whose other side reads nothing", () => {
  /** A peer with 100 kB of room beside one that greets and then stops reading. */
  async function beside(services: ServiceMap) {
    const clock = new VirtualClock();
    const [near, far] = memoryPair({ clock, bufferBytes: 1000 });
    const peer = new Peer(near, { clock, services, limits: { outboxBytesMax: 100_000 } });
    const raw = new RawPeer(far);
    const messages = [
      ["it", "call"],
      ["also", "call"],
    ] as const;
    const greeted = raw.greet([
      { name: "ask", messages },
      { name: "log", messages: [["line", "send"]] },
    ]);
    await clock.flush();
    await greeted;
    raw.pause();
    return { clock, peer, raw };
  }

  test("writes no further ahead than outboxBytesMax and one message: the rest waits, and goes when it reads again", async () => {
    const { clock, peer, raw } = await beside(new ServiceMap());
    const log = peer.address(Log);
    let sent = 0;
    const sends = Array.from({ length: 500 }, () => log.send("line", new Uint8Array(1000)).then(() => sent++));
    await clock.flush();
    expect(peer.stats.bytesPending).toBeLessThan(100_000 + 2 * 1100);
    expect(sent).toBeLessThan(103);
    expect(peer.stats.waiting).toBe(500 - sent);
    expect(log.trySend("line", "x")).toBe(false);
    raw.resume();
    await clock.flush();
    await Promise.all(sends);
    expect(raw.take(FrameKind.send).length).toBe(500);
    peer.abort();
    await clock.flush();
  });

  test("begins no call whose answer there is no room for; one that is cancelled meanwhile never runs", async () => {
    const begun: unknown[] = [];
    const it = (n: unknown): string => {
      begun.push(n);
      return "x".repeat(10_000);
    };
    const { clock, peer, raw } = await beside(new ServiceMap().add(Ask, { it, also: () => "" }));
    for (let id = 1; id <= 30; id++)
      raw.write({ kind: FrameKind.call, id, service: 0, message: 0, amount: 60_000 }, id);
    await clock.flush();
    expect(begun.length).toBeLessThanOrEqual(11);
    expect(peer.stats.running).toBe(30 - begun.length);
    raw.write({ kind: FrameKind.cancel, id: 30 });
    raw.write({ kind: FrameKind.cancel, id: 25 });
    await clock.flush();
    raw.resume();
    await clock.flush();
    expect(begun).toEqual(Array.from({ length: 29 }, (_, i) => i + 1).filter((n) => n !== 25));
    expect(raw.take(FrameKind.reply).length).toBe(28);
    expect(raw.take(FrameKind.error).map(({ id }) => id)).toEqual(expect.arrayContaining([25, 30]));
    expect(peer.stats.running).toBe(0);
    peer.abort();
    await clock.flush();
  });
});

describe("a peer whose outboxBytesMax is below what its connection buffers", () => {
  test("still sends all that waits for room", async () => {
    const services = new ServiceMap().add(Ask, { it: () => "answered", also: () => "also" });
    const limits = { outboxBytesMax: 500 };
    await using harness = await peers({ left: { limits }, right: { services, limits } });
    const ask = harness.left.address(Ask);
    const calls = Array.from({ length: 200 }, () => ask.call("it", new Uint8Array(300)));
    const answers = Promise.all(calls);
    await harness.flush();
    expect(harness.left.stats.waiting).toBe(0);
    expect((await answers).length).toBe(200);
  });

  test("still answers all that waits for room", async () => {
    const Big = defineService("big", { get: call<void, Uint8Array>() });
    const services = new ServiceMap().add(Big, { get: () => new Uint8Array(400) });
    await using harness = await peers({ right: { services, limits: { outboxBytesMax: 500 } } });
    const answers = Promise.all(Array.from({ length: 200 }, () => harness.left.address(Big).call("get")));
    await harness.flush();
    expect(harness.right.stats.running).toBe(0);
    expect((await answers).length).toBe(200);
  });
});

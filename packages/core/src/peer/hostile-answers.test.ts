// Answers that are too many for a reader that does not read, and results and errors of handlers that are no honest
// values: whatever a handler does, its caller is answered, its permit is back, and the others do not notice.

import { describe, expect, test } from "vitest";
import { call, defineService, RemoteError, Semaphore, send } from "../actor/index.js";
import { fence, peers, siege } from "../testing/index.js";
import { FrameKind } from "../wire/index.js";
import { ServiceMap } from "./index.js";

const Odd = defineService("odd", { run: call<string, unknown>(), ok: call<void, string>(), tell: send<string>() });

describe("a caller that does not read", () => {
  const ANSWER = new Uint8Array(100_000);
  const OUTBOX = { outboxBytesMax: 300_000, callsMax: 200 };

  test("gets no more answers written than there is room for, though all handlers ran at once", async () => {
    const services = new ServiceMap().add(Odd, { run: async () => ANSWER, ok: () => "ok", tell() {} });
    await using stage = await siege({ services, limits: OUTBOX });
    const { raw, victim } = await stage.attack();
    raw.pause();
    for (let id = 1; id <= 200; id++) {
      raw.write({ kind: FrameKind.call, id, service: 0, message: 0, amount: 60_000 }, "big");
    }
    await stage.flush();
    expect(victim.stats.bytesPending).toBeLessThan(OUTBOX.outboxBytesMax + 2 * ANSWER.length);
    expect(victim.stats.running).toBeGreaterThan(190);
    raw.resume();
    await stage.flush();
    const answered = raw.take(FrameKind.reply).map(({ id }) => id);
    expect(answered.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    expect(victim.stats).toMatchObject({ running: 0, bytesPending: 0 });
  });

  test("whose connection is lost leaves no answer behind", async () => {
    const services = new ServiceMap().add(Odd, { run: async () => ANSWER, ok: () => "ok", tell() {} });
    await using stage = await siege({ services, limits: OUTBOX });
    const { raw, victim } = await stage.attack();
    raw.pause();
    for (let id = 1; id <= 100; id++) {
      raw.write({ kind: FrameKind.call, id, service: 0, message: 0, amount: 60_000 }, "big");
    }
    await stage.flush();
    raw.abort();
    await stage.flush();
    expect(victim.stats).toMatchObject({ running: 0, bytesPending: 0, timers: 0 });
  });

  test("for a while gets all that was answered before an orderly close", async () => {
    const services = new ServiceMap().add(Odd, { run: () => ANSWER, ok: () => "ok", tell() {} });
    await using stage = await siege({ services });
    const { raw, victim } = await stage.attack();
    raw.pause();
    for (let id = 1; id <= 3; id++) {
      raw.write({ kind: FrameKind.call, id, service: 0, message: 0, amount: 60_000 }, "big");
    }
    await stage.flush();
    const closed = victim.close({ graceMs: 5000 });
    await stage.advance(4000);
    raw.resume();
    await stage.flush();
    expect(raw.take(FrameKind.reply).map(({ id }) => id)).toEqual([1, 2, 3]);
    raw.end();
    await stage.flush();
    expect(await closed).toMatchObject({ by: "local", code: "closed" });
  });
});

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const throwing = (what: unknown): object => ({
  get then() {
    throw what;
  },
});

const RESULTS: readonly [name: string, make: () => unknown][] = [
  ["a then that throws an error", () => throwing(new Error("no then"))],
  ["a then that throws null", () => throwing(null)],
  [
    "a then that calls nobody back but throws",
    () => ({
      then: () => {
        throw new Error("no");
      },
    }),
  ],
  ["a then that calls back twice", () => ({ then: (done: (value: string) => void) => (done("once"), done("twice")) })],
  ["a revoked proxy", revoked],
  [
    "a getter that throws a text of 3 MB",
    () => ({
      get a() {
        throw new Error("x".repeat(3_000_000));
      },
    }),
  ],
  [
    "a getter that throws what has no text",
    () => ({
      get a() {
        throw Object.create(null);
      },
    }),
  ],
  ["a function", () => () => {}],
];

const ERRORS: readonly [name: string, make: () => unknown][] = [
  ["a RemoteError with a number for a code", () => new RemoteError(404 as never, "no such book")],
  ["a RemoteError without a message", () => new RemoteError("none", undefined as never)],
  ["a RemoteError whose data cannot be sent", () => new RemoteError("data", "d", () => {})],
  ["a revoked proxy", revoked],
  ["what has no text", () => Object.create(null) as object],
  ["null", () => null],
];

describe.each(["at once", "later"])("a handler that returns %s", (when) => {
  test.each(RESULTS)("%s", async (_, make) => {
    const semaphore = new Semaphore(2);
    const run = when === "at once" ? make : async () => make();
    const services = new ServiceMap().add(Odd, { run, ok: () => "ok", tell() {} });
    await using harness = await peers({ right: { services, backpressure: semaphore } });
    const odd = harness.left.address(Odd);
    for (let i = 0; i < 5; i++) {
      // Answered one way or the other, and never by its timeout.
      const outcome = await odd.call("run", "").catch((error: unknown) => error);
      expect(outcome).not.toMatchObject({ code: "timeout" });
    }
    expect(await odd.call("ok")).toBe("ok");
    expect(semaphore.available).toBe(2);
  });
});

describe.each(["at once", "later"])("a handler that throws %s", (when) => {
  test.each(ERRORS)("%s", async (_, make) => {
    const semaphore = new Semaphore(2);
    const run = (): unknown => {
      if (when === "later") return Promise.reject(make());
      throw make();
    };
    const services = new ServiceMap().add(Odd, { run, ok: () => "ok", tell: () => run() as void });
    await using harness = await peers({ right: { services, backpressure: semaphore } });
    const odd = harness.left.address(Odd);
    for (let i = 0; i < 5; i++) {
      await odd.send("tell", "");
      await expect(odd.call("run", "")).rejects.toMatchObject({ name: "RemoteError" });
    }
    expect(await odd.call("ok")).toBe("ok");
    expect(semaphore.available).toBe(2);
  });

  test("a number for a code reaches the caller as a text", async () => {
    const services = new ServiceMap().add(Odd, {
      run: () => {
        throw new RemoteError(404 as never, "no such book");
      },
      ok: () => "ok",
      tell() {},
    });
    await using harness = await peers({ right: { services } });
    await expect(harness.left.address(Odd).call("run", "")).rejects.toMatchObject({
      code: "404",
      message: "no such book",
    });
  });
});

describe("a caller", () => {
  test("whose signal is none is refused with option-invalid, and nothing of it is sent", async () => {
    let runs = 0;
    const services = new ServiceMap().add(Odd, { run: () => ++runs, ok: () => "ok", tell() {} });
    await using harness = await peers({ right: { services } });
    const odd = harness.left.address(Odd);
    await expect(odd.call("run", "", { signal: {} as AbortSignal })).rejects.toMatchObject({ code: "option-invalid" });
    expect(await odd.call("ok")).toBe("ok");
    expect(runs).toBe(0);
  });

  test("whose signal is none leaves no watch and no send behind either, also where the send would wait", async () => {
    const gate = fence();
    let told = 0;
    const services = new ServiceMap().add(Odd, {
      run: () => 1,
      ok: () => "ok",
      tell: async () => {
        told++;
        await gate.pass();
      },
    });
    await using harness = await peers({ right: { services, limits: { sendsMax: 1, watchesMax: 1 } } });
    const odd = harness.left.address(Odd);
    const invalid = { signal: {} as AbortSignal };
    const refused = { code: "option-invalid" };
    await expect(odd.watch(invalid)).rejects.toMatchObject(refused);
    await expect(odd.send("tell", "", invalid)).rejects.toMatchObject(refused);
    await odd.send("tell", "the one that is under way");
    await expect(odd.send("tell", "", invalid)).rejects.toMatchObject(refused);
    expect(harness.left.stats.waiting).toBe(0);
    const controller = new AbortController();
    const watch = expect(odd.watch({ signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
    controller.abort();
    await watch;
    gate.open();
    await harness.flush();
    expect(told).toBe(1);
  });

  test("that closes its peer in a getter of an input: the call rejects, and the peer closes in order", async () => {
    const services = new ServiceMap().add(Odd, { run: () => 1, ok: () => "ok", tell() {} });
    await using harness = await peers({ right: { services } });
    const input = {
      get name() {
        void harness.left.close();
        return "gone";
      },
    };
    await expect(harness.left.address(Odd).call("run", input as never)).rejects.toMatchObject({
      name: "ConnectionLost",
    });
    expect(await harness.left.closed).toEqual({ by: "local", code: "closed" });
    expect(await harness.right.closed).toEqual({ by: "remote", code: "closed" });
  });

  test("that gives a deadline years away is given callTimeoutMaxMs by the other side", async () => {
    const deadlines: number[] = [];
    const services = new ServiceMap().add(Odd, {
      run: (_, { remainingMs }) => deadlines.push(remainingMs),
      ok: () => "ok",
      tell() {},
    });
    await using harness = await peers({ right: { services, callTimeoutMaxMs: 1000 } });
    await harness.left.address(Odd).call("run", "", { timeoutMs: 0xffff_ffff });
    expect(deadlines).toEqual([1000]);
  });
});

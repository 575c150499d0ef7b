// Sides that do not read, do not end what they begin, or take back what they asked for as fast as they ask: what that
// costs is bounded, they are cut off in time, and nobody else notices.

import { describe, expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { fence, peers, siege } from "../testing/index.js";
import { FrameKind } from "../wire/index.js";
import { Semaphore } from "../actor/index.js";
import { ServiceMap } from "./index.js";

const Target = defineService("target", { echo: call<unknown, unknown>(), note: send<unknown>() });
const ECHO = { service: 0, message: 0, amount: 60_000 };

function target(echo: (input: unknown) => unknown): ServiceMap {
  return new ServiceMap().add(Target, { echo, note: () => {} });
}

describe("a side that stops reading", () => {
  const ANSWER = "a".repeat(100_000);
  const outboxBytesMax = 1_000_000;

  test("and goes on calling has few answers made for it, its other calls parked, and is cut off with peer-stalled", async () => {
    let handled = 0;
    await using stage = await siege({ services: target(() => (handled++, ANSWER)), limits: { outboxBytesMax } });
    const { raw, victim, events } = await stage.attack();
    raw.pause();
    for (let id = 1; id <= 1000; id++) raw.write({ kind: FrameKind.call, id, ...ECHO }, null);
    await stage.flush();
    expect(handled).toBe(Math.ceil(outboxBytesMax / ANSWER.length));
    expect(victim.stats.running).toBe(1000 - handled);
    expect(victim.stats.bytesPending).toBeLessThan(outboxBytesMax + 2 * ANSWER.length);
    await stage.demandWitness();

    await stage.advance(29_000, raw);
    expect(victim.state).toBe("open");
    await stage.advance(12_000, raw);
    expect(victim.state).toBe("closed");
    expect(events.map(({ type }) => type)).toEqual(["fault", "closed"]);
    expect(events[1]).toMatchObject({ reason: { by: "fault", code: "peer-stalled" } });
    expect(handled).toBe(Math.ceil(outboxBytesMax / ANSWER.length));
    expect(victim.stats).toMatchObject({ running: 0, bytesPending: 0, timers: 0 });
  });

  test("and reads again in time gets every answer", async () => {
    await using stage = await siege({ services: target((n) => [n, ANSWER]), limits: { outboxBytesMax } });
    const { raw, victim } = await stage.attack();
    raw.pause();
    for (let id = 1; id <= 100; id++) raw.write({ kind: FrameKind.call, id, ...ECHO }, id);
    await stage.advance(20_000, raw);
    raw.resume();
    await stage.flush();
    const answered = raw.take(FrameKind.reply).map(({ id, value }) => [id, (value as unknown[])[0]]);
    expect(answered).toEqual(Array.from({ length: 100 }, (_, i) => [i + 1, i + 1]));
    expect(victim.stats).toMatchObject({ running: 0, bytesPending: 0 });
  });

  test("and neither writes is cut off with peer-silent after three of its own heartbeats", async () => {
    await using stage = await siege({ services: target(() => ANSWER) });
    const { raw, victim } = await stage.attack([], { heartbeatMs: 2000 });
    raw.pause();
    await stage.advance(5999);
    expect(victim.state).toBe("open");
    await stage.advance(1);
    expect(await victim.closed).toMatchObject({ by: "fault", code: "peer-silent" });
  });

  test("and asks for what is refused is cut off with refusals-exceeded", async () => {
    await using stage = await siege({ services: target(() => null), limits: { refusalsMax: 500 } });
    const { raw, victim } = await stage.attack();
    raw.pause();
    for (let id = 1; id <= 600; id++) raw.write({ kind: FrameKind.call, id, ...ECHO, service: 9 }, null);
    await stage.advance(1000);
    expect(await victim.closed).toMatchObject({ by: "fault", code: "refusals-exceeded" });
  });

  test.each([
    ["calls that are refused", { kind: FrameKind.call, service: 9 }],
    ["sends that are refused", { kind: FrameKind.send, service: 9 }],
    ["watches of nothing", { kind: FrameKind.watch, service: 9 }],
  ])("and floods with %s never makes more than refusalsMax answers wait", async (_, header) => {
    await using stage = await siege({ services: target(() => null), limits: { refusalsMax: 500 } });
    const { raw, victim } = await stage.attack();
    raw.pause();
    let most = 0;
    for (let round = 0; round < 50 && victim.state === "open"; round++) {
      for (let i = 0; i < 100; i++)
        raw.write({ ...header, id: header.kind === FrameKind.send ? 0 : round * 100 + i + 1 }, null);
      await stage.flush();
      most = Math.max(most, victim.stats.bytesPending);
    }
    expect(most).toBeLessThan(500 * 100);
    await stage.advance(1000);
    expect(await victim.closed).toMatchObject({ code: "refusals-exceeded" });
  });

  test("a caller that reads, however slowly, is never cut off for the failures it is answered with", async () => {
    const services = target((n) => {
      if ((n as number) % 2 === 0) return ANSWER;
      throw new Error("odd");
    });
    // The reader takes a little at a time, so that the outbox is never empty.
    const pipe = { bufferBytes: 65_536, chunk: (bytes: number) => Math.min(bytes, 8192) };
    await using harness = await peers({ right: { services, limits: { refusalsMax: 200 } }, pipe });
    const address = harness.left.address(Target);
    let next = 0;
    let failed = 0;
    const caller = async (): Promise<void> => {
      while (next < 2000) {
        const n = next++;
        await address.call("echo", n).catch((error: { code: string }) => {
          expect(error.code).toBe("handler-failed");
          failed++;
        });
      }
    };
    await Promise.all(Array.from({ length: 64 }, caller));
    expect(failed).toBe(1000);
    expect(harness.right.state).toBe("open");
  });
});

describe("a frame that does not become whole", () => {
  test("however it is dripped, ends its connection with frame-late", async () => {
    await using stage = await siege({ services: target(() => null) });
    const { raw, victim } = await stage.attack();
    raw.writeBytes(Uint8Array.of(0xff, 0xff, 0x00, FrameKind.call, 1, 0, 0, 0));
    for (let second = 0; second < 45 && victim.state === "open"; second++) {
      raw.writeBytes(Uint8Array.of(0));
      await stage.advance(1000);
      if (second < 29) expect(victim.state).toBe("open");
    }
    expect(await victim.closed).toMatchObject({ by: "fault", code: "frame-late" });
  });

  test("is no fault as long as frames do", async () => {
    await using stage = await siege({ services: target((n) => n) });
    const { raw, victim } = await stage.attack();
    const ping = Uint8Array.of(0, 0, 0, FrameKind.ping, 1, 0, 0, 0);
    for (let second = 0; second < 120; second++) {
      // Every piece ends inside a frame.
      raw.writeBytes(second === 0 ? ping.subarray(0, 5) : Uint8Array.of(...ping.subarray(5), ...ping.subarray(0, 5)));
      await stage.advance(1000);
    }
    expect(victim.state).toBe("open");
  });
});

describe("asking and taking back", () => {
  test("10,000 watches that are cancelled leave nothing", async () => {
    await using stage = await siege({ services: target(() => null), limits: { watchesMax: 8 } });
    const { raw, victim } = await stage.attack();
    let ended = 0;
    for (let id = 1; id <= 10_000; id++) {
      raw.write({ kind: FrameKind.watch, id, service: 0 });
      raw.write({ kind: FrameKind.cancel, id });
      if (id % 100 === 0) await stage.flush();
      ended += raw.take(FrameKind.reply).length;
      expect(raw.take(FrameKind.refuse)).toEqual([]);
    }
    expect(ended).toBe(10_000);
    expect(victim.stats).toMatchObject({ running: 0, bytesPending: 0 });
    victim.withdraw(Target);
    await stage.flush();
    expect(raw.take(FrameKind.reply)).toEqual([]);
  });

  test("10,000 calls that are cancelled at once leave nothing, and their handlers are told", async () => {
    let told = 0;
    const services = new ServiceMap().add(Target, {
      echo: (_, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject((told++, signal.reason) as Error)),
        ),
      note: () => {},
    });
    await using stage = await siege({ services, limits: { callsMax: 8 } });
    const { raw, victim } = await stage.attack();
    for (let id = 1; id <= 10_000; id++) {
      raw.write({ kind: FrameKind.call, id, ...ECHO }, null);
      raw.write({ kind: FrameKind.cancel, id });
      if (id % 8 === 0) await stage.flush();
    }
    await stage.flush();
    expect(raw.take(FrameKind.error).map(({ value }) => (value as string[])[0])).toEqual(
      Array.from({ length: 10_000 }, () => "cancelled"),
    );
    expect(told).toBe(10_000);
    expect(victim.stats).toMatchObject({ running: 0, bytesPending: 0 });
  });

  test("10,000 calls that are cancelled, of handlers that ignore it, never run above callsMax or the permits", async () => {
    const gate = fence();
    const semaphore = new Semaphore(4);
    let running = 0;
    let most = 0;
    let started = 0;
    const services = target(async () => {
      started++;
      most = Math.max(most, ++running);
      await gate.pass();
      running--;
    });
    await using stage = await siege({ services, limits: { callsMax: 16 }, backpressure: semaphore });
    const { raw, victim } = await stage.attack();
    let answered = 0;
    for (let id = 1; id <= 10_000; id++) {
      raw.write({ kind: FrameKind.call, id, ...ECHO }, null);
      raw.write({ kind: FrameKind.cancel, id });
      if (id % 100 !== 0) continue;
      await stage.flush();
      expect(victim.stats.running).toBeLessThanOrEqual(16);
      answered += raw.take(FrameKind.refuse).length + raw.take(FrameKind.error).length;
    }
    expect([started, most, semaphore.available]).toEqual([4, 4, 0]);
    expect(answered).toBe(10_000 - 4);
    gate.open();
    await stage.flush();
    expect([running, semaphore.available, victim.stats.running]).toEqual([0, 4, 0]);
  });

  test("handlers that ignore their signal keep their places once abandonedMax of them run on", async () => {
    const gate = fence();
    let running = 0;
    const services = target(async () => {
      running++;
      await gate.pass();
      running--;
    });
    await using stage = await siege({ services, limits: { callsMax: 16, abandonedMax: 8 } });
    const { raw, victim } = await stage.attack();
    for (let id = 1; id <= 1000; id++) {
      raw.write({ kind: FrameKind.call, id, ...ECHO }, null);
      raw.write({ kind: FrameKind.cancel, id });
      if (id % 10 === 0) await stage.advance(300);
      expect(running).toBeLessThanOrEqual(16 + 8);
    }
    expect([running, victim.stats.running, victim.stats.abandoned]).toEqual([16 + 8, 16, 8]);
    gate.open();
    await stage.flush();
    expect([running, victim.stats.running, victim.stats.abandoned]).toEqual([0, 0, 0]);
  });

  test("handlers that ignore their signal do not pile up over connections that come and go", async () => {
    const gate = fence();
    const semaphore = new Semaphore(4, { lentMax: 4 });
    let running = 0;
    let most = 0;
    const services = target(async () => {
      most = Math.max(most, ++running);
      await gate.pass();
      running--;
    });
    await using stage = await siege({ services, backpressure: semaphore });
    for (let connection = 0; connection < 20; connection++) {
      const { raw } = await stage.attack();
      for (let id = 1; id <= 4; id++) raw.write({ kind: FrameKind.call, id, ...ECHO }, null);
      await stage.flush();
      raw.abort();
      await stage.advance(300);
    }
    expect([most, semaphore.available]).toEqual([8, 0]);
    gate.open();
    await stage.flush();
    expect([running, semaphore.available]).toEqual([0, 4]);
  });
});

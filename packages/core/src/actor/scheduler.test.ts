import { describe, expect, test } from "vitest";
import { oneShot, type OneShot } from "../base/index.js";
import { SeededRandom } from "../testing/index.js";
import { Scheduler } from "./scheduler.js";

async function settled(): Promise<void> {
  for (let i = 0; i < 12; i++) await undefined;
}

describe("Scheduler", () => {
  test.each([0, -1, 1.5, NaN, Infinity])("refuses a concurrency of %s with option-invalid", (concurrency) => {
    expect(() => new Scheduler({ concurrency })).toThrow(expect.objectContaining({ code: "option-invalid" }));
  });

  test("refuses a priority or a queuedMax that is no number", () => {
    expect(() => new Scheduler({ concurrency: 1, queuedMax: NaN })).toThrow(
      expect.objectContaining({ code: "option-invalid" }),
    );
    expect(() => new Scheduler({ concurrency: 1 }).run(() => {}, NaN)).toThrow(
      expect.objectContaining({ code: "option-invalid" }),
    );
  });

  test("run() starts higher priorities first, and first come, first served within one", async () => {
    const scheduler = new Scheduler({ concurrency: 1 });
    const gate = oneShot<void>();
    const order: string[] = [];
    scheduler.run(() => gate.promise, 0);
    for (const [name, priority] of [
      ["a", 1],
      ["b", 5],
      ["c", 1],
      ["d", -Infinity],
      ["e", 5],
      ["f", 9],
    ] as const) {
      scheduler.run(() => void order.push(name), priority);
    }
    expect([scheduler.running, scheduler.waiting]).toEqual([1, 6]);
    gate.resolve();
    await settled();
    while (scheduler.waiting > 0) await settled();
    expect(order).toEqual(["f", "b", "e", "a", "c", "d"]);
  });

  test("a task keeps its slot until its promise settles", async () => {
    const scheduler = new Scheduler({ concurrency: 2 });
    const gates: OneShot<void>[] = [oneShot(), oneShot(), oneShot()];
    const started: number[] = [];
    gates.forEach((gate, index) =>
      scheduler.run(() => {
        started.push(index);
        return gate.promise;
      }, 0),
    );
    await settled();
    expect(started).toEqual([0, 1]);
    gates[1]?.resolve();
    await settled();
    expect(started).toEqual([0, 1, 2]);
    gates[0]?.resolve();
    gates[2]?.resolve();
    await settled();
    expect([scheduler.running, scheduler.waiting]).toEqual([0, 0]);
  });

  test("a task that throws, rejects or is a broken thenable frees its slot and disturbs nobody", async () => {
    const scheduler = new Scheduler({ concurrency: 1 });
    const ran: string[] = [];
    scheduler.run(() => {
      throw new Error("thrown");
    }, 0);
    scheduler.run(() => Promise.reject(new Error("rejected")), 0);
    scheduler.run(
      () => ({
        then() {
          throw new Error("from then");
        },
      }),
      0,
    );
    scheduler.run(() => void ran.push("after"), 0);
    while (scheduler.running > 0) await settled();
    expect(ran).toEqual(["after"]);
  });

  test("run() returns false when queuedMax tasks wait, and takes tasks again when one has gone", async () => {
    const scheduler = new Scheduler({ concurrency: 1, queuedMax: 2 });
    const gate = oneShot<void>();
    const ran: number[] = [];
    expect(scheduler.run(() => gate.promise, 0)).toBe(true);
    expect([1, 2, 3].map((i) => scheduler.run(() => void ran.push(i), 0))).toEqual([true, true, false]);
    gate.resolve();
    while (scheduler.waiting > 0) await settled();
    expect(ran).toEqual([1, 2]);
    expect(scheduler.run(() => void ran.push(4), 0)).toBe(true);
    await settled();
    expect(ran).toEqual([1, 2, 4]);
  });

  test("with queuedMax 0 a task runs only when a slot is free", async () => {
    const scheduler = new Scheduler({ concurrency: 1, queuedMax: 0 });
    const gate = oneShot<void>();
    expect(scheduler.run(() => gate.promise, 0)).toBe(true);
    expect(scheduler.run(() => {}, 0)).toBe(false);
    gate.resolve();
    await settled();
    expect(scheduler.run(() => {}, 0)).toBe(true);
  });

  test("random tasks of random priorities never exceed the concurrency, and each runs exactly once, in order", async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = new SeededRandom(seed);
      const concurrency = 1 + random.integer(4);
      const scheduler = new Scheduler({ concurrency });
      const gate = oneShot<void>();
      for (let i = 0; i < concurrency; i++) scheduler.run(() => gate.promise, 0);
      const tasks = Array.from({ length: 100 }, (_, ordinal) => ({ ordinal, priority: random.integer(5) }));
      const started: number[] = [];
      let running = 0;
      for (const { ordinal, priority } of tasks) {
        const turns = random.integer(4);
        scheduler.run(async () => {
          started.push(ordinal);
          expect(++running).toBeLessThanOrEqual(concurrency);
          for (let i = 0; i < turns; i++) await undefined;
          running--;
        }, priority);
      }
      gate.resolve();
      while (scheduler.running > 0) await settled();
      const expected = [...tasks].sort((a, b) => b.priority - a.priority || a.ordinal - b.ordinal);
      expect(started, `seed ${seed}`).toEqual(expected.map(({ ordinal }) => ordinal));
    }
  });
});

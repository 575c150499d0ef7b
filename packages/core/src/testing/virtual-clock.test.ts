import { describe, expect, test } from "vitest";
import { VirtualClock } from "./virtual-clock.js";

describe("VirtualClock", () => {
  test("advance() fires timers in order of time and then of creation, each at its own time", async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name}@${clock.now()}`);
    clock.schedule(20, note("c"));
    clock.schedule(10, note("a"));
    clock.schedule(10, note("b"));
    clock.schedule(31, note("late"));
    await clock.advance(30);
    expect(fired).toEqual(["a@10", "b@10", "c@20"]);
    expect(clock.now()).toBe(30);
    expect(clock.pending).toBe(1);
  });

  test("advance() fires timers that timers set, as long as they are due", async () => {
    const clock = new VirtualClock(1000);
    const fired: number[] = [];
    const tick = (): void => {
      fired.push(clock.now());
      clock.schedule(10, tick);
    };
    clock.schedule(10, tick);
    await clock.advance(35);
    expect(fired).toEqual([1010, 1020, 1030]);
  });

  test("a cancelled timer does not fire, and cancelling late or twice takes no other timer with it", async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const cancel = clock.schedule(5, () => fired.push("cancelled"));
    const cancelFired = clock.schedule(5, () => fired.push("first"));
    clock.schedule(7, () => fired.push("second"));
    cancel();
    cancel();
    await clock.advance(6);
    cancelFired();
    await clock.advance(6);
    expect(fired).toEqual(["first", "second"]);
    expect(clock.pending).toBe(0);
  });

  test("advance() drains long chains of promises and the yields after them before the next timer", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    clock.schedule(1, async () => {
      for (let i = 0; i < 5000; i++) await undefined;
      log.push("chain");
      clock.yield(() => {
        log.push("yield");
        void Promise.resolve().then(() => log.push("after yield"));
      });
      clock.yield(() => log.push("next yield"));
    });
    clock.schedule(1, () => log.push("next timer"));
    await clock.advance(1);
    expect(log).toEqual(["chain", "yield", "after yield", "next yield", "next timer"]);
  });

  test("flush() runs yields without firing timers", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    clock.schedule(0, () => log.push("timer"));
    clock.yield(() => log.push("yield"));
    await clock.flush();
    expect(log).toEqual(["yield"]);
    expect(clock.now()).toBe(0);
  });

  test("flush() beside another flush() resolves when nothing is left either", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    clock.yield(() => clock.yield(() => clock.yield(() => log.push("third"))));
    const first = clock.flush();
    await Promise.resolve();
    await clock.flush();
    expect(log).toEqual(["third"]);
    await first;
  });

  test("advance() rejects with what a callback threw", async () => {
    const clock = new VirtualClock();
    clock.schedule(1, () => {
      throw new Error("from the timer");
    });
    await expect(clock.advance(1)).rejects.toThrow("from the timer");
    clock.yield(() => {
      throw new Error("from the yield");
    });
    await expect(clock.flush()).rejects.toThrow("from the yield");
  });

  test("advance() rejects with clock-stuck when timers go on without time passing", async () => {
    const clock = new VirtualClock();
    const again = (): void => void clock.schedule(0, again);
    again();
    await expect(clock.advance(1)).rejects.toMatchObject({ code: "clock-stuck" });
  });
});

import { describe, expect, test, vi } from "vitest";
import { SeededRandom, VirtualClock } from "../testing/index.js";
import { TIMER_DELAY_MS_MAX } from "./clock.js";
import { Deadline, Timers } from "./timers.js";

/** Notes its name and when it expired, then does what the test wants of it. */
class Noted extends Deadline {
  readonly #note: () => void;

  constructor(stage: Stage, name: string, then: () => void = () => undefined) {
    super();
    this.#note = () => {
      stage.log.push(`${name}@${stage.clock.now()}`);
      then();
    };
  }

  override expired(): void {
    this.#note();
  }
}

class Stage {
  readonly clock = new VirtualClock();
  readonly timers = new Timers(this.clock);
  readonly log: string[] = [];

  set(name: string, durationMs: number, then?: () => void): Noted {
    const deadline = new Noted(this, name, then);
    this.timers.set(deadline, durationMs);
    return deadline;
  }

  /** Closes the timers; the clock must be left without any. */
  end(): void {
    this.timers.close();
    expect([this.timers.size, this.clock.pending]).toEqual([0, 0]);
  }
}

/** Collects what would have reached the host as an uncaught error. */
function catchUncaught(): unknown[] {
  const errors: unknown[] = [];
  vi.spyOn(globalThis, "queueMicrotask").mockImplementation((job) => {
    try {
      job();
    } catch (error) {
      errors.push(error);
    }
  });
  return errors;
}

describe("Timers", () => {
  test("many deadlines share one timer of the clock, and each expires once at its own time", async () => {
    const stage = new Stage();
    for (let i = 0; i < 1000; i++) stage.set(`${i}`, 10 + (i % 7));
    expect([stage.timers.size, stage.clock.pending]).toEqual([1000, 1]);
    await stage.clock.advance(12);
    expect(stage.clock.pending).toBe(1);
    await stage.clock.advance(100);
    const expected = Array.from({ length: 1000 }, (_, i) => `${i}@${10 + (i % 7)}`);
    expect([...stage.log].sort()).toEqual(expected.sort());
    expect([stage.timers.size, stage.clock.pending]).toEqual([0, 0]);
    stage.end();
  });

  test("deadlines of different durations that are due in one wake expire in order of time", async () => {
    const clock = new VirtualClock();
    let lateByMs = 0;
    // A host that was busy: its timers fire late, and find several deadlines due.
    const timers = new Timers({
      now: () => clock.now() + lateByMs,
      schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
      defer: (callback) => clock.defer(callback),
      yield: (callback) => clock.yield(callback),
    });
    const log: string[] = [];
    for (const durationMs of [30, 10, 40, 20, 25]) timers.after(durationMs, () => log.push(`${durationMs}`));
    lateByMs = 25;
    await clock.advance(10);
    expect(log).toEqual(["10", "20", "25", "30"]);
    expect(timers.size).toBe(1);
    timers.close();
    expect(clock.pending).toBe(0);
  });

  test("set() moves a deadline that is set already, to a later or an earlier time", async () => {
    const stage = new Stage();
    const later = stage.set("later", 10);
    const earlier = stage.set("earlier", 50);
    const same = stage.set("same", 20);
    await stage.clock.advance(5);
    stage.timers.set(later, 30);
    stage.timers.set(earlier, 1);
    stage.timers.set(same, 20);
    expect([stage.timers.size, stage.clock.pending]).toEqual([3, 1]);
    await stage.clock.advance(100);
    expect(stage.log).toEqual(["earlier@6", "same@25", "later@35"]);
    stage.end();
  });

  test("clear() takes back the first, a middle and the last of a list, and what is not set is left alone", async () => {
    const stage = new Stage();
    const [a, , c, , e] = ["a", "b", "c", "d", "e"].map((name) => stage.set(name, 10));
    for (const deadline of [c, a, e, c]) stage.timers.clear(deadline as Noted);
    stage.timers.clear(new Noted(stage, "never set"));
    expect(stage.timers.size).toBe(2);
    await stage.clock.advance(10);
    expect(stage.log).toEqual(["b@10", "d@10"]);
    stage.end();
  });

  test("a cleared deadline keeps no other one reachable", () => {
    const stage = new Stage();
    stage.set("before", 10);
    const cleared = stage.set("cleared", 10);
    stage.set("after", 10);
    stage.timers.clear(cleared);
    expect([cleared.timerList, cleared.timerPrevious, cleared.timerNext]).toEqual([undefined, undefined, undefined]);
    stage.end();
  });

  test("the clock's timer fires in vain when its deadline was cleared, and is not set again for nothing", async () => {
    const stage = new Stage();
    stage.timers.clear(stage.set("cleared", 10));
    expect(stage.clock.pending).toBe(1);
    await stage.clock.advance(10);
    expect([stage.log, stage.clock.pending]).toEqual([[], 0]);
    stage.end();
  });

  test("expired() may clear one that is due in the same wake", async () => {
    const stage = new Stage();
    stage.set("first", 10, () => stage.timers.clear(second));
    const second = stage.set("second", 10);
    stage.set("third", 10);
    await stage.clock.advance(100);
    expect(stage.log).toEqual(["first@10", "third@10"]);
    stage.end();
  });

  test("expired() may move one that is due in the same wake, and set itself and new ones", async () => {
    const stage = new Stage();
    let rounds = 0;
    const first: Noted = stage.set("first", 10, () => {
      if (++rounds > 1) return;
      stage.timers.set(second, 5);
      stage.timers.set(first, 10);
      stage.set("new", 2);
    });
    const second = stage.set("second", 10);
    await stage.clock.advance(100);
    expect(stage.log).toEqual(["first@10", "new@12", "second@15", "first@20"]);
    stage.end();
  });

  test("expired() may close the timers: nothing else expires", async () => {
    const stage = new Stage();
    stage.set("first", 10, () => stage.timers.close());
    stage.set("second", 10);
    stage.set("third", 20);
    await stage.clock.advance(100);
    expect(stage.log).toEqual(["first@10"]);
    stage.end();
  });

  test("an expired() that throws is reported as uncaught and loses none of the others", async () => {
    const uncaught = catchUncaught();
    const stage = new Stage();
    const failure = new Error("from expired()");
    stage.set("first", 10, () => {
      throw failure;
    });
    stage.set("second", 10);
    stage.set("third", 20);
    await stage.clock.advance(100);
    expect(stage.log).toEqual(["first@10", "second@10", "third@20"]);
    expect(uncaught).toEqual([failure]);
    stage.end();
  });

  test("a duration beyond TIMER_DELAY_MS_MAX is waited for in parts", async () => {
    const stage = new Stage();
    const delays: number[] = [];
    const schedule = stage.clock.schedule.bind(stage.clock);
    vi.spyOn(stage.clock, "schedule").mockImplementation((delayMs, callback) => {
      delays.push(delayMs);
      return schedule(delayMs, callback);
    });
    const durationMs = 2 * TIMER_DELAY_MS_MAX + 5;
    stage.set("long", durationMs);
    await stage.clock.advance(durationMs - 1);
    expect([stage.log, stage.clock.pending]).toEqual([[], 1]);
    await stage.clock.advance(1);
    expect(stage.log).toEqual([`long@${durationMs}`]);
    expect(delays).toEqual([TIMER_DELAY_MS_MAX, TIMER_DELAY_MS_MAX, 5]);
    stage.end();
  });

  test("after() calls back once, unless it is cancelled; cancelling late or twice does nothing", async () => {
    const { clock, timers } = new Stage();
    const log: string[] = [];
    const cancel = timers.after(10, () => log.push("cancelled"));
    const cancelLate = timers.after(10, () => log.push("called"));
    cancel();
    cancel();
    await clock.advance(50);
    cancelLate();
    expect([log, timers.size, clock.pending]).toEqual([["called"], 0, 0]);
  });

  test.each([1, 2, 3])("does as a plain list does over thousands of random steps (seed %i)", async (seed) => {
    const random = new SeededRandom(seed);
    const stage = new Stage();
    const model = new Map<number, number>();
    const expired: string[] = [];
    const deadlines = Array.from({ length: 40 }, (_, i) => new Noted(stage, `${i}`));
    for (let step = 0; step < 3000; step++) {
      const index = random.integer(deadlines.length);
      const chance = random.next();
      if (chance < 0.5) {
        const durationMs = random.pick([0, 1, 5, 10, 10, 30, 100, random.integer(200)]);
        stage.timers.set(deadlines[index] as Noted, durationMs);
        model.set(index, stage.clock.now() + durationMs);
      } else if (chance < 0.8) {
        stage.timers.clear(deadlines[index] as Noted);
        model.delete(index);
      } else {
        await stage.clock.advance(random.integer(20));
        for (const [each, expiresAt] of model) {
          if (expiresAt > stage.clock.now()) continue;
          expired.push(`${each}@${expiresAt}`);
          model.delete(each);
        }
        // Which of two that expire together comes first is left open.
        expect(stage.log.sort()).toEqual(expired.sort());
        stage.log.length = expired.length = 0;
      }
      expect(stage.timers.size).toBe(model.size);
      expect(stage.clock.pending).toBeLessThanOrEqual(1);
    }
    stage.end();
  });
});

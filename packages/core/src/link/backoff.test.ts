import { describe, expect, test } from "vitest";
import { SeededRandom } from "../testing/index.js";
import { Backoff, BACKOFF_DEFAULTS, type BackoffOptions } from "./backoff.js";

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);
/** So many attempts that the budget is never used up. */
const PLENTY: BackoffOptions = { attempts: 1_000_000 };

/** Fails `count` attempts in a row and waits in between as it should; returns the delays. */
function delays(backoff: Backoff, count: number, from = 0): number[] {
  let now = from;
  return Array.from({ length: count }, () => {
    backoff.attempted(now);
    backoff.failed();
    const delayMs = backoff.delayMs(now);
    now += delayMs;
    return delayMs;
  });
}

describe("full jitter", () => {
  test("0 <= delay < min(maxMs, minMs × 2^n) for the n-th failure in a row, for every seed", () => {
    for (const seed of SEEDS) {
      const options = { ...PLENTY, minMs: 1 + (seed % 7) * 50, maxMs: 500 * (1 + (seed % 60)) };
      const backoff = new Backoff(options, new SeededRandom(seed), 0);
      for (const [n, delayMs] of delays(backoff, 40).entries()) {
        expect(delayMs, `failure ${n}, seed ${seed}`).toBeGreaterThanOrEqual(0);
        expect(delayMs, `failure ${n}, seed ${seed}`).toBeLessThan(Math.min(options.maxMs, options.minMs * 2 ** n));
      }
    }
  });

  test("spreads over all of the range: a tenth of the delays in each tenth, give or take a third", () => {
    const tenths = new Array<number>(10).fill(0);
    for (const seed of SEEDS) {
      const backoff = new Backoff({ ...PLENTY, minMs: 1000, maxMs: 1000 }, new SeededRandom(seed), 0);
      for (const delayMs of delays(backoff, 20)) (tenths[Math.floor(delayMs / 100)] as number)++;
    }
    const expected = (SEEDS.length * 20) / 10;
    for (const count of tenths) expect(Math.abs(count - expected)).toBeLessThan(expected / 3);
  });

  test("stays a number after any number of failures, from a minMs of 0 as well", () => {
    for (const minMs of [0, 100]) {
      const backoff = new Backoff({ ...PLENTY, minMs }, new SeededRandom(1), 0);
      for (const delayMs of delays(backoff, 3000)) expect(delayMs).toBeLessThan(BACKOFF_DEFAULTS.maxMs);
    }
  });
});

describe("a connection", () => {
  test("that lasted for stableMs lets the limit start from minMs again", () => {
    const backoff = new Backoff({ ...PLENTY, minMs: 100, stableMs: 5000 }, new SeededRandom(1), 0);
    delays(backoff, 10);
    expect(backoff.failed(5000)).toBe(1);
    expect(backoff.delayMs(0)).toBeLessThan(100);
    expect(backoff.failed()).toBe(2);
  });

  test("that lasted for less counts as one more failure", () => {
    const backoff = new Backoff({ ...PLENTY, stableMs: 5000 }, new SeededRandom(1), 0);
    delays(backoff, 10);
    expect(backoff.failed(4999)).toBe(11);
  });
});

describe("the budget", () => {
  test("lets `attempts` follow each other at once, and then one each attemptMs", () => {
    const backoff = new Backoff({ minMs: 0, attempts: 3, attemptMs: 1000 }, new SeededRandom(1), 0);
    const seen = delays(backoff, 6);
    expect(seen.slice(0, 2)).toEqual([0, 0]);
    for (const delayMs of seen.slice(2)) expect(delayMs).toBeCloseTo(1000, 6);
  });

  test("is earned back with time, and never holds more than `attempts`", () => {
    const backoff = new Backoff({ minMs: 0, attempts: 3, attemptMs: 1000 }, new SeededRandom(1), 0);
    delays(backoff, 3);
    const later = delays(backoff, 4, 1_000_000);
    expect(later.map(Math.round)).toEqual([0, 0, 1000, 1000]);
  });

  test("is not overdrawn by an owner who insists: the next delay is attemptMs at most", () => {
    const backoff = new Backoff({ minMs: 0, attempts: 3, attemptMs: 1000 }, new SeededRandom(1), 0);
    for (let n = 0; n < 1000; n++) backoff.attempted(0);
    backoff.failed();
    expect(backoff.delayMs(0)).toBe(1000);
  });

  test("bounds the attempts of a minute, whatever the delays", () => {
    for (const seed of SEEDS.slice(0, 50)) {
      const random = new SeededRandom(seed);
      const [minMs, maxMs] = [random.integer(20), random.integer(200)];
      const backoff = new Backoff({ minMs, maxMs }, random, 0);
      const { attempts, attemptMs } = BACKOFF_DEFAULTS;
      let now = 0;
      let made = 0;
      for (; now < 60_000; made++) {
        backoff.attempted(now);
        backoff.failed();
        now += backoff.delayMs(now);
      }
      expect(made, `seed ${seed}`).toBeLessThanOrEqual(attempts + 60_000 / attemptMs);
      expect(made, `seed ${seed}`).toBeGreaterThan(60_000 / attemptMs / 2);
    }
  });
});

test("options that are not given are those of BACKOFF_DEFAULTS, which are frozen", () => {
  const backoff = new Backoff(undefined, { next: () => 0.5, bytes: (count) => new Uint8Array(count) }, 0);
  expect(delays(backoff, 9)).toEqual([50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800]);
  expect(delays(backoff, 1, 1_000_000)).toEqual([15_000]);
  expect(Object.isFrozen(BACKOFF_DEFAULTS)).toBe(true);
});

test.each(["minMs", "maxMs", "attempts", "attemptMs", "stableMs"])(
  "%s that is negative or not a number is refused",
  (name) => {
    for (const value of [-1, NaN, "soon"]) {
      const make = (): Backoff => new Backoff({ [name]: value }, new SeededRandom(1), 0);
      expect(make).toThrow(expect.objectContaining({ code: "option-invalid" }));
      expect(make).toThrow(`backoff.${name}`);
    }
  },
);

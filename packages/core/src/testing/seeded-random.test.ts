import { describe, expect, test } from "vitest";
import { SeededRandom } from "./seeded-random.js";

describe("SeededRandom", () => {
  test("one seed gives one sequence, another seed another", () => {
    const draw = (seed: number) => {
      const random = new SeededRandom(seed);
      return [random.next(), random.integer(1000), random.pick(["a", "b", "c"]), [...random.bytes(7)]];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  test("next() is in [0, 1) and integer() spreads evenly", () => {
    const random = new SeededRandom(1);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const number = random.next();
      if (number < 0 || number >= 1) throw new RangeError(`${number}`);
      const bucket = random.integer(10);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    expect(counts).toHaveLength(10);
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("pick() of nothing throws", () => {
    expect(() => new SeededRandom(1).pick([])).toThrow(RangeError);
  });
});

import { describe, expect, test } from "vitest";
import { SeededRandom } from "../testing/index.js";
import { Ring } from "./ring.js";

describe("Ring", () => {
  test("shift() and peek() give undefined while it is empty, before and after it was used", () => {
    const ring = new Ring<string>();
    expect([ring.peek(), ring.shift(), ring.length]).toEqual([undefined, undefined, 0]);
    ring.push("a");
    expect([ring.peek(), ring.length]).toEqual(["a", 1]);
    expect(ring.shift()).toBe("a");
    expect([ring.peek(), ring.shift(), ring.length]).toEqual([undefined, undefined, 0]);
  });

  test("keeps the order when it grows while its contents wrap around the end", () => {
    const ring = new Ring<number>();
    for (let i = 0; i < 8; i++) ring.push(i);
    for (let i = 0; i < 5; i++) ring.shift();
    for (let i = 8; i < 40; i++) ring.push(i);
    expect(ring.clear()).toEqual(Array.from({ length: 35 }, (_, i) => i + 5));
  });

  test("unshift() goes in front of all others, also when it is the one that makes it grow", () => {
    const ring = new Ring<number>();
    for (let i = 0; i < 20; i++) ring.unshift(i);
    ring.push(-1);
    expect(ring.clear()).toEqual([...Array.from({ length: 20 }, (_, i) => 19 - i), -1]);
  });

  test("clear() gives all items, undefined ones too, and leaves a queue that can be used again", () => {
    const ring = new Ring<number | undefined>();
    ring.push(1);
    ring.push(undefined);
    ring.push(3);
    expect(ring.clear()).toEqual([1, undefined, 3]);
    expect([ring.length, ring.peek(), ring.clear()]).toEqual([0, undefined, []]);
    ring.push(4);
    expect([ring.length, ring.shift()]).toEqual([1, 4]);
  });

  test.each([1, 2, 3, 4])("does as an array does over thousands of random steps (seed %i)", (seed) => {
    const random = new SeededRandom(seed);
    const ring = new Ring<number>();
    const model: number[] = [];
    let longest = 0;
    for (let step = 0; step < 5000; step++) {
      // Long stretches of mostly adding and mostly taking alternate, so that it grows, wraps and runs empty.
      const isFilling = step % 500 < 250;
      const chance = random.next();
      if (chance < 0.002) {
        expect(ring.clear()).toEqual(model.splice(0));
      } else if (chance < (isFilling ? 0.65 : 0.35)) {
        if (random.next() < 0.7) {
          ring.push(step);
          model.push(step);
        } else {
          ring.unshift(step);
          model.unshift(step);
        }
      } else {
        expect(ring.shift()).toBe(model.shift());
      }
      expect(ring.length).toBe(model.length);
      expect(ring.peek()).toBe(model[0]);
      longest = Math.max(longest, model.length);
    }
    expect(longest).toBeGreaterThan(32);
    expect(ring.clear()).toEqual(model);
  });
});

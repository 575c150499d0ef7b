import { describe, expect, test } from "vitest";
import { SeededRandom } from "../testing/index.js";
import { WaitingLine } from "./waiting-line.js";

describe("WaitingLine", () => {
  test("agrees with an array, whatever the order of push(), shift(), remove() and clear()", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed);
      const line = new WaitingLine<{ readonly ordinal: number }>();
      let model: { readonly ordinal: number }[] = [];
      for (let step = 0; step < 200; step++) {
        const choice = random.next();
        if (choice < 0.5) {
          const member = { ordinal: step };
          line.push(member);
          model.push(member);
        } else if (choice < 0.8) {
          agree(line.shift(), model.shift(), seed);
        } else if (choice < 0.99) {
          const member = model.length === 0 ? { ordinal: -1 } : random.pick(model);
          agree(line.remove(member), model.includes(member), seed);
          model = model.filter((other) => other !== member);
        } else {
          expect(line.clear()).toEqual(model);
          model = [];
        }
        agree(line.length, model.length, seed);
      }
      expect(line.clear()).toEqual(model);
    }
  });

  test("push() of one that stands in the line already leaves it in its place", () => {
    const line = new WaitingLine<object>();
    const [first, second] = [{}, {}];
    line.push(first);
    line.push(second);
    line.push(first);
    expect([line.shift(), line.shift(), line.shift()]).toEqual([first, second, undefined]);
  });
});

/** Like `expect(actual).toBe(expected)`, without its cost while they agree: it is asked a hundred thousand times. */
function agree<T>(actual: T, expected: T, seed: number): void {
  if (!Object.is(actual, expected)) expect(actual, `seed ${seed}`).toBe(expected);
}

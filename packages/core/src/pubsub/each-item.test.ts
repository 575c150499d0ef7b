import { expect, test } from "vitest";
import { eachItem } from "./each-item.js";

test("what comes after the end was asked for is not handed on", async () => {
  const life = new AbortController();
  let give = (_result: IteratorResult<number, undefined>): void => {};
  const items = { next: () => new Promise<IteratorResult<number, undefined>>((resolve) => (give = resolve)) };
  const taken: number[] = [];
  const over = eachItem(items, life.signal, (item) => void taken.push(item));
  give({ done: false, value: 1 });
  await Promise.resolve();
  await Promise.resolve();
  life.abort();
  give({ done: false, value: 2 });
  await over;
  expect(taken).toEqual([1]);
});

test("what is thrown while an item is taken is told, and nothing more is asked for", async () => {
  let asked = 0;
  const items = { next: () => Promise.resolve({ done: false as const, value: ++asked }) };
  const failing = eachItem(items, new AbortController().signal, () => {
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(asked).toBe(1);
});

// What a handler asks on its caller's behalf has the time that its caller still waits, and ends with it, over any number of
// hops. Nothing is passed but the context.

import { expect, test } from "vitest";
import { call, defineService, spawn, stream } from "../actor/index.js";
import { peers } from "../testing/index.js";
import { ServiceMap } from "./index.js";

const Front = defineService("front", { ask: call<number | undefined, number>(), list: stream<void, number>() });
const Back = defineService("back", { ask: call<void, number>(), list: stream<void, number>() });

test("a call made within a handler inherits what is left, and is cancelled with it", async () => {
  const seen: number[] = [];
  const reasons: string[] = [];
  const back = new ServiceMap().add(Back, {
    ask: (_, { remainingMs, signal }) => {
      seen.push(remainingMs);
      return new Promise<number>((resolve) =>
        signal.addEventListener("abort", () => {
          reasons.push((signal.reason as { code: string }).code);
          resolve(0);
        }),
      );
    },
    async *list(_, { remainingMs, signal }) {
      seen.push(remainingMs);
      yield 1;
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reasons.push((signal.reason as { code: string }).code);
    },
  });
  const front = new ServiceMap().add(Front, {
    ask: (timeoutMs, context) =>
      context.peer.address(Back).call("ask", undefined, { context, ...(timeoutMs === undefined ? {} : { timeoutMs }) }),
    list: (_, context) => context.peer.address(Back).stream("list", undefined, { context }),
  });
  await using harness = await peers({ left: { services: back }, right: { services: front } });
  const address = harness.left.address(Front);

  const late = expect(address.call("ask", undefined, { timeoutMs: 1000 })).rejects.toMatchObject({ code: "timeout" });
  await harness.advance(1000);
  await late;
  const shorter = expect(address.call("ask", 300, { timeoutMs: 1000 })).rejects.toMatchObject({ code: "timeout" });
  await harness.advance(300);
  await shorter;
  expect(seen).toEqual([1000, 300]);
  expect(reasons).toEqual(["timeout", "timeout"]);

  const controller = new AbortController();
  const cancelled = expect(address.call("ask", undefined, { signal: controller.signal })).rejects.toMatchObject({
    code: "cancelled",
  });
  await harness.flush();
  controller.abort();
  await cancelled;
  await harness.flush();
  expect(reasons).toEqual(["timeout", "timeout", "cancelled"]);

  const items = address.stream("list", undefined, { timeoutMs: 500 });
  expect((await items.next()).value).toBe(1);
  expect(seen.at(-1)).toBe(500);
  const over = expect(items.next()).rejects.toMatchObject({ code: "timeout" });
  await harness.advance(500);
  await over;
  await harness.advance(1000);
});

test("so does one that an actor makes of another", async () => {
  await using slow = spawn(Back, () => ({ ask: (_, { remainingMs }) => remainingMs, list: () => [] }));
  await using fast = spawn(Front, () => ({
    ask: (timeoutMs, context) =>
      slow.call("ask", undefined, { context, ...(timeoutMs === undefined ? {} : { timeoutMs }) }),
    list: () => [],
  }));
  expect(await fast.call("ask", undefined, { timeoutMs: 200 })).toBeLessThanOrEqual(200);
  expect(await fast.call("ask", 50, { timeoutMs: 200 })).toBeLessThanOrEqual(50);
});

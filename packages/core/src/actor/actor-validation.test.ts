// Schemas in front of the handlers and behind them.

import { describe, expect, test } from "vitest";
import { oneShot } from "../base/index.js";
import { VirtualClock } from "../testing/index.js";
import type { ActorEvent } from "./actor.js";
import type { Schema } from "./schema.js";
import { call, defineService, send } from "./service.js";
import { spawn } from "./spawn.js";

/** Takes decimal text and gives the number; refuses all else. */
const DECIMAL: Schema<string, number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) =>
      typeof value === "string" && /^\d+$/.test(value)
        ? { value: Number(value) }
        : { issues: [{ message: "not a decimal", path: ["value"] }] },
  },
};
/** The same, later. */
const DECIMAL_LATER: Schema<string, number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: async (value) => DECIMAL["~standard"].validate(value),
  },
};

const Parser = defineService("parser", {
  now: call({ input: DECIMAL, output: DECIMAL }),
  later: call({ input: DECIMAL_LATER, output: DECIMAL_LATER }),
  note: send(DECIMAL),
});

function spawnParser(handled: number[], answer: (n: number) => string | Promise<string>, clock = new VirtualClock()) {
  const handle = (n: number) => {
    handled.push(n);
    return answer(n);
  };
  return spawn(Parser, () => ({ now: handle, later: handle, note: (n) => void handled.push(n) }), {
    clock,
    restart: { max: 0, withinMs: 1 },
  });
}

describe.each(["now", "later"] as const)("a service with schemas, validated %s", (name) => {
  test("the handler receives what the input schema gives, the caller what the output schema gives", async () => {
    const handled: number[] = [];
    await using parser = spawnParser(handled, (n) => `${n + 1}`);
    expect(await parser.call(name, "41")).toBe(42);
    expect(handled).toEqual([41]);
  });

  test("an asynchronous handler likewise", async () => {
    await using parser = spawnParser([], async (n) => `${n + 1}`);
    expect(await parser.call(name, "41")).toBe(42);
  });

  test("a refused input rejects with input-invalid and does not reach the handler, and is no crash", async () => {
    const handled: number[] = [];
    await using parser = spawnParser(handled, String);
    await expect(parser.call(name, "four")).rejects.toMatchObject({
      code: "input-invalid",
      message: "value: not a decimal",
      data: { issues: [{ path: ["value"], message: "not a decimal" }] },
    });
    expect(handled).toEqual([]);
    expect(await parser.call(name, "4")).toBe(4);
  });

  test("a refused output rejects with output-invalid, and is no crash", async () => {
    await using parser = spawnParser([], (n) => (n === 1 ? "one" : `${n}`));
    await expect(parser.call(name, "1")).rejects.toMatchObject({
      code: "output-invalid",
      message: "value: not a decimal",
    });
    expect(await parser.call(name, "2")).toBe(2);
  });
});

test("a refused input of a send is an event, since nobody waits", async () => {
  const handled: number[] = [];
  const events: ActorEvent[] = [];
  const parser = spawnParser(handled, String);
  parser.on("refused", (event) => events.push(event));
  await parser.send("note", "four");
  await parser.send("note", "4");
  await parser.close();
  expect(events).toMatchObject([{ type: "refused", message: "note", error: { code: "input-invalid" } }]);
  expect(handled).toEqual([4]);
});

test("a call that times out while its input is being checked does not reach the handler", async () => {
  const gate = oneShot<void>();
  const clock = new VirtualClock();
  const handled: number[] = [];
  const SLOWLY: Schema<number, number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => gate.promise.then(() => ({ value: value as number })),
    },
  };
  const Slow = defineService("slow", { ask: call({ input: SLOWLY, output: SLOWLY }), after: call<number, number>() });
  const handle = (n: number): number => {
    handled.push(n);
    return n;
  };
  const slow = spawn(Slow, () => ({ ask: handle, after: handle }), { clock });
  const asked = expect(slow.call("ask", 1, { timeoutMs: 10 })).rejects.toMatchObject({
    code: "timeout",
    maybeExecuted: false,
  });
  await clock.advance(10);
  await asked;
  gate.resolve();
  expect(await slow.call("after", 2)).toBe(2);
  expect(handled).toEqual([2]);
  await slow.close();
});

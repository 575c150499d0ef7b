// Calls to an actor in the same process, one after the other. xstate has no message with an answer.

import { setImmediate as turn } from "node:timers/promises";
import type { Effort, LocalBenchmark, Measures } from "../benchmark.js";
import { perSecond } from "../load.js";

const CALLS_PER_TURN = 10_000;

export const actorCalls: LocalBenchmark = {
  name: "actor-calls",
  title: "calls to an actor in this process, one at a time",
  place: "local",
  metrics: [{ name: "rate", unit: "calls/s", better: "more" }],
  subjects: { troupe, "plain function": plainFunction },
};

async function troupe(effort: Effort): Promise<Measures> {
  const { call, defineService, spawn } = await import("@troupe/core");
  const Counter = defineService("counter", { add: call<number, number>() });
  let total = 0;
  const counter = spawn(Counter, () => ({ add: (k: number) => (total += k) }));
  return { rate: await rateOf((k) => counter.call("add", k), effort) };
}

async function plainFunction(effort: Effort): Promise<Measures> {
  let total = 0;
  return { rate: await rateOf(async (k) => (total += k), effort) };
}

async function rateOf(add: (k: number) => Promise<number>, effort: Effort): Promise<number> {
  const callFor = async (durationMs: number): Promise<number> => {
    const start = performance.now();
    let count = 0;
    let first = 0;
    while (performance.now() - start < durationMs) {
      for (let i = 0; i < CALLS_PER_TURN; i++) {
        const total = await add(1);
        if (count === 0 && i === 0) first = total;
        else if (total !== first + count + i) throw new Error(`an answer was ${total}`);
      }
      count += CALLS_PER_TURN;
      await turn();
    }
    return count;
  };
  await callFor(effort.warmUpMs);
  const start = performance.now();
  const count = await callFor(effort.measureMs);
  return perSecond(count, performance.now() - start);
}

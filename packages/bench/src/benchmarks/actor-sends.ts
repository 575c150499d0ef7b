// Messages to an actor in the same process, until it has handled every one. Each subject is loaded when it is measured.

import { setImmediate as turn } from "node:timers/promises";
import type { Effort, LocalBenchmark, Measures } from "../benchmark.js";
import { perSecond } from "../load.js";

const SENDS_PER_TURN = 100_000;

export const actorSends: LocalBenchmark = {
  name: "actor-sends",
  title: "messages to an actor in this process",
  place: "local",
  metrics: [{ name: "rate", unit: "sends/s", better: "more" }],
  subjects: { troupe, "xstate fromTransition": xstate, "plain function": plainFunction },
};

async function troupe(effort: Effort): Promise<Measures> {
  const { call, defineService, send, spawn } = await import("@troupe/core");
  const Counter = defineService("counter", { add: send<number>(), total: call<void, number>() });
  let total = 0;
  const counter = spawn(Counter, () => ({ add: (k: number) => void (total += k), total: () => total }));
  const burst = async (): Promise<void> => {
    for (let i = 0; i < SENDS_PER_TURN; i++) await counter.send("add", 1);
  };
  return { rate: await rateOf(burst, () => counter.call("total"), effort) };
}

async function xstate(effort: Effort): Promise<Measures> {
  const { createActor, fromTransition } = await import("xstate");
  const counter = createActor(fromTransition((total: number, event: { type: "add"; k: number }) => total + event.k, 0));
  counter.start();
  const burst = async (): Promise<void> => {
    for (let i = 0; i < SENDS_PER_TURN; i++) counter.send({ type: "add", k: 1 });
  };
  return { rate: await rateOf(burst, async () => counter.getSnapshot().context, effort) };
}

async function plainFunction(effort: Effort): Promise<Measures> {
  let total = 0;
  const add = (k: number): void => void (total += k);
  const burst = async (): Promise<void> => {
    for (let i = 0; i < SENDS_PER_TURN; i++) add(1);
  };
  return { rate: await rateOf(burst, async () => total, effort) };
}

async function rateOf(burst: () => Promise<void>, total: () => Promise<number>, effort: Effort): Promise<number> {
  const sendFor = async (durationMs: number): Promise<number> => {
    const before = await total();
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < durationMs) {
      await burst();
      count += SENDS_PER_TURN;
      await turn();
    }
    const handled = (await total()) - before;
    if (handled !== count) throw new Error(`${count} were sent, ${handled} were handled`);
    return count;
  };
  await sendFor(effort.warmUpMs);
  const start = performance.now();
  const count = await sendFor(effort.measureMs);
  return perSecond(count, performance.now() - start);
}

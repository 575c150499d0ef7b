// Values for a thousand subscribers, each with a TCP connection of its own, in another thread; and what the others notice of
// one that does not read.

import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { Broadcast, defineService, ServiceMap, stream } from "@troupe/core";
import { connect, listen } from "@troupe/node";
import type { Effort, LocalBenchmark, Measures } from "../benchmark.js";
import { perSecond } from "../load.js";
import { PAYLOAD, type Payload } from "../payload.js";

const SUBSCRIBERS = 1000;
/** Published in one turn of the event loop. */
const BURST = 128;
/** How far subscribers are behind on average before the producer waits. */
const AHEAD_MAX = 512;
/** How many values may wait for one of them: more than that, so that nobody is dropped for being behind the others. */
const CAPACITY = 8192;
const LAST_MS_MAX = 5000;

const News = defineService("news", { all: stream<void, Payload>() });

export const broadcast: LocalBenchmark = {
  name: "broadcast",
  title: `values for ${SUBSCRIBERS} subscribers, each over a connection of its own`,
  place: "local",
  hasThreads: true,
  metrics: [
    { name: "rate", unit: "deliveries/s", better: "more" },
    { name: "with one stopped", unit: "of the rate without", better: "more" },
  ],
  subjects: { "troupe broadcast": measure },
};

async function measure(effort: Effort): Promise<Measures> {
  const news = new Broadcast<Payload>({ capacity: CAPACITY });
  const services = new ServiceMap().add(News, { all: () => news.subscribe() });
  const listener = await listen("tcp://127.0.0.1:0", { services });
  const received = new SharedArrayBuffer(8);
  const workerData = { endpoint: listener.endpoint, count: SUBSCRIBERS, received };
  const thread = new Worker(new URL("../subjects/subscriber-thread.js", import.meta.url), { workerData });
  while (news.subscribers < SUBSCRIBERS) await turn();
  const counted = new BigInt64Array(received);
  const rateFor = async (forMs: number): Promise<number> => {
    const before = Number(Atomics.load(counted, 0));
    let published = 0;
    const start = performance.now();
    while (performance.now() - start < forMs) {
      for (let i = 0; i < BURST; i++) news.publish(PAYLOAD);
      published += BURST;
      // A producer that does not wait would only measure how fast values are dropped.
      const waitsFrom = performance.now();
      while (published - (Number(Atomics.load(counted, 0)) - before) / SUBSCRIBERS > AHEAD_MAX) {
        if (performance.now() - waitsFrom > LAST_MS_MAX)
          throw new Error(`${news.subscribers} subscribers take nothing`);
        await turn();
      }
      await turn();
    }
    const lastAt = performance.now();
    const delivered = (): number => Number(Atomics.load(counted, 0)) - before;
    while (delivered() < published * SUBSCRIBERS && performance.now() - lastAt < LAST_MS_MAX) await turn();
    return perSecond(delivered(), performance.now() - start);
  };
  await rateFor(effort.warmUpMs);
  const rate = await rateFor(effort.measureMs * 2);
  const stopped = await connect(listener.endpoint, { limits: { streamItems: 1 } });
  void stopped.address(News).stream("all").next();
  while (news.subscribers <= SUBSCRIBERS) await turn();
  const besides = await rateFor(effort.measureMs * 2);
  stopped.abort();
  await thread.terminate();
  await listener.abort();
  return { rate, "with one stopped": besides / rate };
}

// A small call at a time, first alone and then while 64 KiB items of a stream fill the same connection.

import type { ConnectionBenchmark } from "../benchmark.js";
import { PAYLOAD } from "../payload.js";
import { percentile } from "../statistics.js";
import type { Client } from "../subject.js";

/** 256 MiB. */
const BLOCKS = 4096;

export const callDuringTransfer: ConnectionBenchmark = {
  name: "call-during-transfer",
  title: "a small call during a transfer of 256 MiB",
  place: "connection",
  metrics: [
    { name: "ratio of p99", unit: "×", better: "less" },
    { name: "p99 alone", unit: "µs", better: "less" },
    { name: "p99 during", unit: "µs", better: "less" },
  ],
  suits: (client) => client.stall !== undefined && client.blocks !== undefined,
  async measure(client, effort) {
    await latencies(client, effort.warmUpMs, () => false);
    const alone = percentile(await latencies(client, effort.measureMs, () => false), 0.99);
    let isOver = false;
    const transfer = client.blocks?.(BLOCKS).then(() => (isOver = true));
    const during = percentile(await latencies(client, Infinity, () => isOver), 0.99);
    await transfer;
    return { "ratio of p99": during / alone, "p99 alone": alone, "p99 during": during };
  },
};

async function latencies(client: Client, forMs: number, isOver: () => boolean): Promise<number[]> {
  const found: number[] = [];
  const start = performance.now();
  for (let now = start; now - start < forMs && !isOver();) {
    const before = now;
    await client.call(PAYLOAD);
    now = performance.now();
    found.push((now - before) * 1000);
  }
  return found;
}

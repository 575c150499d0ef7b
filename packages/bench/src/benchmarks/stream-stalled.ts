// A consumer takes one item of 64 KiB and then stands still, while the producer would go on for ever: how many items the
// producer gets rid of. `--stall SECONDS` says for how long; a minute shows that nothing creeps.

import { setTimeout as delay } from "node:timers/promises";
import type { ConnectionBenchmark } from "../benchmark.js";

const MIB = 1024 * 1024;

export const streamStalled: ConnectionBenchmark = {
  name: "stream-stalled",
  title: "a stream whose consumer stands still",
  place: "connection",
  metrics: [
    { name: "ahead", unit: "items", better: "less" },
    { name: "client growth", unit: "MiB", better: "less" },
  ],
  suits: (client) => client.stall !== undefined,
  async measure(client, effort) {
    const stall = await client.stall?.();
    if (stall === undefined) throw new Error("nothing to stall");
    const memory = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
    const before = memory();
    await delay(effort.stallMs);
    const ahead = (await stall.made()) - 1;
    globalThis.gc?.();
    const growth = Math.max(0, memory() - before) / MIB;
    await stall.end();
    return { ahead, "client growth": growth };
  },
};

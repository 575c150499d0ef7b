// What an open connection costs while nothing happens on it, at each end. Every connection has answered one call, so
// that what is made on first use is there. The young generation of the heap has its full size from the beginning: it
// grows once in a process, whatever that does, and would be counted as 15 KiB for each connection otherwise.

import type { Effort, Measures, ProcessBenchmark } from "../benchmark.js";
import type { Measured, Memory } from "../measured.js";

/** Opened first and kept, so that what the first connections cost once is not counted. */
const BASELINE_COUNT = 50;

export const idleMemory: ProcessBenchmark = {
  name: "idle-memory",
  title: "memory per idle connection",
  place: "processes",
  nodeOptions: ["--min-semi-space-size=16"],
  metrics: [
    { name: "server RSS", unit: "KiB", better: "less" },
    { name: "client RSS", unit: "KiB", better: "less" },
    { name: "server heap", unit: "KiB", better: "less" },
    { name: "client heap", unit: "KiB", better: "less" },
  ],
  async measure(server: Measured, client: Measured, { connectionCount }: Effort): Promise<Measures> {
    await client.ask({ ask: "open", count: BASELINE_COUNT });
    const serverBefore = await server.ask({ ask: "memory" });
    const clientBefore = await client.ask({ ask: "memory" });
    await client.ask({ ask: "open", count: connectionCount });
    const serverAfter = await server.ask({ ask: "memory" });
    const clientAfter = await client.ask({ ask: "memory" });
    const each = (before: Memory, after: Memory, kind: keyof Memory): number =>
      (after[kind] - before[kind]) / connectionCount / 1024;
    return {
      "server RSS": each(serverBefore, serverAfter, "rssBytes"),
      "client RSS": each(clientBefore, clientAfter, "rssBytes"),
      "server heap": each(serverBefore, serverAfter, "heapBytes"),
      "client heap": each(clientBefore, clientAfter, "heapBytes"),
    };
  },
};

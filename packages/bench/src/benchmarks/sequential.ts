// The time of one call when nothing else is on the way.

import type { ConnectionBenchmark } from "../benchmark.js";
import { perSecond } from "../load.js";
import { checkPayload, PAYLOAD } from "../payload.js";
import { median, percentile } from "../statistics.js";

export const sequential: ConnectionBenchmark = {
  name: "sequential",
  title: "one call at a time",
  place: "connection",
  metrics: [
    { name: "median", unit: "µs", better: "less" },
    { name: "p99", unit: "µs", better: "less" },
    { name: "rate", unit: "calls/s", better: "more" },
  ],
  suits: () => true,
  async measure(client, effort) {
    checkPayload(await client.call(PAYLOAD));
    for (const start = performance.now(); performance.now() - start < effort.warmUpMs;) await client.call(PAYLOAD);

    const latenciesUs: number[] = [];
    const start = performance.now();
    let now = start;
    while (now - start < effort.measureMs) {
      const before = now;
      await client.call(PAYLOAD);
      now = performance.now();
      latenciesUs.push((now - before) * 1000);
    }
    return {
      median: median(latenciesUs),
      p99: percentile(latenciesUs, 0.99),
      rate: perSecond(latenciesUs.length, now - start),
    };
  },
};

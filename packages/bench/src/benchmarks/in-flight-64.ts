// 64 calls in flight on one connection.

import type { ConnectionBenchmark } from "../benchmark.js";
import { loopsPerSecond } from "../load.js";
import { checkPayload, PAYLOAD } from "../payload.js";

export const inFlight64: ConnectionBenchmark = {
  name: "in-flight-64",
  title: "64 calls in flight",
  place: "connection",
  metrics: [{ name: "rate", unit: "calls/s", better: "more" }],
  suits: () => true,
  async measure(client, effort) {
    checkPayload(await client.call(PAYLOAD));
    return { rate: await loopsPerSecond(64, () => client.call(PAYLOAD), effort) };
  },
};

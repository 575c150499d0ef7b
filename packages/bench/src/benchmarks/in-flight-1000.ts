// 1,000 calls in flight on one connection.

import type { ConnectionBenchmark } from "../benchmark.js";
import { loopsPerSecond } from "../load.js";
import { checkPayload, PAYLOAD } from "../payload.js";

export const inFlight1000: ConnectionBenchmark = {
  name: "in-flight-1000",
  title: "1,000 calls in flight",
  place: "connection",
  metrics: [{ name: "rate", unit: "calls/s", better: "more" }],
  suits: () => true,
  async measure(client, effort) {
    checkPayload(await client.call(PAYLOAD));
    return { rate: await loopsPerSecond(1000, () => client.call(PAYLOAD), effort) };
  },
};

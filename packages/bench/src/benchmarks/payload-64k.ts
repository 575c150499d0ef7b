// Large byte arrays, there and back.

import type { ConnectionBenchmark } from "../benchmark.js";
import { loopsPerSecond } from "../load.js";
import { BYTES_LENGTH, checkBytes, largeBytes } from "../payload.js";

export const payload64k: ConnectionBenchmark = {
  name: "payload-64k",
  title: "echo of 64 KiB, 8 in flight",
  place: "connection",
  metrics: [
    { name: "rate", unit: "echoes/s", better: "more" },
    { name: "throughput", unit: "MB/s", better: "more" },
  ],
  suits: () => true,
  async measure(client, effort) {
    const bytes = largeBytes();
    checkBytes(await client.echoBytes(bytes), bytes);
    const echo = async (): Promise<void> => {
      const { length } = await client.echoBytes(bytes);
      if (length !== BYTES_LENGTH) throw new Error(`${length} bytes came back`);
    };
    const rate = await loopsPerSecond(8, echo, effort);
    return { rate, throughput: (rate * BYTES_LENGTH) / 1e6 };
  },
};

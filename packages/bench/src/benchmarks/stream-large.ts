// Items of 64 KiB of one stream, from the server to the client: 1 GiB where that is a matter of seconds.

import type { ConnectionBenchmark } from "../benchmark.js";
import { BYTES_LENGTH } from "../payload.js";
import type { Client } from "../subject.js";

const WARM_UP_BLOCKS = 200;
const BLOCKS = (1024 * 1024 * 1024) / BYTES_LENGTH;
const MEGABYTE = 1_000_000;

export const streamLarge: ConnectionBenchmark = {
  name: "stream-large",
  title: "one stream of 64 KiB items",
  place: "connection",
  metrics: [{ name: "throughput", unit: "MB/s", better: "more" }],
  suits: (client) => client.blocks !== undefined,
  async measure(client, effort) {
    await take(client, WARM_UP_BLOCKS);
    const first = await take(client, WARM_UP_BLOCKS);
    const wanted = Math.round((first * MEGABYTE * effort.measureMs * 3) / 1000 / BYTES_LENGTH);
    return { throughput: await take(client, Math.min(BLOCKS, Math.max(WARM_UP_BLOCKS, wanted))) };
  },
};

async function take(client: Client, count: number): Promise<number> {
  const start = performance.now();
  const bytes = (await client.blocks?.(count)) ?? 0;
  if (bytes !== count * BYTES_LENGTH) throw new Error(`${bytes} bytes came instead of ${count * BYTES_LENGTH}`);
  return bytes / MEGABYTE / ((performance.now() - start) / 1000);
}

// Small items of one stream, from the server to the client, taken one after the other.

import type { ConnectionBenchmark } from "../benchmark.js";
import { perSecond } from "../load.js";
import type { Client } from "../subject.js";

const WARM_UP_ITEMS = 10_000;
const ITEMS = 1_000_000;
/** For a run that is only to show that it works, and for subjects that are slow. */
const ITEMS_FIRST = 20_000;

export const streamSmall: ConnectionBenchmark = {
  name: "stream-small",
  title: "one stream of small items",
  place: "connection",
  metrics: [{ name: "rate", unit: "items/s", better: "more" }],
  suits: (client) => client.items !== undefined,
  async measure(client, effort) {
    await take(client, WARM_UP_ITEMS);
    const first = await take(client, ITEMS_FIRST);
    // As many as the time is for, at most a million.
    const count = Math.min(ITEMS, Math.max(ITEMS_FIRST, Math.round((first * effort.measureMs * 3) / 1000)));
    return { rate: await take(client, count) };
  },
};

async function take(client: Client, count: number): Promise<number> {
  const start = performance.now();
  const came = (await client.items?.(count)) ?? 0;
  if (came !== count) throw new Error(`${came} items came instead of ${count}`);
  return perSecond(count, performance.now() - start);
}

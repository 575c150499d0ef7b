// Messages without an answer, until the receiver has confirmed that it decoded and counted every one.

import { setImmediate as turn } from "node:timers/promises";
import type { ConnectionBenchmark } from "../benchmark.js";
import { perSecond } from "../load.js";
import { PAYLOAD } from "../payload.js";
import type { Client } from "../subject.js";

/** The sender lets the event loop go round this often, as a program that does more than sending would. */
const SENDS_PER_TURN = 512;
const CONFIRM_TIMEOUT_MS = 30_000;

export const sends: ConnectionBenchmark = {
  name: "sends",
  title: "one-way messages, counted at the receiver",
  place: "connection",
  metrics: [{ name: "rate", unit: "sends/s", better: "more" }],
  suits: (client) => client.send !== undefined && client.received !== undefined,
  async measure(client, effort) {
    await sendFor(client, effort.warmUpMs);
    const start = performance.now();
    const count = await sendFor(client, effort.measureMs);
    return { rate: perSecond(count, performance.now() - start) };
  },
};

/** Sends for `durationMs`, then waits until all has arrived; returns how many that were. */
async function sendFor(client: Client, durationMs: number): Promise<number> {
  const before = (await client.received?.()) ?? 0;
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < durationMs) {
    for (let i = 0; i < SENDS_PER_TURN; i++) {
      const room = client.send?.(PAYLOAD);
      if (room !== undefined) await room;
    }
    count += SENDS_PER_TURN;
    await turn();
  }
  const lastSent = performance.now();
  for (;;) {
    const received = ((await client.received?.()) ?? 0) - before;
    if (received === count) return count;
    if (received > count || performance.now() - lastSent > CONFIRM_TIMEOUT_MS) {
      throw new Error(`${count} were sent, ${received} were received`);
    }
  }
}

// A thread full of subscribers: each with a connection of its own, counting what it gets.

import { parentPort, workerData } from "node:worker_threads";
import { defineService, stream } from "@troupe/core";
import { connect } from "@troupe/node";
import type { Payload } from "../payload.js";

const News = defineService("news", { all: stream<void, Payload>() });

const { endpoint, count } = workerData as { endpoint: string; count: number };
const received = new BigInt64Array((workerData as { received: SharedArrayBuffer }).received);

const subscribe = async (): Promise<void> => {
  const peer = await connect(endpoint);
  const count = async (): Promise<void> => {
    for await (const _ of peer.address(News).stream("all")) Atomics.add(received, 0, 1n);
  };
  void count();
};
for (let i = 0; i < count; i++) await subscribe();
parentPort?.on("message", () => process.exit());

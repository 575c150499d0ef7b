// A mesh beside a program that puts a length ahead of each message itself; and what one connection that is stuck does to
// ninety-nine others.

import { tcp } from "@troupe/node";
import { Full, Mesh } from "@troupe/core/network";
import { setImmediate as turn } from "node:timers/promises";
import type { ConnectionBenchmark, Effort, LocalBenchmark, Measures } from "../benchmark.js";
import { perSecond } from "../load.js";
import { sends } from "./sends.js";
import { sequential } from "./sequential.js";

const SUBJECTS = ["bare net", "troupe mesh"];

export const meshRoundTrip: ConnectionBenchmark = {
  ...sequential,
  name: "mesh-round-trip",
  title: "a message and its echo, one at a time, through a mesh",
  subjects: SUBJECTS,
};

export const meshMessages: ConnectionBenchmark = {
  ...sends,
  name: "mesh-messages",
  title: "messages one way, through a mesh",
  subjects: SUBJECTS,
};

const CONNECTIONS = 100;

export const meshStuck: LocalBenchmark = {
  name: "mesh-stuck",
  title: "99 of 100 connections of a mesh, while the other one is stuck",
  place: "local",
  metrics: [
    { name: "ratio", unit: "of the rate without", better: "more" },
    { name: "rate", unit: "messages/s", better: "more" },
  ],
  subjects: { "one stuck": stuck },
};

/** The rate of the others without and with one that does not read. */
async function stuck(effort: Effort): Promise<Measures> {
  const server = new Mesh();
  const listener = await tcp().listen("tcp://127.0.0.1:0", (connection) => void server.add(connection));
  const client = new Mesh();
  const add = async (): Promise<string> => client.add(await tcp().connect(listener.endpoint));
  await Promise.all(Array.from({ length: CONNECTIONS - 1 }, add));
  while (server.ids.length < CONNECTIONS - 1) await turn();
  const others = server.ids;
  await rateOf(server, client, others, effort.warmUpMs);
  const free = await rateOf(server, client, others, effort.measureMs);

  const blocked = await tcp().connect(listener.endpoint);
  blocked.pause();
  blocked.open({ received: () => {}, drained: () => {}, ended: () => {}, closed: () => {} });
  while (server.ids.length < CONNECTIONS) await turn();
  const stuckId = server.ids.find((id) => !others.includes(id)) as string;
  const rate = await rateOf(server, client, [...others, stuckId], effort.measureMs);
  blocked.abort();
  await Promise.all([client.close(), server.close(), listener.close()]);
  return { ratio: rate / free, rate };
}

async function rateOf(from: Mesh, to: Mesh, ids: readonly string[], forMs: number): Promise<number> {
  const payload = new Uint8Array(100);
  const { incoming } = to;
  let received = 0;
  let isOver = false;
  const read = async (): Promise<void> => {
    while (!isOver || incoming.length > 0) {
      await to.recv({ timeoutMs: 100 }).then(
        () => received++,
        () => {},
      );
    }
  };
  const reading = read();
  const start = performance.now();
  while (performance.now() - start < forMs) {
    for (const id of ids) {
      for (let i = 0; i < 16; i++) {
        try {
          from.send({ id, payload });
        } catch (error) {
          if (error instanceof Full) break;
          throw error;
        }
      }
    }
    await turn();
  }
  const rate = perSecond(received, performance.now() - start);
  isOver = true;
  await reading;
  return rate;
}

// What an open WebSocket costs the server while nothing happens on it, with five thousand of them.

import type { ProcessBenchmark } from "../benchmark.js";
import { idleMemory } from "./idle-memory.js";

const CONNECTIONS_FACTOR = 2.5;

export const idleWebSockets: ProcessBenchmark = {
  ...idleMemory,
  name: "idle-web-sockets",
  title: "memory per idle WebSocket",
  subjects: ["troupe ws", "birpc"],
  measure: (server, client, effort) =>
    idleMemory.measure(server, client, { ...effort, connectionCount: effort.connectionCount * CONNECTIONS_FACTOR }),
};

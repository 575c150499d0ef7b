// Troupe over TCP with one relay on the way, which has a process and a thread of its own.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { ServiceMap } from "@troupe/core";
import { Relay } from "@troupe/core/network";
import { connect, listen } from "@troupe/node";
import type { Subject } from "../subject.js";
import { echoClient } from "./troupe.js";

export const relay: Subject = {
  async server() {
    const thread = new Worker(new URL("./provider-thread.js", import.meta.url));
    const [endpoint] = (await once(thread, "message")) as [string];
    const upstream = await connect(endpoint);
    const listener = await listen("tcp://127.0.0.1:0", { services: new ServiceMap().relay(new Relay(upstream)) });
    return {
      endpoint: listener.endpoint,
      async stop() {
        await listener.close();
        await upstream.close();
        await thread.terminate();
      },
    };
  },
  client: async (endpoint) => echoClient(await connect(endpoint)),
};

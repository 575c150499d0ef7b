// The server process: provides the workshop on the endpoint that it is told to, and ends when the stage is gone or when it
// is asked to.

import { setTimeout as sleep } from "node:timers/promises";
import { type PeerError, RemoteError, Semaphore, ServiceMap } from "@troupe/core";
import { connect, listen } from "@troupe/node";
import { AHEAD_MAX, Stage, Visitor, Workshop } from "./contract.js";

const [stageEndpoint = "", endpoint = ""] = process.argv.slice(2);

const stagePeer = await connect(stageEndpoint, { name: "server" });
const stage = stagePeer.address(Stage);
const note = (line: string): Promise<void> => stage.call("note", { who: "server", line });

let packed = 0;
let furthestAhead = 0;
const givenUp: string[] = [];
const packers = new Semaphore(4);
const oven: (() => void)[] = [];

const services = new ServiceMap().add(Workshop, {
  add: ({ a, b }) => a + b,

  async greet(_, { peer }) {
    const name = await peer.address(Visitor).call("name");
    return `welcome, ${name}`;
  },

  divide({ a, b }) {
    if (b === 0) throw new RemoteError("division-by-zero", `${a} cannot be divided by 0`, { a, b });
    return a / b;
  },

  async bake(what, { signal }) {
    await new Promise<void>((resolve) => {
      oven.push(resolve);
      // Aborted when the caller cancels, when its deadline passes, and when its connection is lost.
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    if (!signal.aborted) return `${what}, baked`;
    const reason = signal.reason as PeerError;
    await note(`stops baking the ${what}: ${reason.message}`);
    givenUp.push(reason.code);
    throw reason;
  },

  open() {
    for (const takeOut of oven.splice(0)) takeOut();
  },

  async pack(number) {
    furthestAhead = Math.max(furthestAhead, number - packed);
    await packers.acquire();
    try {
      await sleep(4);
      packed++;
    } finally {
      packers.release();
    }
  },

  report: () => ({ pid: process.pid, packed, furthestAhead, givenUp }),
});

const listener = await listen(endpoint, { services, name: "workshop", limits: { sendsMax: AHEAD_MAX } });
await note(`process ${process.pid} listens on ${listener.endpoint}`);
await stage.send("listening", listener.endpoint);

// Ctrl-C, and the way in which others ask a process to end. A second one ends it at once, because of `once`.
const asked = new Promise<void>((resolve) => {
  process.once("SIGINT", () => resolve());
  process.once("SIGTERM", () => resolve());
});
// No process of the demo outlives the one that began it.
await Promise.race([stage.watch(), asked]);
// Calls that run may be answered for so long. When nothing is open any more, the process ends by itself.
await listener.close({ graceMs: 1000 });
await stagePeer.close();

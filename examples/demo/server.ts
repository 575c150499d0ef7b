// The server process: provides the workshop on the endpoint that it is told to, and ends when the stage is gone.

import { setTimeout as sleep } from "node:timers/promises";
import { type PeerError, RemoteError, Semaphore, ServiceMap } from "@troupe/core";
import { connect, listen } from "@troupe/node";
import { AHEAD_MAX, Stage, Visitor, Workshop } from "./contract.js";

const [stageEndpoint = "", endpoint = ""] = process.argv.slice(2);

const stagePeer = await connect(stageEndpoint, { name: "server" });
const stage = stagePeer.address(Stage);
const note = (line: string): boolean => stage.trySend("note", { who: "server", line });

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
    await new Promise<void>((resolve, reject) => {
      oven.push(resolve);
      // Aborted when the caller cancels, when its deadline passes, and when its connection is lost.
      const stop = (): void => {
        const reason = signal.reason as PeerError;
        givenUp.push(reason.code);
        note(`stops baking the ${what}: ${reason.message}`);
        reject(reason);
      };
      signal.addEventListener("abort", stop, { once: true });
    });
    return `${what}, baked`;
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
note(`process ${process.pid} listens on ${listener.endpoint}`);
await stage.send("listening", listener.endpoint);

// No process of the demo outlives the one that began it.
await stage.watch();
await listener.close({ graceMs: 0 });

// The page of the browser tests: what a test asks for by name, it does, and gives back what came of it.

import { connect, link, ServiceMap, webSocket, worker, type Link, type Peer } from "@troupe/core";
import { Adder, Room } from "./contract.js";

const endpoint = `${location.origin.replace("http", "ws")}/troupe`;
const transports = [webSocket()];
const services = new ServiceMap().add(Adder, { add: ({ a, b }) => a + b });
const violations: string[] = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));

let kept: Link | undefined;
let hasBeenDown = false;

async function withPeer<T>(use: (peer: Peer) => Promise<T>): Promise<T> {
  await using peer = await connect(endpoint, { transports, services });
  return await use(peer);
}

const cases = {
  violations: async () => violations,

  calls: () =>
    withPeer(async (peer) => {
      const room = peer.address(Room);
      const sums = await Promise.all(Array.from({ length: 500 }, (_, n) => room.call("add", { a: n, b: 1 })));
      return { last: sums.at(-1), there: await room.call("addThere", { a: 20, b: 22 }) };
    }),

  sends: () =>
    withPeer(async (peer) => {
      const room = peer.address(Room);
      for (let n = 0; n < 100; n++) await room.send("note", `note ${n}`);
      return await room.call("noted");
    }),

  streams: () =>
    withPeer(async (peer) => {
      const room = peer.address(Room);
      const counted: number[] = [];
      for await (const n of room.stream("count", { to: 5000 })) counted.push(n);
      const sums: number[] = [];
      for await (const sum of room.stream("sums", undefined, { inputs: [1, 2, 3, 4] })) sums.push(sum);
      let firstFew = 0;
      for await (const _ of room.stream("count", { to: 1_000_000 })) if (++firstFew === 10) break;
      return { counted: counted.length, last: counted.at(-1), sums, firstFew };
    }),

  bytes: (length: number) =>
    withPeer(async (peer) => {
      const room = peer.address(Room);
      const got = await room.call("bytes", length);
      return {
        up: await room.call("size", new Uint8Array(length)),
        down: got.length,
        isBytes: got instanceof Uint8Array,
      };
    }),

  /** Takes five blocks of an endless stream, one after the other, and then says how many were made for it. */
  slowly: () =>
    withPeer(async (peer) => {
      const room = peer.address(Room);
      let made = 0;
      let taken = 0;
      for await (const _ of room.stream("flood")) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        if (++taken < 5) continue;
        made = await room.call("made");
        break;
      }
      return { taken, made };
    }),

  /** Keeps a link, and makes a call on it. */
  keep: async () => {
    kept = link(endpoint, { transports, services, backoff: { minMs: 20, maxMs: 200 } });
    kept.on("down", () => (hasBeenDown = true));
    return await kept.address(Room).call("add", { a: 1, b: 2 });
  },
  keptWasDown: async () => hasBeenDown,
  keptAdds: async () => await kept?.address(Room).call("add", { a: 3, b: 4 }),
  unkeep: async () => await kept?.close(),

  refused: () => connect(endpoint, { transports }).then(String, (error: { code?: string }) => error.code),

  worker: async () => {
    const started = new Worker("/worker.js");
    await using peer = await connect("worker://adder", { transports: [worker(started)] });
    const sum = await peer.address(Adder).call("add", { a: 5, b: 6 });
    started.terminate();
    return sum;
  },

  sharedWorker: async () => {
    const shared = new SharedWorker("/worker.js");
    await using one = await connect("worker://adder", { transports: [worker(shared.port)] });
    await using two = await connect("worker://adder", { transports: [worker(new SharedWorker("/worker.js").port)] });
    return [one, two].map((peer) => peer.remote.id === one.remote.id && peer.remote.services.includes("adder"));
  },

  /** A worker that is ended without a word. */
  workerGone: async () => {
    const started = new Worker("/worker.js");
    const peer = await connect("worker://adder", { transports: [worker(started)], heartbeatMs: 100 });
    started.terminate();
    return (await peer.closed).code;
  },
};

/** What a test may ask for. */
export type Cases = typeof cases;

Object.assign(globalThis, { cases });

// A million calls to another process, over a connection that is killed at random points and dialled again. The seed is
// fixed; set TROUPE_SEED to try another one.

import { expect, test } from "vitest";
import { type Connection, type Peer, type Transport } from "@troupe/core";
import { SeededRandom } from "@troupe/core/testing";
import { connect, tcp } from "@troupe/node";
import { Work } from "./fixtures/work.js";
import { program } from "./program.js";

const CALLS = 1_000_000;
const IN_FLIGHT = 1000;
/** One connection lasts for up to this many calls. */
const CALLS_PER_CONNECTION_MAX = 10_000;

const ANSWERED = 1;
const NOT_EXECUTED = 2;
const MAYBE_EXECUTED = 3;

type Kill = (peer: Peer) => void;

test(
  "a million calls over connections that are killed: each settles once, none runs twice, maybeExecuted is true to its word",
  { timeout: 120_000 },
  async () => {
    const random = new SeededRandom(Number(process.env["TROUPE_SEED"] ?? 20_251));
    const server = program("work-server");
    const endpoint = await server.line();
    const sockets: Connection[] = [];
    const transports = [recording(tcp(), sockets)];
    const kills: Kill[] = [
      (peer) => peer.abort(),
      // Below the peer, as a network would.
      () => sockets.at(-1)?.abort(),
      (peer) => void peer.address(Work).trySend("cut", "abort"),
      (peer) => void peer.address(Work).trySend("cut", "close"),
      (peer) => void peer.close({ graceMs: 0 }),
    ];

    const settled = new Uint8Array(CALLS);
    const outcome = new Uint8Array(CALLS);
    const codes = new Map<string, number>();
    let nextId = 0;
    let connections = 0;

    /** Returns whether it was answered. */
    const ask = async (peer: Peer, id: number): Promise<boolean> => {
      try {
        await peer.address(Work).call(id % 3 === 0 ? "countLater" : "count", id);
        outcome[id] = ANSWERED;
      } catch (error) {
        const { code, maybeExecuted } = error as { code: string; maybeExecuted: boolean };
        codes.set(code, (codes.get(code) ?? 0) + 1);
        outcome[id] = maybeExecuted ? MAYBE_EXECUTED : NOT_EXECUTED;
      }
      settled[id]!++;
      return outcome[id] === ANSWERED;
    };

    while (nextId < CALLS) {
      const peer = await connect(endpoint, { transports });
      connections++;
      let isOver = false;
      const killAt = nextId + 1 + random.integer(CALLS_PER_CONNECTION_MAX);
      const kill = random.pick(kills);
      let isKilled = false;
      const work = async (): Promise<void> => {
        while (!isOver && nextId < CALLS) {
          if (nextId >= killAt && !isKilled) {
            isKilled = true;
            kill(peer);
          }
          if (!(await ask(peer, nextId++))) isOver = true;
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, work));
      await peer.close();
      expect(peer.stats).toMatchObject({ callsInFlight: 0, waiting: 0, running: 0, bytesPending: 0, timers: 0 });
    }

    await using last = await connect(endpoint);
    const executed = await last.address(Work).call("counts", { start: 0, end: CALLS });
    const wrong: string[] = [];
    for (let id = 0; id < CALLS; id++) {
      const times = executed[id] as number;
      const isTrue = outcome[id] === ANSWERED ? times === 1 : outcome[id] === NOT_EXECUTED ? times === 0 : times <= 1;
      if (settled[id] !== 1 || !isTrue)
        wrong.push(`${id} settled ${settled[id]}, outcome ${outcome[id]}, ran ${times}`);
    }
    expect(wrong.slice(0, 10), `seed ${random.seed}`).toEqual([]);
    expect(outcome.reduce((sum, each) => sum + (each === ANSWERED ? 1 : 0), 0)).toBeGreaterThan(CALLS * 0.8);
    expect(connections).toBeGreaterThan(50);
    expect(codes.get("connection-lost")).toBeGreaterThan(0);
    expect([...codes.keys()].filter((code) => !["connection-lost", "closed", "closing"].includes(code))).toEqual([]);
  },
);

/** The same transport; what is connected is kept, to be cut from below. */
function recording(transport: Transport, sockets: Connection[]): Transport {
  return {
    schemes: transport.schemes,
    listen: (...rest) => transport.listen(...rest),
    async connect(...rest) {
      const socket = await transport.connect(...rest);
      sockets.push(socket);
      return socket;
    },
  };
}

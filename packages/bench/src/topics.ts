// Publish and subscribe on one host, in two processes: how many small values a second from one publisher to one subscriber, and to
// a hundred, beside ZeroMQ in the same run, rounds taking turns. `npm run bench:topics` prints a table.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Encoder } from "cbor-x";
import { Publisher as ZeroPublisher, Subscriber as ZeroSubscriber } from "zeromq";
import { defineTopic } from "@troupe/core/network";
import { startParticipant } from "@troupe/node";

interface Pose {
  readonly robot: string;
  readonly x: number;
  readonly y: number;
}

const Poses = defineTopic<Pose>("pose");
const ROUNDS = 5;
const SELF = fileURLToPath(import.meta.url);
const pose = (n: number): Pose => ({ robot: "robot-7", x: n, y: -n / 2 });

/** A subscriber of one kind: says a line when it is ready, and one when all values have come. */
async function subscribe(kind: string, where: string, subscribers: number, values: number): Promise<void> {
  let left = subscribers * values;
  let startedAt = 0;
  const came = (count = 1): void => {
    if (startedAt === 0) startedAt = performance.now();
    left -= count;
    if (left === 0) console.log(`${performance.now() - startedAt}`);
  };
  if (kind === "troupe") {
    const participant = await startParticipant({ folder: where, host: "127.0.0.1", beacons: false });
    for (let i = 0; i < subscribers; i++) {
      const subscription = participant.subscribe(Poses);
      void (async () => {
        for await (const { missed } of subscription) came(1 + missed);
      })();
    }
  } else {
    const decoder = new Encoder({ useRecords: false });
    for (let i = 0; i < subscribers; i++) {
      const socket = new ZeroSubscriber({ receiveHighWaterMark: 0 });
      socket.connect(`ipc://${where}/zero.sock`);
      socket.subscribe("");
      void (async () => {
        for await (const [bytes] of socket) {
          decoder.decode(bytes as Buffer);
          came();
        }
      })();
    }
  }
  console.log("ready");
}

async function measured(kind: string, subscribers: number, values: number): Promise<number> {
  const where = mkdtempSync(join(tmpdir(), "topics-"));
  const participant =
    kind === "troupe" ? await startParticipant({ folder: where, host: "127.0.0.1", beacons: false }) : undefined;
  const publisher = participant?.publisher(Poses);
  const zero = kind === "zeromq" ? new ZeroPublisher({ sendHighWaterMark: 0, noDrop: true }) : undefined;
  await zero?.bind(`ipc://${where}/zero.sock`);
  const child: ChildProcess = spawn(
    process.execPath,
    [...process.execArgv, SELF, kind, where, `${subscribers}`, `${values}`],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess["stdout"]> })[Symbol.asyncIterator]();
  await lines.next();
  while (publisher !== undefined && publisher.matched < subscribers)
    await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const encoder = new Encoder({ useRecords: false });
  for (let n = 0; n < values; n++) {
    if (publisher !== undefined) await publisher.publish(pose(n));
    else await zero?.send(encoder.encode(pose(n)));
  }
  const { value } = (await lines.next()) as IteratorYieldResult<string>;
  child.kill("SIGKILL");
  await participant?.close();
  zero?.close();
  rmSync(where, { recursive: true, force: true });
  return ((subscribers * values) / Number(value)) * 1000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function main(): Promise<void> {
  for (const [what, subscribers, values, goal] of [
    ["values a second, 1 → 1", 1, 400_000, "≥ 400,000"],
    ["deliveries a second, 1 → 100", 100, 20_000, "≥ 800,000"],
  ] as const) {
    const rates: Record<string, number[]> = { troupe: [], zeromq: [] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const kind of ["troupe", "zeromq"]) rates[kind]?.push(await measured(kind, subscribers, values));
    }
    for (const [kind, all] of Object.entries(rates)) {
      const [min, max] = [Math.min(...all), Math.max(...all)];
      const goalText = kind === "troupe" ? goal : "";
      console.log(
        `${what.padEnd(30)} ${kind.padEnd(7)} ${median(all).toFixed(0).padStart(9)}  (${min.toFixed(0)} to ${max.toFixed(0)})  ${goalText}`,
      );
    }
  }
}

const [, , kind = "", where = "", subscribers = "", values = ""] = process.argv;
if (kind === "") await main();
else await subscribe(kind, where, Number(subscribers), Number(values));

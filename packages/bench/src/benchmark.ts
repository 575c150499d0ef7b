// The contract of a benchmark, and the list of them. A benchmark runs in one of three places; it knows nothing of
// rounds, tables and files.

import { actorCalls } from "./benchmarks/actor-calls.js";
import { actorSends } from "./benchmarks/actor-sends.js";
import { idleMemory } from "./benchmarks/idle-memory.js";
import { inFlight1000 } from "./benchmarks/in-flight-1000.js";
import { inFlight64 } from "./benchmarks/in-flight-64.js";
import { payload64k } from "./benchmarks/payload-64k.js";
import { sends } from "./benchmarks/sends.js";
import { callDuringTransfer } from "./benchmarks/call-during-transfer.js";
import { streamLarge } from "./benchmarks/stream-large.js";
import { streamSmall } from "./benchmarks/stream-small.js";
import { streamStalled } from "./benchmarks/stream-stalled.js";
import { idleWebSockets } from "./benchmarks/idle-web-sockets.js";
import { broadcast } from "./benchmarks/broadcast.js";
import { meshMessages, meshRoundTrip, meshStuck } from "./benchmarks/mesh.js";
import { relay64, relaySequential } from "./benchmarks/relay.js";
import { transports64, transportsSequential } from "./benchmarks/transports.js";
import { sequential } from "./benchmarks/sequential.js";
import type { Measured } from "./measured.js";
import type { Client } from "./subject.js";

/** How long one measurement takes. */
export interface Effort {
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** How long a consumer stands still. */
  readonly stallMs: number;
  /** For the benchmark of idle connections. */
  readonly connectionCount: number;
}

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: "more" | "less";
}

/** The value of each metric, by its name. */
export type Measures = Readonly<Record<string, number>>;

interface Described {
  readonly name: string;
  /** One line for tables: what is done, and how often at a time. */
  readonly title: string;
  /** The first is the one that ratios, goals and the chart look at. */
  readonly metrics: readonly [Metric, ...Metric[]];
}

interface BetweenProcesses extends Described {
  /** Who takes part; everybody who is measured against others, unless given. */
  readonly subjects?: readonly string[];
}

/** Runs in the client's process, over one connection to a server in another. */
export interface ConnectionBenchmark extends BetweenProcesses {
  readonly place: "connection";
  /** False when the subject has no such thing. */
  suits(client: Client): boolean;
  measure(client: Client, effort: Effort): Promise<Measures>;
}

/** Runs outside, and asks both processes, which were started for it alone. */
export interface ProcessBenchmark extends BetweenProcesses {
  readonly place: "processes";
  /** Options of Node for both processes. */
  readonly nodeOptions?: readonly string[];
  measure(server: Measured, client: Measured, effort: Effort): Promise<Measures>;
}

/** Runs in one process that was started for it, without a connection. Its subjects are its own. */
export interface LocalBenchmark extends Described {
  readonly place: "local";
  /** Whether it starts threads: then the process has all that Node would give it. */
  readonly hasThreads?: boolean;
  readonly subjects: Readonly<Record<string, (effort: Effort) => Promise<Measures>>>;
}

export type Benchmark = ConnectionBenchmark | ProcessBenchmark | LocalBenchmark;

export const BENCHMARKS: readonly Benchmark[] = [
  sequential,
  inFlight64,
  inFlight1000,
  payload64k,
  sends,
  streamSmall,
  streamLarge,
  streamStalled,
  callDuringTransfer,
  idleMemory,
  transportsSequential,
  transports64,
  idleWebSockets,
  meshRoundTrip,
  meshMessages,
  meshStuck,
  relaySequential,
  relay64,
  broadcast,
  actorSends,
  actorCalls,
];

/** @throws Error when there is none of this name. */
export function benchmarkNamed(name: string): Benchmark {
  const found = BENCHMARKS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no benchmark is called ${name}`);
  return found;
}

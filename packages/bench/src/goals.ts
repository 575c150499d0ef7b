// What Troupe wants to reach on any machine, measured against others in the same run where that is possible.

import { BENCHMARKS } from "./benchmark.js";
import { rowOf, type Row } from "./results.js";
import { isFloor, OURS } from "./subject.js";

export interface Goal {
  readonly benchmark: string;
  readonly text: string;
  /** Undefined when what it takes to tell was not measured. */
  isReached(rows: readonly Row[]): boolean | undefined;
}

export const GOALS: readonly Goal[] = [
  { benchmark: "sequential", text: "at most 1.15 × the floor", isReached: (rows) => within(rows, "sequential", 1.15) },
  { benchmark: "sequential", text: "below every other", isReached: (rows) => timesBest(rows, "sequential", 1) },
  {
    benchmark: "in-flight-64",
    text: "at least 4 × the best other",
    isReached: (rows) => timesBest(rows, "in-flight-64", 4),
  },
  {
    benchmark: "in-flight-1000",
    text: "at least 6 × the best other",
    isReached: (rows) => timesBest(rows, "in-flight-1000", 6),
  },
  { benchmark: "payload-64k", text: "at least 0.6 × the floor", isReached: (rows) => within(rows, "payload-64k", 0.6) },
  { benchmark: "sends", text: "at least 800,000/s", isReached: (rows) => bounded(rows, "sends", "rate", 800_000) },
  {
    benchmark: "stream-small",
    text: "at least 400,000/s",
    isReached: (rows) => bounded(rows, "stream-small", "rate", 400_000),
  },
  {
    benchmark: "stream-small",
    text: "at least 4 × the best other",
    isReached: (rows) => timesBest(rows, "stream-small", 4),
  },
  {
    benchmark: "stream-large",
    text: "at least 0.5 × the floor",
    isReached: (rows) => within(rows, "stream-large", 0.5),
  },
  {
    benchmark: "stream-stalled",
    text: "at most 64 items",
    isReached: (rows) => bounded(rows, "stream-stalled", "ahead", 64),
  },
  {
    benchmark: "call-during-transfer",
    text: "at most 5 × the p99 of a call alone",
    isReached: (rows) => bounded(rows, "call-during-transfer", "ratio of p99", 5),
  },
  {
    benchmark: "idle-memory",
    text: "at most 30 KiB of RSS at each end",
    isReached: (rows) => {
      const server = bounded(rows, "idle-memory", "server RSS", 30);
      const client = bounded(rows, "idle-memory", "client RSS", 30);
      return server === undefined || client === undefined ? undefined : server && client;
    },
  },
  ...["unix", "worker"].map((scheme) => ({
    benchmark: "transports-64",
    text: `${scheme} no slower than tcp`,
    isReached: (rows: readonly Row[]) => comparedWith(rows, "transports-64", `troupe ${scheme}`, "troupe tcp", 1),
  })),
  {
    benchmark: "transports-64",
    text: "tls at least 0.6 × tcp",
    isReached: (rows) => comparedWith(rows, "transports-64", "troupe tls", "troupe tcp", 0.6),
  },
  {
    benchmark: "transports-64",
    text: "ws at least 3 × birpc",
    isReached: (rows) => comparedWith(rows, "transports-64", "troupe ws", "birpc", 3),
  },
  {
    benchmark: "idle-web-sockets",
    text: "at most 40 KiB of RSS on the server",
    isReached: (rows) => {
      const row = rowOf(rows, "idle-web-sockets", "troupe ws", "server RSS");
      return row === undefined ? undefined : row.median <= 40;
    },
  },
  {
    benchmark: "mesh-round-trip",
    text: "at most 1.3 × a bare socket",
    isReached: (rows) => comparedWith(rows, "mesh-round-trip", "bare net", "troupe mesh", 1 / 1.3),
  },
  {
    benchmark: "mesh-messages",
    text: "at least 0.5 × a bare socket",
    isReached: (rows) => comparedWith(rows, "mesh-messages", "troupe mesh", "bare net", 0.5),
  },
  {
    benchmark: "mesh-stuck",
    text: "at least 0.95 of the rate without",
    isReached: (rows) => {
      const row = rowOf(rows, "mesh-stuck", "one stuck", "ratio");
      return row === undefined ? undefined : row.median >= 0.95;
    },
  },
  {
    benchmark: "relay-sequential",
    text: "a hop at most 1.2 × a direct call on top",
    isReached: (rows) => comparedWith(rows, "relay-sequential", "troupe tcp", "troupe relay", 1 / 2.2),
  },
  {
    benchmark: "relay-64",
    text: "at least 0.5 × direct calls",
    isReached: (rows) => comparedWith(rows, "relay-64", "troupe relay", "troupe tcp", 0.5),
  },
  {
    benchmark: "broadcast",
    text: "at least 1,000,000/s",
    isReached: (rows) => {
      const row = rowOf(rows, "broadcast", "troupe broadcast", "rate");
      return row === undefined ? undefined : row.median >= 1_000_000;
    },
  },
  {
    benchmark: "actor-sends",
    text: "at least 5,000,000/s",
    isReached: (rows) => bounded(rows, "actor-sends", "rate", 5_000_000),
  },
  {
    benchmark: "actor-calls",
    text: "at least 500,000/s",
    isReached: (rows) => bounded(rows, "actor-calls", "rate", 500_000),
  },
];

export function isLessBetter(benchmark: string, metric: string): boolean {
  const metrics = BENCHMARKS.find(({ name }) => name === benchmark)?.metrics;
  return metrics?.find(({ name }) => name === metric)?.better === "less";
}

/** The best of the others in one metric, the floor and Troupe apart. */
export function bestOther(rows: readonly Row[], benchmark: string, metric: string): Row | undefined {
  // Where Troupe's own transports are compared with each other there is no other.
  const isAmongOurs = rows.some((row) => row.benchmark === benchmark && row.subject.startsWith(`${OURS} `));
  if (isAmongOurs) return undefined;
  const others = rows.filter(
    (row) => row.benchmark === benchmark && row.metric === metric && row.subject !== OURS && !isFloor(row.subject),
  );
  const sign = isLessBetter(benchmark, metric) ? -1 : 1;
  return others.reduce<Row | undefined>(
    (best, row) => (best === undefined || sign * (row.median - best.median) > 0 ? row : best),
    undefined,
  );
}

/** The floor in one metric; of a subject that is one of Troupe's transports, what that transport can do. */
export function floor(rows: readonly Row[], benchmark: string, metric: string, subject = ""): Row | undefined {
  const floors = rows.filter((row) => row.benchmark === benchmark && row.metric === metric && isFloor(row.subject));
  const own = subject === "troupe mesh" ? "bare net" : subject.replace("troupe ", "raw ");
  const general = floors.find((row) => ["raw", "plain function"].includes(row.subject));
  return floors.find((row) => row.subject === own) ?? general;
}

/** Whether one subject reaches `factor` of another's rate. */
function comparedWith(
  rows: readonly Row[],
  benchmark: string,
  subject: string,
  other: string,
  factor: number,
): boolean | undefined {
  const [one, two] = [subject, other].map((name) => rowOf(rows, benchmark, name, firstMetric(benchmark))?.median);
  return one === undefined || two === undefined ? undefined : one >= two * factor;
}

function firstMetric(benchmark: string): string {
  return BENCHMARKS.find(({ name }) => name === benchmark)?.metrics[0].name ?? "";
}

/** Whether Troupe needs at most `factor` of the floor's time, or reaches at least `factor` of its rate. */
function within(rows: readonly Row[], benchmark: string, factor: number): boolean | undefined {
  const metric = firstMetric(benchmark);
  return bounded(rows, benchmark, metric, floor(rows, benchmark, metric)?.median, factor);
}

/** Whether Troupe is `factor` times as good as the best other. */
function timesBest(rows: readonly Row[], benchmark: string, factor: number): boolean | undefined {
  const metric = firstMetric(benchmark);
  const limit = bestOther(rows, benchmark, metric)?.median;
  return bounded(rows, benchmark, metric, limit, isLessBetter(benchmark, metric) ? 1 / factor : factor);
}

function bounded(
  rows: readonly Row[],
  benchmark: string,
  metric: string,
  limit: number | undefined,
  factor = 1,
): boolean | undefined {
  const ours = rowOf(rows, benchmark, OURS, metric)?.median;
  if (ours === undefined || limit === undefined) return undefined;
  return isLessBetter(benchmark, metric) ? ours <= limit * factor : ours >= limit * factor;
}

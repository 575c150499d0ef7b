// The same calls directly and through one relay.

import type { ConnectionBenchmark } from "../benchmark.js";
import { inFlight64 } from "./in-flight-64.js";
import { sequential } from "./sequential.js";

const SUBJECTS = ["troupe tcp", "troupe relay"];

export const relaySequential: ConnectionBenchmark = {
  ...sequential,
  name: "relay-sequential",
  title: "one call at a time, through a relay",
  subjects: SUBJECTS,
};

export const relay64: ConnectionBenchmark = {
  ...inFlight64,
  name: "relay-64",
  title: "64 calls in flight, through a relay",
  subjects: SUBJECTS,
};

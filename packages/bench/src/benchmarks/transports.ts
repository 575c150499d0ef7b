// The same calls over every transport, each beside what that transport can do with nothing on top; and one with birpc,
// which has a WebSocket as well.

import type { ConnectionBenchmark } from "../benchmark.js";
import { inFlight64 } from "./in-flight-64.js";
import { sequential } from "./sequential.js";

const SCHEMES = ["tcp", "tls", "unix", "ws", "wss", "worker"];
const SUBJECTS = SCHEMES.flatMap((scheme) => [`raw ${scheme}`, `troupe ${scheme}`]);

export const transportsSequential: ConnectionBenchmark = {
  ...sequential,
  name: "transports-sequential",
  title: "one call at a time, over each transport",
  subjects: SUBJECTS,
};

export const transports64: ConnectionBenchmark = {
  ...inFlight64,
  name: "transports-64",
  title: "64 calls in flight, over each transport",
  subjects: [...SUBJECTS, "birpc"],
};

// The conformance suite of transports, over every transport that Node has, with its own buffers and with small ones.

import { describe, test } from "vitest";
import { transportConformance } from "@troupe/core/testing";
import { EVERY_TRANSPORT } from "./every-transport.js";

describe.each(Object.entries(EVERY_TRANSPORT))("%s conforms", (_, subject) => {
  for (const { name, run } of transportConformance(() => subject())) test(name, run);
});

/** Those whose buffers in the process can be as small as one likes. */
const RESIZABLE = ["memory", "tcp", "unix", "worker"].map((name) => [name, EVERY_TRANSPORT[name]!] as const);

describe.each(RESIZABLE)("%s with small buffers conforms", (_, subject) => {
  for (const { name, run } of transportConformance(() => subject({ bufferBytes: 1 }))) test(name, run);
});

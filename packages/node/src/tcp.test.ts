import { describe, test } from "vitest";
import { transportConformance } from "@troupe/core/testing";
import { tcp } from "./tcp.js";

describe("tcp() conforms", () => {
  const setup = async () => ({ transport: tcp(), endpoint: "tcp://127.0.0.1:0" });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

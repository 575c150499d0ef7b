import { describe, test } from "vitest";
import { SeededRandom, transportConformance } from "../testing/index.js";
import { memory } from "./index.js";

describe("memory() conforms", () => {
  const setup = async () => ({ transport: memory({ isPrivate: true }), endpoint: "memory://conformance" });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

describe("memory() conforms when it cuts bytes by chance", () => {
  const random = new SeededRandom(1);
  const chunk = (byteCount: number) => 1 + random.integer(Math.min(byteCount, 50_000));
  const setup = async () => ({ transport: memory({ isPrivate: true, chunk }), endpoint: "memory://conformance" });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { transportConformance } from "@troupe/core/testing";
import { unix } from "./unix.js";

describe("unix() conforms", () => {
  const setup = async () => {
    const folder = await mkdtemp(join(tmpdir(), "troupe-"));
    const dispose = () => rm(folder, { recursive: true });
    return { transport: unix(), endpoint: `unix://${folder}/a.sock`, dispose };
  };
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

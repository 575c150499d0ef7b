// Where the measurement takes place: what goes into the header of the results, and the processors to run on.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, loadavg, platform } from "node:os";
import { dirname, join } from "node:path";
import type { RunOptions } from "./run.js";
import type { Header } from "./results.js";

/** What is measured, beside Troupe; and ws, which carries two of them. */
const PACKAGES = ["birpc", "capnweb", "socket.io", "@grpc/grpc-js", "ws", "xstate"];

/** To be called before the run, whose own load is none of the header's business. */
export function describeRun({ rounds, effort, server }: Pick<RunOptions, "rounds" | "effort" | "server">): Header {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    platform: `${platform()} ${arch()}`,
    rounds,
    ...effort,
    pinned: server.processors !== undefined,
    versions: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
  };
}

/**
 * One half of the processors for the server and the other for the client, as `taskset` wants them. Undefined where
 * there is no `taskset`, which is everywhere but on Linux.
 */
export function halvesOfProcessors(): { server: string; client: string } | undefined {
  const count = cpus().length;
  if (platform() !== "linux" || count < 2) return undefined;
  const half = count >> 1;
  const halves = { client: `0-${half - 1}`, server: `${half}-${count - 1}` };
  const areFree = Object.values(halves).every((each) => spawnSync("taskset", ["-c", each, "true"]).status === 0);
  return areFree ? halves : undefined;
}

/** Read from the package's own file, which its `exports` may not show. */
function versionOf(name: string): string {
  try {
    for (
      let folder = dirname(createRequire(import.meta.url).resolve(name));
      folder !== dirname(folder);
      folder = dirname(folder)
    ) {
      const found = packageIn(folder);
      if (found?.name === name) return found.version;
    }
  } catch {
    // Not installed: the results say so.
  }
  return "unknown";
}

function packageIn(folder: string): { name: string; version: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name: string; version: string };
  } catch {
    return undefined;
  }
}

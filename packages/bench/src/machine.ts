// Where the measurement takes place: what goes into the header of the results, and the processors to run on.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, availableParallelism, cpus, platform } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RunOptions } from "./run.js";
import type { Header } from "./results.js";

/** What is measured, beside Troupe; and ws, which carries two of them. */
const PACKAGES = ["birpc", "capnweb", "socket.io", "@grpc/grpc-js", "ws", "xstate"];

/** How long the machine is watched before the run. */
const WATCH_MS = 1000;

/** To be called before the run, whose own work is none of the header's business. */
export async function describeRun({
  rounds,
  effort,
  server,
}: Pick<RunOptions, "rounds" | "effort" | "server">): Promise<Header> {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    busyPercent: await busyPercent(),
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

async function busyPercent(): Promise<number> {
  const before = processorTimes();
  await delay(WATCH_MS);
  const after = processorTimes();
  const elapsed = after.all - before.all;
  return elapsed === 0 ? 0 : Math.round(100 * (1 - (after.idle - before.idle) / elapsed));
}

function processorTimes(): { idle: number; all: number } {
  const times = cpus().map((each) => each.times);
  return {
    idle: times.reduce((sum, { idle }) => sum + idle, 0),
    all: times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0),
  };
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

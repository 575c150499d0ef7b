// Where the measurement takes place: what goes into the header of the results, and the two processors to run on.

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
    pinned: server.processor !== undefined,
    versions: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
  };
}

/**
 * A processor for the server and another for the client. Undefined where processes cannot be bound to one, which is
 * everywhere but on Linux with `taskset`.
 */
export function twoProcessors(): { server: number; client: number } | undefined {
  if (platform() !== "linux" || availableParallelism() < 2) return undefined;
  const client = 0;
  const server = cpus().length - 1;
  const bindable = [client, server].every((each) => spawnSync("taskset", ["-c", String(each), "true"]).status === 0);
  return bindable ? { server, client } : undefined;
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

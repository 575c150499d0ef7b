#!/usr/bin/env node
// What `npx troupe` runs: the program as it was built, or its sources where it lies in its own repository, where nobody has to build
// anything first.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const isRepository = existsSync(new URL("../../../tsconfig.base.json", import.meta.url));

if (!isRepository) await import("../dist/main.js");
else {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const loader = import.meta.resolve("tsx");
  const flags = ["--conditions=troupe-source", "--import", loader, main];
  const child = spawn(process.execPath, [...flags, ...process.argv.slice(2)], { stdio: "inherit" });
  // A terminal tells both of them; whoever tells this one alone means the other.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("close", (code, signal) => {
    process.exitCode = code ?? (signal === "SIGKILL" ? 137 : 1);
  });
}

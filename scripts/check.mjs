// Everything that has to hold before a change is done, in one command. `--except tests` leaves the tests out, for a
// caller that has run them already. Each step is a command that can be run alone; all run, even after one has failed.

import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const STEPS = [
  ["tests", "vitest run"],
  ["formatting", "prettier --check --log-level warn ."],
  ["lint", "eslint ."],
  ["types of everything", "tsc -p tsconfig.json"],
  ["types of core without Node", "tsc -p packages/core/tsconfig.build.json --noEmit"],
  ["build", "npm run --silent build"],
  ["packages", "node scripts/check-packages.mjs"],
];

const exceptAt = process.argv.indexOf("--except");
const left = exceptAt === -1 ? [] : process.argv.slice(exceptAt + 1);
const results = STEPS.filter(([name]) => !left.includes(name)).map(run);

for (const { name, ok, seconds } of results) {
  console.log(`${ok ? "ok    " : "FAILED"}  ${seconds.toFixed(1).padStart(6)} s  ${name}`);
}
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;

function run([name, command]) {
  console.log(`\n── ${name}: ${command}`);
  const startedAt = performance.now();
  const { status } = spawnSync(command, { cwd: root, stdio: ["ignore", "inherit", "inherit"], shell: true });
  return { name, ok: status === 0, seconds: (performance.now() - startedAt) / 1000 };
}

// Runs the tests of the packages on several versions of Node.js, which come from npm, in the packages that its `node` is
// made of. Without arguments on all that are supported; with majors as arguments on those. Prints one line for each.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SUPPORTED = ["20", "22", "24"];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wanted = process.argv.slice(2);
const results = (wanted.length > 0 ? wanted : SUPPORTED).map(run);

for (const { major, version, ok, seconds } of results) {
  console.log(`${ok ? "ok    " : "FAILED"}  ${seconds.toFixed(1).padStart(6)} s  Node.js ${major} (${version})`);
}
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;

function run(major) {
  const node = installed(major);
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout?.trim() ?? "not installed";
  console.log(`\n── Node.js ${version}`);
  const startedAt = performance.now();
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const projects = ["--project", "unit", "--project", "integration"];
  // Programs that tests start are found by name as well as by this one's own path.
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
  const { status } = spawnSync(node, [vitest, "run", ...projects], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env,
  });
  return { major, version, ok: status === 0, seconds: (performance.now() - startedAt) / 1000 };
}

/** The path of a Node.js of that major, which is installed if it is not there. */
function installed(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const folder = join(root, ".runtimes", major);
  // The package for this machine, without the one that chooses it in a script.
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const node = join(folder, "node_modules", name, "bin", "node");
  if (!existsSync(node)) {
    mkdirSync(folder, { recursive: true });
    const options = ["--prefix", folder, "--no-save", "--no-package-lock", "--no-audit", "--no-fund"];
    spawnSync("npm", ["install", ...options, `${name}@${major}`], { cwd: folder, stdio: ["ignore", 2, 2] });
  }
  return node;
}

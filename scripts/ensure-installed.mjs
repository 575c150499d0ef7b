// Installs the dependencies when what is in node_modules is not what the lock file asks for: nothing there, an older
// lock, or an install that was cut short. Knows npm and the lock file; uses nothing that would have to be installed.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MIN = [20, 19];
const TURN_WAIT_MS_MAX = 15 * 60_000;
const ATTEMPTS = 2;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const turn = join(root, ".installing");

if (!isNodeRecent(process.versions.node)) {
  fail(`Troupe needs Node.js ${NODE_MIN.join(".")} or newer; this is ${process.versions.node}.`);
}
if (!isInstalled()) withTurn(() => isInstalled() || install());

/** Whether every package that the lock asks for is there in that version. Optional ones depend on the platform. */
function isInstalled() {
  const wanted = readLock(join(root, "package-lock.json"));
  // npm writes this second lock last, so that an install which was cut short has none or an old one.
  const present = readLock(join(root, "node_modules", ".package-lock.json"));
  if (wanted === undefined) fail("package-lock.json is missing or damaged.");
  if (present === undefined) return false;
  return Object.entries(wanted.packages).every(([path, entry]) => {
    if (!path.startsWith("node_modules/") || entry.optional || entry.devOptional || entry.peer) return true;
    const there = present.packages[path];
    const isSame = there !== undefined && there.version === entry.version && there.integrity === entry.integrity;
    return isSame && existsSync(join(root, path, "package.json"));
  });
}

function readLock(path) {
  try {
    const lock = JSON.parse(readFileSync(path, "utf8"));
    return typeof lock.packages === "object" ? lock : undefined;
  } catch {
    return undefined;
  }
}

function install() {
  console.error("Installing dependencies …");
  for (let attempt = 1; ; attempt++) {
    const { status, error } = npm("ci", "--include=dev", "--no-audit", "--no-fund");
    if (status === 0 && isInstalled()) return;
    if (attempt < ATTEMPTS) continue;
    fail(error ? `npm could not be started: ${error.message}` : `npm ci failed${status ? ` with ${status}` : ""}.`);
  }
}

/** Runs npm: the very one that started this script, if one did. Its output goes to stderr. */
function npm(...args) {
  const options = { cwd: root, stdio: ["ignore", 2, 2] };
  const cli = process.env.npm_execpath;
  if (cli?.endsWith(".js") && existsSync(cli)) return spawnSync(process.execPath, [cli, ...args], options);
  return spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
}

/** Runs `work` while no other process does so in this folder. The turn of a process that has died is taken over. */
function withTurn(work) {
  const givesUpAt = Date.now() + TURN_WAIT_MS_MAX;
  while (!takeTurn()) {
    if (Date.now() > givesUpAt) fail(`Another install has not ended. If none is running, remove ${turn}.`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
  const leave = () => rmSync(turn, { recursive: true, force: true });
  process.once("exit", leave);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));
  work();
}

function takeTurn() {
  try {
    mkdirSync(turn);
    writeFileSync(join(turn, "pid"), String(process.pid));
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    if (isTurnAbandoned()) rmSync(turn, { recursive: true, force: true });
    return false;
  }
}

function isTurnAbandoned() {
  try {
    const pid = Number(readFileSync(join(turn, "pid"), "utf8"));
    if (pid > 0) return !isAlive(pid);
    return Date.now() - statSync(turn).mtimeMs > 5_000;
  } catch {
    // The pid is written right after the folder is made: a folder that has none for long belongs to nobody.
    return existsSync(turn) && Date.now() - statSync(turn).mtimeMs > 5_000;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function isNodeRecent(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

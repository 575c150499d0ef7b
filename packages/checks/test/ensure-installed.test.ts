// Runs the script in folders of its own, with an npm that only notes that it was asked, so that no network is needed.

import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ROOT } from "../src/repository.js";

const LOCK = {
  packages: {
    "": { name: "fresh" },
    "node_modules/ring": { version: "1.0.0", integrity: "sha512-one" },
    "node_modules/elsewhere": { version: "1.0.0", optional: true },
  },
};

/** Installs `ring` as npm does: the package first, its own lock last. */
const NPM = `
  const { appendFileSync, cpSync, mkdirSync, writeFileSync } = require("node:fs");
  appendFileSync("asked.txt", process.argv.slice(2).join(" ") + "\\n");
  if (process.env.NPM_FAILS) process.exit(7);
  mkdirSync("node_modules/ring", { recursive: true });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  writeFileSync("node_modules/ring/package.json", "{}");
  cpSync("package-lock.json", "node_modules/.package-lock.json");
`;

describe("ensure-installed.mjs", () => {
  it("installs where nothing is installed, and once only", async () => {
    const clone = freshClone();
    expect(await run(clone)).toBe(0);
    expect(await run(clone)).toBe(0);
    expect(asked(clone)).toEqual(["ci --include=dev --no-audit --no-fund"]);
  });

  it("installs again when the lock asks for another version", async () => {
    const clone = freshClone();
    await run(clone);
    const ring = { version: "1.0.1", integrity: "sha512-two" };
    writeLock(clone, { packages: { ...LOCK.packages, "node_modules/ring": ring } });
    expect(await run(clone)).toBe(0);
    expect(asked(clone)).toHaveLength(2);
  });

  it("installs again when an install was cut short", async () => {
    const clone = freshClone();
    await run(clone);
    rmSync(join(clone, "node_modules/.package-lock.json"));
    expect(await run(clone)).toBe(0);
    rmSync(join(clone, "node_modules/ring/package.json"));
    expect(await run(clone)).toBe(0);
    expect(asked(clone)).toHaveLength(3);
  });

  it("lets one of several at once install, while the others wait for it", async () => {
    const clone = freshClone();
    expect(await Promise.all([run(clone), run(clone), run(clone)])).toEqual([0, 0, 0]);
    expect(asked(clone)).toHaveLength(1);
    expect(existsSync(join(clone, ".installing"))).toBe(false);
  });

  it("takes over from one that has died", async () => {
    const clone = freshClone();
    mkdirSync(join(clone, ".installing"));
    writeFileSync(join(clone, ".installing/pid"), String(await deadProcess()));
    expect(await run(clone)).toBe(0);
    expect(asked(clone)).toHaveLength(1);
  });

  it("tries twice, then fails and leaves the turn to others", async () => {
    const clone = freshClone();
    expect(await run(clone, { NPM_FAILS: "1" })).toBe(1);
    expect(asked(clone)).toHaveLength(2);
    expect(existsSync(join(clone, ".installing"))).toBe(false);
  });
});

function freshClone(): string {
  const clone = mkdtempSync(join(tmpdir(), "troupe-clone-"));
  onTestFinished(() => rmSync(clone, { recursive: true, force: true }));
  mkdirSync(join(clone, "scripts"));
  cpSync(join(ROOT, "scripts/ensure-installed.mjs"), join(clone, "scripts/ensure-installed.mjs"));
  writeFileSync(join(clone, "npm.js"), NPM);
  writeLock(clone, LOCK);
  return clone;
}

function writeLock(clone: string, lock: unknown): void {
  writeFileSync(join(clone, "package-lock.json"), JSON.stringify(lock));
}

function asked(clone: string): string[] {
  return readFileSync(join(clone, "asked.txt"), "utf8").trim().split("\n");
}

function run(clone: string, env: NodeJS.ProcessEnv = {}): Promise<number | null> {
  const child = spawn(process.execPath, [join(clone, "scripts/ensure-installed.mjs")], {
    stdio: "ignore",
    env: { ...process.env, ...env, npm_execpath: join(clone, "npm.js") },
  });
  return new Promise((resolve) => child.once("exit", resolve));
}

async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ["--eval", ""], { stdio: "ignore" });
  await new Promise((resolve) => child.once("exit", resolve));
  return child.pid ?? 0;
}

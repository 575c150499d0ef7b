// Runs a fixture as a program of its own, with the sources of this repository, and talks to it by lines.

import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const FLAGS = ["--conditions=troupe-source", "--import", "tsx"];

export interface Program {
  readonly process: ChildProcess;
  /** The next line that it writes; rejects when it ends without one. */
  line(): Promise<string>;
  /** How it ended: its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** Starts `fixtures/<name>.ts`; it is killed when the test is over, if it still runs. */
export function program(name: string, ...args: readonly string[]): Program {
  const script = fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [...FLAGS, script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("close", (code, signal) => resolve(signal ?? code ?? -1));
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error(`${name} ended without a word`);
    return value;
  };
  return { process: child, line, ended };
}

// Runs a fixture as a program or a thread of its own, with the sources of this repository, and talks to it by lines.

import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { onTestFinished } from "vitest";

const FLAGS = ["--conditions=troupe-source", "--import", "tsx"];

export interface Program {
  readonly process: ChildProcess;
  /** The next line that it writes; rejects when it ends without one. */
  line(): Promise<string>;
  /** How it ended: its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** A program that is started by another command, such as one that enters a network namespace. */
export interface StartedWithin {
  readonly name: string;
  readonly within: readonly [command: string, ...args: string[]];
}

/** Starts `fixtures/<name>.ts`; it is killed when the test is over, if it still runs. */
export function program(which: string | StartedWithin, ...args: readonly string[]): Program {
  const { name, within } = typeof which === "string" ? { name: which, within: [] } : which;
  const script = fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));
  const [command = process.execPath, ...rest] = [...within, process.execPath, ...FLAGS];
  const child = spawn(command, [...rest, script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
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

/** Reads what a program says until it says what is waited for, which is returned. The test's own time is the limit. */
export async function until<T>(running: Program, parse: (line: string) => T, is: (said: T) => boolean): Promise<T> {
  for (;;) {
    const said = parse(await running.line());
    if (is(said)) return said;
  }
}

/** Starts `fixtures/<name>.ts` as a thread; it is ended when the test is over. */
export function thread(name: string): Worker {
  const worker = new Worker(new URL("fixtures/thread.mjs", import.meta.url), {
    execArgv: ["--conditions=troupe-source"],
    workerData: { source: new URL(`fixtures/${name}.ts`, import.meta.url).href },
    stderr: true,
  });
  onTestFinished(async () => {
    await worker.terminate();
  });
  return worker;
}

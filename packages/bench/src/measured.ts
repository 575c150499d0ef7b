// A measured process, seen from the process in charge: one question at a time, answered or given up.

import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Answer, Answers, Question } from "./question.js";

export type { Memory } from "./question.js";

const ANSWER_TIMEOUT_MS = 90_000;

export interface MeasuredOptions {
  /** The processors to run on, as `taskset` wants them; any, unless given. */
  readonly processors?: string | undefined;
  /** Options of Node for the process. */
  readonly nodeOptions?: readonly string[];
}

export class Measured {
  readonly #process: ChildProcess;
  readonly #name: string;
  #errors = "";

  constructor(name: string, options: MeasuredOptions = {}) {
    this.#name = name;
    const node = ["--expose-gc", ...(options.nodeOptions ?? [])];
    const pinned = options.processors !== undefined;
    this.#process = fork(fileURLToPath(new URL("./measured-process.js", import.meta.url)), [], {
      execPath: pinned ? "taskset" : process.execPath,
      execArgv: pinned ? ["-c", String(options.processors), process.execPath, ...node] : node,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#process.stderr?.on("data", (text: Buffer) => (this.#errors = (this.#errors + text.toString()).slice(-2000)));
    this.#process.setMaxListeners(0);
  }

  /** Rejects when the process reports a failure, ends, or takes too long, which ends it. */
  ask<Kind extends keyof Answers>(question: Question<Kind>): Promise<Answers[Kind]> {
    return new Promise((resolve, reject) => {
      const settle = (settled: () => void): void => {
        clearTimeout(timer);
        this.#process.off("message", answered).off("exit", exited);
        settled();
      };
      const answered = (answer: Answer): void => {
        settle(() =>
          "error" in answer ? reject(this.#failure(answer.error)) : resolve(answer.value as Answers[Kind]),
        );
      };
      const exited = (): void => settle(() => reject(this.#failure(`the process ended. ${this.#errors}`)));
      const timer = setTimeout(() => {
        this.#process.kill("SIGKILL");
        settle(() => reject(this.#failure(`no answer to ${question.ask} within ${ANSWER_TIMEOUT_MS} ms`)));
      }, ANSWER_TIMEOUT_MS);
      if (!this.#process.connected) return exited();
      this.#process.once("message", answered).once("exit", exited);
      this.#process.send(question);
    });
  }

  /** Ends the process at once. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  #failure(message: string): Error {
    return new Error(`${this.#name}: ${message.trim()}`);
  }
}

// Runs the rounds. In every round each benchmark visits all subjects in turn, so that a machine that becomes slower or
// faster does so for all of them; the order turns by one each round, so that nobody always comes first.

import { BENCHMARKS, type Benchmark, type Effort, type Measures } from "./benchmark.js";
import { Measured, type MeasuredOptions } from "./measured.js";
import { Samples, type Row } from "./results.js";
import { SUBJECTS } from "./subject.js";

export interface RunOptions {
  readonly rounds: number;
  readonly effort: Effort;
  /** Names of benchmarks; all, unless given. */
  readonly only?: readonly string[] | undefined;
  /** Names of subjects; all, unless given. */
  readonly subjects?: readonly string[] | undefined;
  readonly server: MeasuredOptions;
  readonly client: MeasuredOptions;
  /** Told what is being measured. */
  progressed?(line: string): void;
}

export interface Outcome {
  readonly rows: readonly Row[];
  readonly failures: readonly string[];
}

export async function run(options: RunOptions): Promise<Outcome> {
  const rounds = new Rounds(options);
  try {
    for (let round = 0; round < options.rounds; round++) await rounds.next(round);
    return rounds.outcome();
  } finally {
    await rounds.close();
  }
}

/** A server and a client of one subject. */
interface Pair {
  readonly server: Measured;
  readonly client: Measured;
}

class Rounds {
  readonly #options: RunOptions;
  readonly #benchmarks: readonly Benchmark[];
  readonly #samples = new Samples();
  /** Kept from round to round: a program that has just started is not what anybody wants to know about. */
  readonly #pairs = new Map<string, Pair>();
  /** Why a subject is left out of a benchmark, by the names of both. */
  readonly #failures = new Map<string, string>();

  constructor(options: RunOptions) {
    this.#options = options;
    this.#benchmarks = BENCHMARKS.filter(({ name }) => options.only?.includes(name) ?? true);
  }

  async next(round: number): Promise<void> {
    for (const benchmark of this.#benchmarks) {
      const subjects = this.#subjectsOf(benchmark);
      for (let i = 0; i < subjects.length; i++) {
        const subject = subjects[(i + round) % subjects.length] as string;
        const key = `${benchmark.name} ${subject}`;
        if (this.#failures.has(key)) continue;
        this.#options.progressed?.(`round ${round + 1} of ${this.#options.rounds}: ${key}`);
        try {
          this.#add(benchmark, subject, await this.#measure(benchmark, subject));
        } catch (error) {
          this.#failures.set(key, oneLine(error));
          await this.#stop(this.#pairs.get(subject));
          this.#pairs.delete(subject);
        }
      }
    }
  }

  outcome(): Outcome {
    return { rows: this.#samples.rows(), failures: [...this.#failures].map(([key, reason]) => `${key}: ${reason}`) };
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs.values()) await this.#stop(pair);
    this.#pairs.clear();
  }

  #subjectsOf(benchmark: Benchmark): string[] {
    const all =
      benchmark.place === "local" ? Object.keys(benchmark.subjects) : (benchmark.subjects ?? Object.keys(SUBJECTS));
    return all.filter((name) => this.#options.subjects?.includes(name) ?? true);
  }

  async #measure(benchmark: Benchmark, subject: string): Promise<Measures | null> {
    const { effort } = this.#options;
    switch (benchmark.place) {
      case "connection": {
        let pair = this.#pairs.get(subject);
        if (pair === undefined) this.#pairs.set(subject, (pair = await this.#start(subject)));
        return pair.client.ask({ ask: "measure", benchmark: benchmark.name, effort });
      }
      case "processes": {
        const pair = await this.#start(subject, benchmark.nodeOptions);
        try {
          return await benchmark.measure(pair.server, pair.client, effort);
        } finally {
          await this.#stop(pair);
        }
      }
      case "local": {
        const alone = new Measured(subject, {
          nodeOptions: benchmark.hasThreads === true ? [] : (this.#options.client.nodeOptions ?? []),
        });
        try {
          return await alone.ask({ ask: "measure-local", benchmark: benchmark.name, subject, effort });
        } finally {
          await alone.stop();
        }
      }
    }
  }

  async #start(subject: string, nodeOptions: readonly string[] = []): Promise<Pair> {
    const start = (end: "server" | "client"): Measured => {
      const options = this.#options[end];
      const all = [...(options.nodeOptions ?? []), ...nodeOptions];
      // A thread needs a processor beside the one of the program that it belongs to.
      const processors = subject.endsWith(" worker") ? undefined : options.processors;
      return new Measured(`the ${end} of ${subject}`, { ...options, processors, nodeOptions: all });
    };
    const pair: Pair = { server: start("server"), client: start("client") };
    try {
      const endpoint = await pair.server.ask({ ask: "serve", subject });
      await pair.client.ask({ ask: "connect", subject, endpoint });
      return pair;
    } catch (error) {
      await this.#stop(pair);
      throw error;
    }
  }

  async #stop(pair: Pair | undefined): Promise<void> {
    await pair?.client.stop();
    await pair?.server.stop();
  }

  #add(benchmark: Benchmark, subject: string, measures: Measures | null): void {
    if (measures === null) return;
    for (const { name, unit } of benchmark.metrics) {
      const value = measures[name];
      if (value === undefined) throw new Error(`${benchmark.name} gave no ${name}`);
      this.#samples.add(benchmark.name, subject, name, unit, value);
    }
  }
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, " ").slice(0, 300);
}

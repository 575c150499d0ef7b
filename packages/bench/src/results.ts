// The results of one run: what a JSON file holds, and everything that tables and charts are made from.

import { median } from "./statistics.js";

export interface Row {
  readonly benchmark: string;
  readonly subject: string;
  readonly metric: string;
  readonly unit: string;
  /** Over the rounds, as are the two others. */
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Header {
  /** The day of the run, as year-month-day. */
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  /** How busy all processors together were in the second before the run. */
  readonly busyPercent: number;
  readonly platform: string;
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly connectionCount: number;
  /** Whether the server and the client had one half of the processors each. */
  readonly pinned: boolean;
  readonly versions: Readonly<Record<string, string>>;
}

export interface Results {
  readonly header: Header;
  readonly rows: readonly Row[];
  /** What could not be measured, and why. */
  readonly failures: readonly string[];
}

/** Collects one value per round, and gives rows in the order in which their first values came. */
export class Samples {
  readonly #rows = new Map<string, { readonly row: Omit<Row, "median" | "min" | "max">; readonly values: number[] }>();

  add(benchmark: string, subject: string, metric: string, unit: string, value: number): void {
    const key = [benchmark, subject, metric].join("\n");
    const sampled = this.#rows.get(key);
    if (sampled === undefined) this.#rows.set(key, { row: { benchmark, subject, metric, unit }, values: [value] });
    else sampled.values.push(value);
  }

  rows(): Row[] {
    return [...this.#rows.values()].map(({ row, values }) => ({
      ...row,
      median: rounded(median(values)),
      min: rounded(Math.min(...values)),
      max: rounded(Math.max(...values)),
    }));
  }
}

/** The row of one metric of one subject. */
export function rowOf(rows: readonly Row[], benchmark: string, subject: string, metric: string): Row | undefined {
  return rows.find((row) => row.benchmark === benchmark && row.subject === subject && row.metric === metric);
}

/** Three digits after the point: more than any measurement here is worth. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

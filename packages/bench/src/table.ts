// Results as text: aligned columns for a screen, and the same for a page. Both show every metric with its range, how
// it stands to the best other and to the floor, and the goals.

import { BENCHMARKS, type Benchmark, type Metric } from "./benchmark.js";
import { bestOther, floor, GOALS } from "./goals.js";
import type { Header, Results, Row } from "./results.js";
import { isFloor, OURS } from "./subject.js";

const COLUMNS = ["metric", "subject", "median", "min", "max", "to best other", "to floor"] as const;
/** Which of them hold text, not figures. */
const TEXT_COLUMNS = 2;

/** Above this, others took part in the run. */
const BUSY_PERCENT_MAX = 10;

interface Section {
  readonly heading: string;
  readonly goals: readonly string[];
  readonly cells: readonly (readonly string[])[];
}

export function screenTable(results: Results): string {
  const sections = sectionsOf(results);
  const widths = COLUMNS.map((column, i) =>
    Math.max(column.length, ...sections.flatMap(({ cells }) => cells.map((row) => row[i]?.length ?? 0))),
  );
  const line = (row: readonly string[]): string => padded(row, widths).join("  ").trimEnd();
  return [
    headline(results.header),
    ...sections.flatMap(({ heading, goals, cells }) => [
      "",
      heading,
      ...goals.map((goal) => `  goal: ${goal}`),
      `  ${line(COLUMNS)}`,
      ...cells.map((row) => `  ${line(row)}`),
    ]),
    ...failureLines(results),
    "",
  ].join("\n");
}

export function markdownTable(results: Results): string {
  return [
    headline(results.header),
    ...sectionsOf(results).flatMap(({ heading, goals, cells }) => [
      "",
      `### ${heading}`,
      "",
      ...(goals.length === 0 ? [] : [`Goal: ${goals.join("; ")}.`, ""]),
      ...pageLines(cells.map((row) => (row[1] === OURS ? row.map((cell) => (cell === "" ? "" : `**${cell}**`)) : row))),
    ]),
    ...failureLines(results),
  ].join("\n");
}

/** Padded as the formatter of the repository would. */
function pageLines(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string => `| ${padded(row, widths).join(" | ")} |`;
  const rule = widths.map((width, i) => (i < TEXT_COLUMNS ? `:${"-".repeat(width - 1)}` : `${"-".repeat(width - 1)}:`));
  return [line(COLUMNS), line(rule), ...rows.map(line)];
}

function padded(row: readonly string[], widths: readonly number[]): string[] {
  return row.map((cell, i) => (i < TEXT_COLUMNS ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)));
}

export function headline(header: Header): string {
  const versions = Object.entries(header.versions).map(([name, version]) => `${name} ${version}`);
  return (
    `Node ${header.node} on ${header.cpu}, ${header.cores} cores, ${header.platform}, ${header.date}: ` +
    `${header.rounds} ${header.rounds === 1 ? "round" : "rounds"} of ${header.measureMs} ms after ${header.warmUpMs} ms of warm-up, ` +
    `${header.pinned ? "server and client on one half of them each" : "processes wherever the system put them"}; ${versions.join(", ")}.` +
    (header.busyPercent > BUSY_PERCENT_MAX
      ? ` The machine had other work (${header.busyPercent} % before the run): repeat this when it has none.`
      : "")
  );
}

function sectionsOf({ rows }: Results): Section[] {
  return BENCHMARKS.filter(({ name }) => rows.some(({ benchmark }) => benchmark === name)).map((benchmark) => ({
    heading: `${benchmark.name}: ${benchmark.title}`,
    goals: GOALS.filter((goal) => goal.benchmark === benchmark.name).map(
      ({ text, isReached }) => `${text}${verdict(isReached(rows))}`,
    ),
    cells: benchmark.metrics.flatMap((metric) => metricCells(benchmark, metric, rows)),
  }));
}

function metricCells(benchmark: Benchmark, metric: Metric, rows: readonly Row[]): string[][] {
  const measured = rows.filter((row) => row.benchmark === benchmark.name && row.metric === metric.name);
  const order = (row: Row): number => (isFloor(row.subject) ? 0 : row.subject === OURS ? 1 : 2);
  const sign = metric.better === "less" ? 1 : -1;
  const best = bestOther(rows, benchmark.name, metric.name);
  return [...measured]
    .sort((a, b) => order(a) - order(b) || sign * (a.median - b.median))
    .map((row, i) => [
      i === 0 ? `${metric.name}, ${metric.unit}` : "",
      row.subject,
      figure(row.median),
      figure(row.min),
      figure(row.max),
      isFloor(row.subject) ? "" : ratio(row, best),
      ratio(row, floor(rows, benchmark.name, metric.name, row.subject)),
    ]);
}

function verdict(isReached: boolean | undefined): string {
  return isReached === undefined ? "" : isReached ? " (reached)" : " (missed)";
}

/** Nothing where there is nothing to divide by: a memory that did not grow has no ratio. */
function ratio(row: Row, other: Row | undefined): string {
  if (other === undefined || row.median <= 0 || other.median <= 0) return "";
  const value = row.median / other.median;
  return `${value >= 10 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(2) : value.toFixed(Math.min(20, 1 - Math.floor(Math.log10(value))))} ×`;
}

/** Three or more digits that mean something, and commas between thousands. */
export function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function failureLines({ failures }: Results): string[] {
  return failures.length === 0 ? [] : ["", "Not measured:", "", ...failures.map((failure) => `- ${failure}`)];
}

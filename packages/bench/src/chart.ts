// Results as a drawing: one panel of bars per benchmark, in SVG that follows the reader's light or dark background.

import { BENCHMARKS, type Benchmark } from "./benchmark.js";
import type { Results, Row } from "./results.js";
import { isFloor, OURS } from "./subject.js";
import { figure } from "./table.js";

const WIDTH = 860;
const MARGIN = 20;
const NAME_WIDTH = 150;
const FIGURE_WIDTH = 110;
const BAR_WIDTH_MAX = WIDTH - 2 * MARGIN - NAME_WIDTH - FIGURE_WIDTH;
const BAR_HEIGHT = 16;
const ROW_HEIGHT = 22;
const HEADING_HEIGHT = 26;
const PANEL_GAP = 18;

const STYLE = `
  text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f; }
  .heading { font-weight: 600; }
  .unit { fill: #57606a; font-weight: 400; }
  .other { fill: #8c959f; }
  .floor { fill: none; stroke: #8c959f; stroke-dasharray: 4 3; }
  .ours { fill: #0969da; }
  .range { stroke: #24292f; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .unit { fill: #9198a1; }
    .other { fill: #656c76; }
    .floor { stroke: #9198a1; }
    .ours { fill: #4493f8; }
    .range { stroke: #e6edf3; }
  }`;

export function chart(results: Results): string {
  const parts: string[] = [];
  let y = MARGIN;
  for (const benchmark of BENCHMARKS) {
    const rows = rowsOf(benchmark, results);
    if (rows.length === 0) continue;
    parts.push(...panel(benchmark, rows, y));
    y += HEADING_HEIGHT + rows.length * ROW_HEIGHT + PANEL_GAP;
  }
  const height = y - PANEL_GAP + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>Benchmarks of Troupe beside others, ${escaped(results.header.date)}, Node ${escaped(results.header.node)}</title>`,
    `<style>${STYLE}\n</style>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

/** The first metric's rows, best first, the floor on top. Yardsticks of local benchmarks would dwarf everything. */
function rowsOf(benchmark: Benchmark, { rows }: Results): Row[] {
  if (benchmark.place === "local") return [];
  const [metric] = benchmark.metrics;
  const sign = metric.better === "less" ? 1 : -1;
  return rows
    .filter((row) => row.benchmark === benchmark.name && row.metric === metric.name)
    .sort((a, b) => Number(isFloor(b.subject)) - Number(isFloor(a.subject)) || sign * (a.median - b.median));
}

function panel(benchmark: Benchmark, rows: readonly Row[], top: number): string[] {
  const [metric] = benchmark.metrics;
  const subjects = rows.filter(({ subject }) => !isFloor(subject));
  const scale = BAR_WIDTH_MAX / Math.max(...(subjects.length > 0 ? subjects : rows).map(({ max }) => max));
  const unit = `${metric.name}, ${metric.unit}, ${metric.better} is better`;
  return [
    `<text class="heading" x="${MARGIN}" y="${top + 13}">${escaped(benchmark.title)} <tspan class="unit">${escaped(unit)}</tspan></text>`,
    ...rows.flatMap((row, i) => bar(row, scale, top + HEADING_HEIGHT + i * ROW_HEIGHT)),
  ];
}

/** A bar, its range as a line, and its figure. The floor's is left open where it would leave the drawing. */
function bar(row: Row, scale: number, y: number): string[] {
  const start = MARGIN + NAME_WIDTH;
  const middle = y + BAR_HEIGHT / 2;
  const x = (value: number): number => start + Math.round(Math.min(BAR_WIDTH_MAX, Math.max(1, value * scale)));
  const text = (at: number, anchor: string, content: string): string =>
    `<text x="${at}" y="${middle + 4.5}" text-anchor="${anchor}">${escaped(content)}</text>`;
  const name = text(start - 10, "end", row.subject);
  if (row.median * scale > BAR_WIDTH_MAX + 1) {
    const outline = `M${start + BAR_WIDTH_MAX} ${y}H${start}v${BAR_HEIGHT}H${start + BAR_WIDTH_MAX}`;
    return [
      name,
      `<path class="floor" d="${outline}"/>`,
      text(start + BAR_WIDTH_MAX + 8, "start", `${figure(row.median)} →`),
    ];
  }
  const kind = row.subject === OURS ? "ours" : isFloor(row.subject) ? "floor" : "other";
  return [
    name,
    `<rect class="${kind}" x="${start}" y="${y}" width="${x(row.median) - start}" height="${BAR_HEIGHT}"/>`,
    `<path class="range" d="M${x(row.min)} ${middle}H${x(row.max)}"/>`,
    text(x(row.max) + 8, "start", figure(row.median)),
  ];
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

// The program: measures what the command line asks for, shows it, and writes it where it is wanted.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chart } from "./chart.js";
import { describeRun, halvesOfProcessors } from "./machine.js";
import { HELP, parseOptions, type Options } from "./options.js";
import { withResults } from "./page.js";
import type { Results } from "./results.js";
import { run } from "./run.js";
import { screenTable } from "./table.js";

const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));
const DOCS = join(PACKAGE, "..", "..", "docs");

/** What runs Troupe from its sources in a measured process. */
const FROM_SOURCE = ["--conditions=troupe-source", "--import", "tsx"];

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(HELP);
  else await main(options);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function main(options: Options): Promise<void> {
  const results = options.from === undefined ? await measure(options) : read(options.from);
  process.stdout.write(screenTable(results));
  let kept = options.from;
  if (options.json !== undefined) write((kept = options.json), results);
  if (options.save) write((kept = savedFile(results)), results);
  if (options.docs) writeDocs(results, kept);
  if (results.rows.length === 0) process.exitCode = 1;
}

async function measure({ rounds, effort, only, subjects, pin, source }: Options): Promise<Results> {
  const halves = pin ? halvesOfProcessors() : undefined;
  const nodeOptions = source ? FROM_SOURCE : [];
  const runOptions = {
    rounds,
    effort,
    only,
    subjects,
    server: { processors: halves?.server, nodeOptions },
    client: { processors: halves?.client, nodeOptions },
    progressed: showProgress,
  };
  const header = await describeRun(runOptions);
  const outcome = await run(runOptions);
  showProgress("");
  return { header, ...outcome };
}

/** One line that is written over, on a terminal; nothing elsewhere. */
function showProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
}

function savedFile({ header }: Results): string {
  const major = /^v(\d+)/.exec(header.node)?.[1] ?? "unknown";
  return join(PACKAGE, "results", `node-${major}-${header.date}.json`);
}

function writeDocs(results: Results, kept: string | undefined): void {
  if (kept === undefined) throw new Error("--docs is made from a file of results: add --save, --json or --from");
  const page = join(DOCS, "benchmarks.md");
  writeFileSync(page, withResults(readFileSync(page, "utf8"), results, basename(kept)));
  writeFileSync(join(DOCS, "benchmarks.svg"), chart(results));
}

function read(file: string): Results {
  return JSON.parse(readFileSync(resolve(file), "utf8")) as Results;
}

function write(file: string, results: Results): void {
  mkdirSync(dirname(resolve(file)), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
}

// The benchmarks as a program: a short run gives results of the agreed shape. What the figures are is not its business.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rowOf, type Results } from "../src/results.js";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const root = fileURLToPath(new URL("../../../", import.meta.url));

async function bench(...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ["--import", "tsx", "--conditions=troupe-source", main, ...args], {
    cwd: root,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

describe("a quick run of raw, birpc and troupe", () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
  const subjects = ["raw", "troupe", "birpc"];
  let results: Results;

  beforeAll(async () => {
    const file = join(folder, "results.json");
    const { code, output } = await bench("--quick", "--source", "--subjects", subjects.join(), "--json", file);
    expect(code, output).toBe(0);
    results = JSON.parse(readFileSync(file, "utf8")) as Results;
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it("measures every one of them, without a failure", () => {
    expect(results.failures).toEqual([]);
  });

  it("says where and how it was made", () => {
    expect(results.header).toMatchObject({ node: process.version, rounds: 1 });
    expect(results.header.date).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(results.header.cpu).not.toBe("");
    expect(results.header.cores).toBeGreaterThan(0);
    expect(results.header.versions).toMatchObject({ birpc: "4.2.0", capnweb: "0.12.0" });
  });

  it.each([
    ["sequential", ["median", "p99", "rate"]],
    ["in-flight-64", ["rate"]],
    ["in-flight-1000", ["rate"]],
    ["payload-64k", ["rate", "throughput"]],
    ["sends", ["rate"]],
  ])("gives %s a positive row for each subject and metric", (benchmark, metrics) => {
    for (const subject of subjects) {
      for (const metric of metrics) {
        const row = rowOf(results.rows, benchmark, subject, metric);
        expect(row, `${subject} ${metric}`).toEqual({
          benchmark,
          subject,
          metric,
          unit: expect.stringMatching(/./) as string,
          median: expect.any(Number) as number,
          min: expect.any(Number) as number,
          max: expect.any(Number) as number,
        });
        expect(row?.min).toBeGreaterThan(0);
        expect(row?.median).toBeGreaterThanOrEqual(row?.min ?? Number.NaN);
        expect(row?.max).toBeGreaterThanOrEqual(row?.median ?? Number.NaN);
      }
    }
  });

  it("gives memory as numbers, for each subject and end", () => {
    for (const subject of subjects) {
      for (const metric of ["server RSS", "client RSS", "server heap", "client heap"]) {
        // A hundred connections may fit into memory that was there already, so that nothing grew.
        expect(rowOf(results.rows, "idle-memory", subject, metric)?.median, `${subject} ${metric}`).toEqual(
          expect.any(Number),
        );
      }
    }
  });

  it("measures Troupe's actors", () => {
    expect(rowOf(results.rows, "actor-sends", "troupe", "rate")?.min).toBeGreaterThan(0);
    expect(rowOf(results.rows, "actor-calls", "troupe", "rate")?.min).toBeGreaterThan(0);
  });
});

describe("the command line", () => {
  it("--help names every option and benchmark", async () => {
    const { code, output } = await bench("--help");
    expect(code).toBe(0);
    for (const word of [
      "--rounds",
      "--quick",
      "--only",
      "--subjects",
      "--json",
      "--save",
      "--docs",
      "--from",
      "actor-calls",
      "capnweb",
    ]) {
      expect(output).toContain(word);
    }
  });

  it("--only refuses a benchmark that there is not, and names those that there are", async () => {
    const { code, output } = await bench("--only", "sequental");
    expect(code).toBe(1);
    expect(output).toContain("sequental");
    expect(output).toContain("in-flight-64");
  });
});

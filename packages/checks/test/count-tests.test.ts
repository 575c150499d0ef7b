import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { ROOT } from "../src/repository.js";

it("count-tests.mjs sums up a report in one line", () => {
  const testResults = [
    { status: "passed", assertionResults: [{ status: "passed" }] },
    { status: "failed", assertionResults: [{ status: "passed" }, { status: "failed" }] },
  ];
  expect(count({ numPassedTests: 2, numFailedTests: 1, testResults })).toBe("tests: 2 passed, 1 failed\n");
});

it("count-tests.mjs counts a file that could not be loaded as a failure", () => {
  const testResults = [{ status: "failed", assertionResults: [] }];
  expect(count({ numPassedTests: 0, numFailedTests: 0, testResults })).toBe("tests: 0 passed, 1 failed\n");
});

it("count-tests.mjs prints its line when there is no report", () => {
  expect(count(undefined)).toBe("tests: 0 passed, 0 failed\n");
});

function count(report: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), "troupe-report-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "tests.json");
  if (report !== undefined) writeFileSync(path, JSON.stringify(report));
  return spawnSync(process.execPath, [join(ROOT, "scripts/count-tests.mjs"), path], { encoding: "utf8" }).stdout;
}

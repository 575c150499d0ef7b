// Prints the one line that sums up a test run, from vitest's JSON report: `tests: N passed, N failed`.
// A file that could not even be loaded has no tests of its own: it counts as one that failed.

import { readFileSync } from "node:fs";

let passed = 0;
let failed = 0;
try {
  const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
  passed = report.numPassedTests;
  failed = report.numFailedTests + report.testResults.filter(isBroken).length;
} catch {
  console.error("There is no report of a test run.");
}
console.log(`tests: ${passed} passed, ${failed} failed`);

function isBroken({ status, assertionResults }) {
  return status === "failed" && !assertionResults.some((one) => one.status === "failed");
}

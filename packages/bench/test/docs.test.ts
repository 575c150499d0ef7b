// What is made from results: the tables, the chart, and the page in docs/ that shows them.

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { chart } from "../src/chart.js";
import { GOALS } from "../src/goals.js";
import { withResults } from "../src/page.js";
import type { Results, Row } from "../src/results.js";
import { headline, screenTable } from "../src/table.js";

const docs = new URL("../../../docs/", import.meta.url);
const kept = new URL("../results/", import.meta.url);

const header: Results["header"] = {
  date: "2026-01-02",
  node: "v20.19.0",
  cpu: "A & B <fast>",
  cores: 2,
  busyPercent: 3,
  platform: "linux x64",
  rounds: 5,
  warmUpMs: 300,
  measureMs: 800,
  connectionCount: 2000,
  pinned: true,
  versions: { birpc: "4.2.0" },
};

function resultsOf(...rows: [benchmark: string, subject: string, metric: string, median: number][]): Results {
  return {
    header,
    rows: rows.map(([benchmark, subject, metric, median]): Row => ({
      benchmark,
      subject,
      metric,
      unit: "calls/s",
      median,
      min: median * 0.9,
      max: median * 1.1,
    })),
    failures: [],
  };
}

describe("goals", () => {
  const goal = (text: string) => GOALS.find((each) => each.text === text);

  it("isReached() compares Troupe with the best other, not with the floor", () => {
    const others: Parameters<typeof resultsOf> = [
      ["in-flight-64", "raw", "rate", 1_000_000],
      ["in-flight-64", "birpc", "rate", 100_000],
      ["in-flight-64", "capnweb", "rate", 40_000],
    ];
    const fourTimes = goal("at least 4 × the best other");
    expect(fourTimes?.isReached(resultsOf(...others, ["in-flight-64", "troupe", "rate", 400_000]).rows)).toBe(true);
    expect(fourTimes?.isReached(resultsOf(...others, ["in-flight-64", "troupe", "rate", 399_999]).rows)).toBe(false);
  });

  it("isReached() wants a latency below the floor's times 1.15", () => {
    const close = goal("at most 1.15 × the floor");
    expect(
      close?.isReached(resultsOf(["sequential", "raw", "median", 100], ["sequential", "troupe", "median", 114.9]).rows),
    ).toBe(true);
    expect(
      close?.isReached(resultsOf(["sequential", "raw", "median", 100], ["sequential", "troupe", "median", 115.1]).rows),
    ).toBe(false);
  });

  it("isReached() does not know when Troupe was not measured", () => {
    expect(goal("at least 800,000/s")?.isReached(resultsOf(["sends", "birpc", "rate", 1]).rows)).toBeUndefined();
  });
});

describe("screenTable()", () => {
  it("aligns the figures and gives both ratios", () => {
    const table = screenTable(
      resultsOf(
        ["sends", "raw", "rate", 2_000_000],
        ["sends", "birpc", "rate", 100_000],
        ["sends", "troupe", "rate", 1_000_000],
      ),
    );
    const lines = table.split("\n").filter((line) => /^ .* (raw|troupe|birpc) /.test(line));
    expect(lines).toHaveLength(3);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
    expect(lines[1]).toMatch(/troupe +1,000,000 +900,000 +1,100,000 +10 × +0\.50 ×$/);
    expect(table).toContain("at least 800,000/s (reached)");
  });
});

describe("headline()", () => {
  it("warns when the machine had other work before the run", () => {
    expect(headline({ ...header, busyPercent: 3 })).not.toContain("other work");
    expect(headline({ ...header, busyPercent: 60 })).toContain("other work (60 % before the run)");
  });
});

describe("chart()", () => {
  it("draws a bar for each subject, and escapes what it writes", () => {
    const drawn = chart(resultsOf(["sends", "<birpc>", "rate", 10], ["sends", "troupe", "rate", 5]));
    expect(drawn.match(/<rect /g)).toHaveLength(2);
    expect(drawn).toContain(">&lt;birpc&gt;<");
    expect(drawn).toContain("prefers-color-scheme: dark");
    expect(drawn).not.toMatch(/NaN|Infinity/);
  });

  it("leaves the floor's bar open where it would dwarf the others", () => {
    const drawn = chart(resultsOf(["sends", "raw", "rate", 10_000_000], ["sends", "troupe", "rate", 5]));
    expect(drawn.match(/<rect /g)).toHaveLength(1);
    expect(drawn).toContain("10,000,000 →");
  });
});

describe("the page", () => {
  it("withResults() replaces what stands between the markers and nothing else", () => {
    const page = "before\n<!-- results: old.json -->\nold\n<!-- end of results -->\nafter\n";
    const made = withResults(page, resultsOf(["sends", "raw", "rate", 10]), "new.json");
    expect(made).toMatch(/^before\n<!-- results: new.json -->\n/);
    expect(made).toMatch(/<!-- end of results -->\nafter\n$/);
    expect(made).not.toContain("old");
  });

  it("shows the results of the file that it names, and so does the chart", () => {
    const page = readFileSync(new URL("benchmarks.md", docs), "utf8");
    const file = /<!-- results: (.*?) -->/.exec(page)?.[1] ?? "";
    expect(existsSync(new URL(file, kept)), `packages/bench/results/${file}`).toBe(true);
    const results = JSON.parse(readFileSync(new URL(file, kept), "utf8")) as Results;
    expect(withResults(page, results, file)).toBe(page);
    expect(readFileSync(new URL("benchmarks.svg", docs), "utf8")).toBe(chart(results));
  });
});

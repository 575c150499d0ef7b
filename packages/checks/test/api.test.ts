import { describe, expect, it } from "vitest";
import { publicDoors } from "../src/manifest.js";
import { programOf } from "../src/program.js";
import { publicNames, starViolations, undescribed } from "../src/public-api.js";
import { expectNone } from "../src/violation.js";

const program = programOf(publicDoors().map(({ source }) => source));

describe.each(publicDoors())("door $specifier", ({ specifier, source }) => {
  it("exports what its snapshot lists: run `npm run api` after a change on purpose", async () => {
    const lines = publicNames(program, source).map(({ name, kind }) => `${name}  ${kind}`);
    expect(lines.length).toBeGreaterThan(0);
    const file = `${specifier.replace("@troupe/", "").replaceAll("/", "-")}.txt`;
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(`../api/${file}`);
  });

  it("describes every name in a sentence", () => expectNone(undescribed(publicNames(program, source))));

  it("lists its names one by one", () => expectNone(starViolations(program, source)));
});

describe("undescribed()", () => {
  it("finds a name without a sentence", () => {
    const name = { name: "peer", kind: "const", path: "packages/core/src/a.ts", line: 3 };
    expect(undescribed([{ ...name, description: "" }])).toHaveLength(1);
    expect(undescribed([{ ...name, description: "One connection." }])).toEqual([]);
  });
});

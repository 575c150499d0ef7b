import { describe, expect, it } from "vitest";
import { codeViolations, listedCodes, givenCodes } from "../src/error-codes.js";
import { programOf } from "../src/program.js";
import { isShipped, repositoryFiles } from "../src/repository.js";
import { expectNone } from "../src/violation.js";

const PAGE = "docs/reference/errors.md";

const files = repositoryFiles();
const source = files.filter(isShipped);
const paths = source.map(({ path }) => path);
const given = givenCodes(programOf(paths), new Set(paths));

describe("error codes", () => {
  it(`every code that source gives is listed in ${PAGE}, and no other`, () => {
    const page = files.find(({ path }) => path === PAGE);
    if (page === undefined) throw new Error(`${PAGE} is missing`);
    expect(given.length).toBeGreaterThan(0);
    expectNone(codeViolations(given, page, source));
  });

  it("finds a code that is given and not listed, listed and not given, or listed twice", () => {
    const page = { path: "errors.md", text: "| code |\n| --- |\n| `a` | x |\n| `b` | y |\n| `a` | z |\n" };
    const at = { path: "a.ts", line: 7 };
    const found = codeViolations(
      [
        { ...at, code: "a" },
        { ...at, code: "c" },
      ],
      page,
      [{ path: "a.ts", text: '"a" "c"' }],
    );
    expect(found.map(({ path, line }) => `${path}:${line}`)).toEqual(["a.ts:7", "errors.md:4", "errors.md:5"]);
    expect(listedCodes(page)).toHaveLength(3);
  });
});

import { describe, expect, it } from "vitest";
import { exampleViolations } from "../src/jsdoc-examples.js";
import { publicDoors } from "../src/manifest.js";
import { programOf } from "../src/program.js";
import { publicNames } from "../src/public-api.js";
import { isShipped, repositoryFiles } from "../src/repository.js";
import { expectNone } from "../src/violation.js";

const program = programOf(publicDoors().map(({ source }) => source));
const publicDoorsOf = new Map<string, string[]>();
for (const { specifier, source } of publicDoors()) {
  for (const { name } of publicNames(program, source))
    publicDoorsOf.set(name, [...(publicDoorsOf.get(name) ?? []), specifier]);
}

describe("examples in JSDoc", () => {
  it("every @example compiles", () =>
    expectNone(exampleViolations(repositoryFiles().filter(isShipped), publicDoorsOf)));

  it("finds a mistake in an example, at its line", () => {
    const text = '\n/**\n * Adds.\n *\n * @example\n * address.call("add", 1);\n * address.call("ad", 1);\n */\n';
    const found = exampleViolations([{ path: "packages/core/src/a.ts", text }], publicDoorsOf);
    expect(found.map(({ path, line }) => `${path}:${line}`)).toEqual(["packages/core/src/a.ts:7"]);
  });
});

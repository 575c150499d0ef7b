import { describe, expect, it } from "vitest";
import { machineViolations, nodeViolations } from "../src/platform.js";
import { isShipped, repositoryFiles } from "../src/repository.js";
import { expectNone } from "../src/violation.js";

const core = repositoryFiles().filter((file) => isShipped(file) && file.path.startsWith("packages/core/src/"));

describe("platform", () => {
  it("core uses nothing that only Node has", () => {
    expect(core.length).toBeGreaterThan(10);
    expectNone(nodeViolations(core));
  });

  it("core takes time and randomness from base alone", () => {
    expectNone(machineViolations(core.filter(({ path }) => !path.startsWith("packages/core/src/base/"))));
  });

  it.each([
    'import "node:fs";',
    'import "fs";',
    "Buffer.from([]);",
    "globalThis.process.exit();",
    "let x: NodeJS.Timeout;",
  ])("finds what only Node has in: %s", (text) => expect(nodeViolations([{ path: "a.ts", text }])).toHaveLength(1));

  it.each([
    "Date.now();",
    "new Date();",
    "globalThis.performance.now();",
    "const later = setTimeout;",
    "globalThis.setImmediate(f);",
    "Math.random();",
    "globalThis.crypto.getRandomValues(x);",
  ])("finds the machine's time or randomness in: %s", (text) => {
    expect(machineViolations([{ path: "a.ts", text }])).toHaveLength(1);
  });

  it.each([
    "// setTimeout and Buffer",
    "'process';",
    "x.process();",
    "class A { process() {} setTimeout = 1; }",
    "new Date(0);",
    "clock.setTimeout(f);",
  ])("has nothing against: %s", (text) => {
    expectNone([...nodeViolations([{ path: "a.ts", text }]), ...machineViolations([{ path: "a.ts", text }])]);
  });
});

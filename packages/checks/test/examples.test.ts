import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../src/repository.js";

const DEADLINE_MS = 60_000;

const folder = join(ROOT, "examples");
const examples = existsSync(folder)
  ? readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  : [];

describe("examples", () => {
  it("every example begins in its main.ts", () => {
    expect(examples.filter((name) => !existsSync(join(folder, name, "main.ts")))).toEqual([]);
  });

  it("the demo is one of them", () => expect(examples).toContain("demo"));

  it.each(examples)("%s runs to its end by itself", async (name) => {
    const { code, signal, output } = await run(join(folder, name, "main.ts"));
    expect({ code, signal }, output).toEqual({ code: 0, signal: null });
    expect(output, "an example shows something").not.toBe("");
  });
});

/** Runs a program with no terminal and no input, as a newcomer's shell would run `npm run demo`. */
function run(main: string): Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--import", "tsx", "--conditions=troupe-source", main],
      { cwd: ROOT, timeout: DEADLINE_MS, killSignal: "SIGKILL", env: { ...process.env, NODE_OPTIONS: "", VITEST: "" } },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode, signal: child.signalCode, output: stdout + stderr });
      },
    );
    child.stdin?.end();
  });
}

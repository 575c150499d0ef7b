import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ROOT } from "../src/repository.js";

const DEADLINE_MS = 60_000;
/** Where the pages tell newcomers to put programs of their own: no part of the repository, and no example. */
const OWN = "mine";

const folder = join(ROOT, "examples");
const examples = examplesIn(folder);

describe("examples", () => {
  it("every example begins in its main.ts", () => {
    expect(examples.filter((name) => !existsSync(join(folder, name, "main.ts")))).toEqual([]);
  });

  it("the demo is one of them", () => expect(examples).toContain("demo"));

  it(`examples/${OWN}/ is none of them, and git leaves it alone`, () => {
    const other = mkdtempSync(join(tmpdir(), "troupe-examples-"));
    onTestFinished(() => rmSync(other, { recursive: true }));
    for (const name of ["hello", OWN]) mkdirSync(join(other, name));
    expect(examplesIn(other)).toEqual(["hello"]);
    expect(readFileSync(join(ROOT, ".gitignore"), "utf8").split("\n")).toContain(`examples/${OWN}/`);
  });

  it.each(examples)("%s runs to its end by itself", async (name) => {
    const { code, signal, output } = await run(join(folder, name, "main.ts"));
    expect({ code, signal }, output).toEqual({ code: 0, signal: null });
    expect(output, "an example shows something").not.toBe("");
  });
});

function examplesIn(parent: string): string[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== OWN)
    .map(({ name }) => name);
}

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

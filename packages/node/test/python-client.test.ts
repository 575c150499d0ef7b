// A client in another language, with that language's own CBOR library, written from docs/reference/protocol.md alone.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const example = fileURLToPath(new URL("../../../examples/python-client/main.ts", import.meta.url));

test("a client in Python calls, sends, reads a stream and meets a declared error", () => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--import", "tsx", "--conditions=troupe-source", example],
    { encoding: "utf8", timeout: 25_000 },
  );
  expect(stderr).toBe("");
  expect(status).toBe(0);
  if (process.env["CI"] !== "true" && stdout.includes("There is no Python")) {
    console.warn("not checked: there is no Python with cbor2 (Debian: python3-cbor2)");
    return;
  }
  expect(stdout.trim().split("\n")).toEqual([
    "the server provides calculator",
    "add: 3",
    "count: 1000 outputs, the last is 1000",
    "divide: divided-by-zero {'a': 1}",
    "logged: ['hello from Python']",
  ]);
});

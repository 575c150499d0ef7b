// The command line as a person or a script sees it: processes, what they print, and the number that they end with.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { call, defineService, RemoteError, send, ServiceMap, stream } from "@troupe/core";
import { listen } from "@troupe/node";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const FLAGS = ["--conditions=troupe-source", "--import", "tsx", MAIN];

/** Runs a command to its end. */
async function troupe(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [...FLAGS, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const [code] = (await once(child, "close")) as [number];
  return { code, out, err };
}

/** Starts a command that runs until it is stopped. */
function running(...args: string[]) {
  const child = spawn(process.execPath, [...FLAGS, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, ended, line: async () => (await lines.next()).value as string };
}

const Tools = defineService("tools", {
  add: call<{ a: number; b: number }, number>(),
  echo: call<unknown, unknown>(),
  fail: call<void, void>(),
  count: stream<number, number>(),
  note: send<string>(),
});

async function provider(): Promise<{ endpoint: string; notes: string[] }> {
  const notes: string[] = [];
  const services = new ServiceMap().add(Tools, {
    add: ({ a, b }) => a + b,
    echo: (value) => value,
    fail: () => {
      throw new RemoteError("no-paper", "there is no paper");
    },
    async *count(to) {
      for (let n = 1; n <= to; n++) yield n;
    },
    note: (text) => void notes.push(text),
  });
  const listener = await listen("tcp://127.0.0.1:0", { services, name: "tools of mine" });
  onTestFinished(() => listener.close({ graceMs: 0 }));
  return { endpoint: listener.endpoint, notes };
}

test("call prints answers as JSON, sends, and prints one line per output", { timeout: 60_000 }, async () => {
  const { endpoint, notes } = await provider();
  expect(await troupe("call", endpoint, "tools", "add", '{"a":1,"b":2}')).toEqual({ code: 0, out: "3\n", err: "" });
  const bytes = await troupe("call", endpoint, "tools", "echo", '{"it":{"$bytes":"AQI="},"ä":[null]}');
  expect(bytes.out).toBe('{"it":{"$bytes":"AQI="},"ä":[null]}\n');
  expect((await troupe("call", endpoint, "tools", "count", "3")).out).toBe("1\n2\n3\n");
  expect((await troupe("call", endpoint, "tools", "note", '"hello"')).code).toBe(0);
  expect(notes).toEqual(["hello"]);
});

test("the number at the end says what went wrong", { timeout: 60_000 }, async () => {
  const { endpoint } = await provider();
  const failed = await troupe("call", endpoint, "tools", "fail");
  expect(failed).toMatchObject({ code: 1, out: "", err: "troupe: no-paper: there is no paper\n" });
  const json = await troupe("call", endpoint, "tools", "nothing", "--json");
  expect(json.code).toBe(1);
  expect(JSON.parse(json.err)).toMatchObject({ error: { code: "unknown-message" } });
  expect((await troupe("call", endpoint, "tools", "add", "{")).code).toBe(2);
  expect((await troupe("nonsense")).code).toBe(2);
  expect((await troupe("services", "nonsense")).code).toBe(2);
  expect((await troupe("services", "tcp://127.0.0.1:1")).code).toBe(3);
  const help = await troupe("call", "--help");
  expect(help.code).toBe(0);
  expect(help.out).toContain("troupe call tcp://127.0.0.1:7000");
});

test("services are listed with their messages", { timeout: 30_000 }, async () => {
  const { endpoint } = await provider();
  const text = await troupe("services", endpoint);
  expect(text.out).toContain("tools of mine");
  expect(text.out).toContain("tools");
  const json = await troupe("services", endpoint, "--json");
  expect(JSON.stringify(JSON.parse(json.out))).toContain('"count"');
});

test("a directory runs until it is told to stop, and keeps what was registered", { timeout: 90_000 }, async () => {
  const store = mkdtempSync(join(tmpdir(), "cli-"));
  onTestFinished(() => rmSync(store, { recursive: true, force: true }));
  const start = () =>
    running("directory", "--listen", "tcp://127.0.0.1:0", "--http", "0", "--store", `lmdb:${store}`, "--json");
  let directory = start();
  const { endpoint } = JSON.parse(await directory.line()) as { endpoint: string };
  const { endpoint: http } = JSON.parse(await directory.line()) as { endpoint: string };
  const response = await fetch(`${http}/entries`, {
    method: "POST",
    body: JSON.stringify({ name: "printer", services: ["print"], leaseMs: 3_600_000 }),
  });
  const { entry } = (await response.json()) as { entry: { uuid: string } };
  const found = await troupe("find", endpoint, entry.uuid, "--json");
  expect(JSON.parse(found.out)).toMatchObject({ uuid: entry.uuid, name: "printer" });
  expect((await troupe("find", endpoint, "--service", "print")).out).toContain(entry.uuid);
  directory.child.kill("SIGTERM");
  expect(await directory.ended).toEqual([0, null]);
  directory = start();
  const again = JSON.parse(await directory.line()) as { endpoint: string };
  expect((await troupe("find", again.endpoint, entry.uuid)).out).toContain("printer");
});

test("what one terminal publishes, another one echoes", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const where = ["--folder", folder, "--host", "127.0.0.1", "--beacon-port", `${41_000 + (process.pid % 20_000)}`];
  const participant = running("participant", ...where);
  expect(await participant.line()).toMatch(/^participant [0-9a-f]{32} on tcp:/);
  const echo = running("echo", "pose", "--count", "2", ...where);
  const published = await troupe(
    "pub",
    "pose",
    '{"x":1}',
    "--count",
    "2",
    "--interval",
    "10",
    "--wait",
    "20000",
    ...where,
  );
  expect(published).toEqual({ code: 0, out: "published to 1\n", err: "" });
  expect([await echo.line(), await echo.line()]).toEqual(['{"x":1}', '{"x":1}']);
  expect(await echo.ended).toEqual([0, null]);
  const listening = running("echo", "pose", ...where);
  await expect
    .poll(async () => (await troupe("topics", "--wait", "300", ...where)).out, { timeout: 30_000 })
    .toBe("pose  0 publishing, 1 subscribed\n");
  listening.child.kill("SIGINT");
  expect(await listening.ended).toEqual([0, null]);
  participant.child.kill("SIGTERM");
  expect(await participant.ended).toEqual([0, null]);
});

// Entries that are made from a terminal: once, or for as long as the command runs; and what a directory refuses.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Directory, directoryServices } from "@troupe/core/network";
import { listen } from "@troupe/node";
import { runProgram } from "troupe";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** Runs a command in this process. */
async function troupe(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const code = await runProgram(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

async function directoryAt(): Promise<{ directory: Directory; endpoint: string }> {
  const directory = await Directory.open();
  const listener = await listen("tcp://127.0.0.1:0", { services: directoryServices(directory) });
  onTestFinished(async () => {
    await directory.close();
    await listener.close({ graceMs: 0 });
  });
  return { directory, endpoint: listener.endpoint };
}

test("what was registered once is found by its UUID and by its services", async () => {
  const { endpoint } = await directoryAt();
  const said = ["--endpoint", "tcp://10.0.0.5:7000", "--endpoint", "tcp://10.0.0.6:7000", "--service", "clock"];
  const registered = await troupe("register", endpoint, "--name", "a clock", ...said, "--lease", "60000", "--json");
  expect(registered).toMatchObject({ code: 0, err: "" });
  const { entry, key, leaseMs } = JSON.parse(registered.out);
  expect(leaseMs).toBe(60_000);
  const wanted = { name: "a clock", services: ["clock"], endpoints: ["tcp://10.0.0.5:7000", "tcp://10.0.0.6:7000"] };
  expect(JSON.parse((await troupe("find", endpoint, entry.uuid, "--json")).out)).toMatchObject(wanted);
  expect(JSON.parse((await troupe("find", endpoint, "--service", "clock", "--json")).out)).toMatchObject(wanted);
  expect(await troupe("find", endpoint, "--service", "printer")).toEqual({ code: 0, out: "", err: "" });
  const changed = await troupe("register", endpoint, "--name", "b", "--key", key);
  expect(changed.out).toContain(entry.uuid);
});

test("find prints every entry, also those behind the first page", async () => {
  const { directory, endpoint } = await directoryAt();
  const count = directory.limits.listMax + 1;
  await Promise.all(Array.from({ length: count }, () => directory.register({}, "tcp://127.0.0.1:1")));
  const { out } = await troupe("find", endpoint, "--json");
  expect(new Set(out.trimEnd().split("\n")).size).toBe(count);
});

test("what a directory refuses ends with 1, and what makes no sense with 2", async () => {
  const { endpoint } = await directoryAt();
  const uuid = "00000000-0000-8000-8000-000000000000";
  const unknown = await troupe("find", endpoint, uuid, "--json");
  expect(unknown).toMatchObject({ code: 1, out: "" });
  expect(JSON.parse(unknown.err)).toMatchObject({ error: { code: "unknown-entry" } });
  const refused = await troupe("register", endpoint, "--endpoint", "nowhere");
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(/^troupe: registration-invalid: /);
  const nonsense = await troupe("register", endpoint, "--lease", "soon");
  expect(nonsense.code).toBe(2);
  expect(nonsense.err).toMatch(/^troupe: usage: /);
  expect((await troupe("find", endpoint, uuid, "--service", "clock")).code).toBe(2);
});

test("directory ends with 3 where it cannot listen", async () => {
  const { endpoint } = await directoryAt();
  const taken = await troupe("directory", "--listen", endpoint);
  expect(taken.code).toBe(3);
  expect(taken.err).toMatch(/^troupe: address-in-use: /);
});

test("register --keep renews the lease until SIGTERM, and takes the entry out", async () => {
  const { directory, endpoint } = await directoryAt();
  const flags = ["--conditions=troupe-source", "--import", "tsx", MAIN];
  const args = ["register", endpoint, "--name", "kept", "--lease", "1000", "--keep", "--json"];
  const child = spawn(process.execPath, [...flags, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { entry } = JSON.parse((await lines.next()).value as string);
  const changes = directory.watch(entry.uuid);
  await changes.next();
  // Ends with a lease that nobody keeps: when it is gone, one that was kept from before has been renewed.
  const other = await directory.register({ leaseMs: 2000 }, "tcp://127.0.0.1:1");
  for await (const value of directory.watch(other.entry.uuid)) if (value === null) break;
  expect(directory.query(entry.uuid)).toMatchObject({ name: "kept" });
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(directory.query(entry.uuid)).toBeUndefined();
});

// How fast a directory answers and takes in, on this machine: one process with LMDB, one that asks over TCP. `npm run
// bench:directory` prints a table. LMDB itself, written by one program that waits for each commit and by one that does not, stands
// beside it.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Directory, directoryServices, DirectoryService } from "@troupe/core/network";
import { connect, listen, lmdbStore } from "@troupe/node";

const ENTRIES = 100_000;
const QUERIES = 400_000;
const IN_FLIGHT = 512;
const SELF = fileURLToPath(import.meta.url);

/** Runs `count` calls with some in flight at once; resolves with how many there were a second. */
async function rate(count: number, call: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const startedAt = performance.now();
  const one = async (): Promise<void> => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, one));
  return (count / (performance.now() - startedAt)) * 1000;
}

async function serve(path: string): Promise<void> {
  const startedAt = performance.now();
  const directory = await Directory.open({ store: lmdbStore(path), limits: { entriesPerAddressMax: 2 * ENTRIES } });
  const listener = await listen("tcp://127.0.0.1:0", { services: directoryServices(directory) });
  console.log(`${listener.endpoint} ${performance.now() - startedAt} ${directory.size}`);
}

async function started(path: string): Promise<{ child: ChildProcess; endpoint: string; openMs: number; size: number }> {
  const child = spawn(process.execPath, [...process.execArgv, SELF, path], { stdio: ["ignore", "pipe", "inherit"] });
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const [endpoint = "", openMs, size] = String(value).split(" ");
  return { child, endpoint, openMs: Number(openMs), size: Number(size) };
}

async function stopped(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await ended;
}

async function storeAlone(): Promise<number> {
  const path = mkdtempSync(join(tmpdir(), "lmdb-"));
  const store = lmdbStore(path);
  const entry = { name: "program", endpoints: ["tcp://127.0.0.1:7000"], services: ["calculator"] };
  const reached = await rate(ENTRIES, (index) =>
    store.put({ ...entry, uuid: `${index}`, observed: "tcp://127.0.0.1:1", version: 1, leaseMs: 60_000 }),
  );
  await store.close();
  rmSync(path, { recursive: true });
  return reached;
}

async function main(): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), "directory-"));
  let running = await started(path);
  let peer = await connect(running.endpoint);
  let directory = peer.address(DirectoryService);
  const uuids: string[] = [];
  const registrations = await rate(ENTRIES, async (index) => {
    const said = {
      name: `program ${index}`,
      endpoints: ["tcp://127.0.0.1:7000"],
      services: ["calculator"],
      leaseMs: 3_600_000,
    };
    uuids.push((await directory.call("register", said)).entry.uuid);
  });
  const queries = await rate(QUERIES, (index) => directory.call("query", uuids[index % uuids.length] ?? ""));
  await stopped(running.child);
  peer.abort();
  running = await started(path);
  const { openMs, size } = running;
  peer = await connect(running.endpoint);
  directory = peer.address(DirectoryService);
  const [first = ""] = uuids;
  const isThere = (await directory.call("query", first)) !== null;
  await peer.close();
  await stopped(running.child);
  rmSync(path, { recursive: true });
  const alone = await storeAlone();
  const rows = [
    ["queries a second", "≥ 50,000", queries.toFixed(0)],
    ["durable registrations a second", "≥ 10,000", registrations.toFixed(0)],
    ["of LMDB alone, without a directory", "", alone.toFixed(0)],
    [`ms to open ${size} entries after kill -9`, "≤ 1,000", `${openMs.toFixed(0)}${isThere ? "" : " (lost)"}`],
  ];
  for (const [what = "", goal = "", got = ""] of rows) console.log(`${what.padEnd(42)}${got.padStart(9)}  ${goal}`);
}

const [, , served] = process.argv;
if (served === undefined) await main();
else await serve(served);

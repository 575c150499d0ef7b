// A directory on disks that have no room, or may not be written: it says so, answers on, and loses nothing.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { Directory } from "@troupe/core/network";
import { lmdbStore, serveDirectory } from "@troupe/node";

const why = whyNoMount();
if (why !== undefined) console.log(`skipped: disks that are full or read-only (${why})`);
const onDisk = test.skipIf(why !== undefined);

/** A disk of its own, in memory. */
function disk(size: string): string {
  const path = mkdtempSync(join(tmpdir(), "disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path], { stdio: "pipe" });
  onTestFinished(() => {
    execFileSync("umount", ["-l", path], { stdio: "pipe" });
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

onDisk("a full disk is told, the rest keeps answering, and what was acknowledged is there afterwards", async () => {
  // lmdb says of each commit that fails what it thinks of it.
  vi.spyOn(console, "error").mockImplementation(() => {});
  const path = disk("1m");
  const directory = await Directory.open({ store: lmdbStore(path) });
  const http = await serveDirectory(directory);
  const acknowledged: string[] = [];
  let failure: unknown;
  for (let n = 0; failure === undefined && n < 20_000; n++) {
    await directory.register({ name: `${n} `.padEnd(200, "x") }, "unix:///a").then(
      ({ entry }) => acknowledged.push(entry.uuid),
      (error: unknown) => (failure = error),
    );
  }
  expect(failure).toMatchObject({ code: "store-failed" });
  expect(acknowledged.length).toBeGreaterThan(100);
  // What still fits into pages that are there is taken in, and counts; the rest is refused, and answered as such.
  const codes = new Set<string>();
  for (let n = 0; n < 200 && codes.size === 0; n++) {
    const body = JSON.stringify({ name: "y".repeat(250), services: [`service ${n} `.padEnd(250, "z")] });
    const answer = await fetch(`${http.url}/entries`, { method: "POST", body });
    const said = (await answer.json()) as { code?: string; entry?: { uuid: string } };
    if (answer.status === 201) acknowledged.push(said.entry?.uuid ?? "");
    else codes.add(`${answer.status} ${said.code}`);
  }
  expect([...codes]).toEqual(["503 store-failed"]);
  for (const uuid of acknowledged) expect(directory.query(uuid)?.uuid).toBe(uuid);
  await http.close();
  await directory.close();
  // There is room again.
  execFileSync("mount", ["-o", "remount,size=8m", path], { stdio: "pipe" });
  const again = await Directory.open({ store: lmdbStore(path) });
  expect(again.size).toBe(acknowledged.length);
  for (const uuid of acknowledged) expect(again.query(uuid)?.uuid).toBe(uuid);
  await again.register({ name: "after" }, "unix:///a");
  await again.close();
});

onDisk("a disk that may not be written is told when the store is opened, or when something is to be kept", async () => {
  const path = disk("8m");
  const directory = await Directory.open({ store: lmdbStore(path) });
  const { entry } = await directory.register({ name: "kept" }, "unix:///a");
  await directory.close();
  execFileSync("mount", ["-o", "remount,ro", path], { stdio: "pipe" });
  await expect((async () => Directory.open({ store: lmdbStore(path) }))()).rejects.toMatchObject({
    code: "store-failed",
  });
  execFileSync("mount", ["-o", "remount,rw", path], { stdio: "pipe" });
  const again = await Directory.open({ store: lmdbStore(path) });
  expect(again.query(entry.uuid)?.name).toBe("kept");
  await again.close();
});

/** Why no disk can be made here; undefined if one can. */
function whyNoMount(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), "disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", path], { stdio: "pipe" });
    execFileSync("umount", [path], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return (error as Error).message.split("\n")[0];
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

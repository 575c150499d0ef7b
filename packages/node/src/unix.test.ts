import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, lstat, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { TransportListener } from "@troupe/core";
import { unix, UNIX_MODE, UNIX_PATH_BYTES_MAX } from "./unix.js";

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "troupe-"));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

const ignore = (): void => {};

async function listening(path: string, mode?: number): Promise<TransportListener> {
  const listener = await unix(mode === undefined ? {} : { mode }).listen(`unix://${path}`, (each) => each.abort());
  onTestFinished(() => listener.close());
  return listener;
}

/** Leaves a socket's file behind, as a program does that is killed. */
async function killedListener(path: string): Promise<void> {
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("listening"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
}

describe("unix()", () => {
  test.each([
    [undefined, UNIX_MODE],
    [0o660, 0o660],
    [0o666, 0o666],
    [0o600, 0o600],
  ])("the file has the mode that was asked for, whatever the umask: %s", async (mode, expected) => {
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    const path = join(await folder(), "a.sock");
    await listening(path, mode);
    expect((await stat(path)).mode & 0o777).toBe(expected);
    expect(process.umask()).toBe(0o077);
  });

  test("the file is gone when its listener is closed", async () => {
    const path = join(await folder(), "a.sock");
    const listener = await listening(path);
    await listener.close();
    await expect(lstat(path)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("the file of a program that was killed is removed, and listened on anew", async () => {
    const path = join(await folder(), "a.sock");
    await killedListener(path);
    expect((await lstat(path)).isSocket()).toBe(true);
    await expect(unix().connect(`unix://${path}`)).rejects.toMatchObject({ code: "connect-refused" });
    await listening(path);
    const dialled = await unix().connect(`unix://${path}`);
    dialled.abort();
  });

  test("of ten who find the same stale file one listens, and the others are told that somebody does", async () => {
    const path = join(await folder(), "a.sock");
    await killedListener(path);
    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, () => unix().listen(`unix://${path}`, (each) => each.abort())),
    );
    const listeners = attempts.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const codes = attempts.flatMap((each) =>
      each.status === "rejected" ? [(each.reason as { code: string }).code] : [],
    );
    expect(listeners).toHaveLength(1);
    expect(new Set(codes)).toEqual(new Set(["address-in-use"]));
    const dialled = await unix().connect(`unix://${path}`);
    dialled.abort();
    await listeners[0]?.close();
  });

  test("a file that somebody listens on is left alone", async () => {
    const path = join(await folder(), "a.sock");
    await listening(path);
    const { ino } = await lstat(path);
    await expect(unix().listen(`unix://${path}`, ignore)).rejects.toMatchObject({ code: "address-in-use" });
    expect((await lstat(path)).ino).toBe(ino);
  });

  test("a file that is no socket is left alone, and the error says so", async () => {
    const path = join(await folder(), "notes.txt");
    await writeFile(path, "important");
    const attempt = unix().listen(`unix://${path}`, ignore);
    await expect(attempt).rejects.toMatchObject({ code: "listen-failed" });
    await expect(attempt).rejects.toThrow(/no socket/);
    expect((await lstat(path)).size).toBe(9);
  });

  test("a folder that is not there, and one that may not be written to, are listen-failed, and the error says why", async () => {
    const made = await folder();
    await expect(unix().listen(`unix://${made}/none/a.sock`, ignore)).rejects.toMatchObject({ code: "listen-failed" });
    await chmod(made, 0o500);
    const attempt = unix().listen(`unix://${made}/a.sock`, ignore);
    // Nothing is forbidden to the superuser.
    if (process.getuid?.() === 0) await (await attempt).close();
    else await expect(attempt).rejects.toThrow(/EACCES/);
  });

  test.each(["unix://relative/path", "unix:///", "unix:///folder/", `unix:///${"a".repeat(UNIX_PATH_BYTES_MAX)}`])(
    "%s is endpoint-invalid",
    async (endpoint) => {
      await expect(unix().connect(endpoint)).rejects.toMatchObject({ code: "endpoint-invalid", endpoint });
      await expect(unix().listen(endpoint, ignore)).rejects.toMatchObject({ code: "endpoint-invalid", endpoint });
    },
  );

  test("a path of the greatest length works", async () => {
    const made = await folder();
    const path = join(made, "a".repeat(UNIX_PATH_BYTES_MAX - made.length - 1));
    expect(path).toHaveLength(UNIX_PATH_BYTES_MAX);
    await listening(path);
    (await unix().connect(`unix://${path}`)).abort();
  });

  test.each([-1, 0o1000, 0.5, NaN])("mode %s throws option-invalid", (mode) => {
    expect(() => unix({ mode })).toThrow(expect.objectContaining({ code: "option-invalid" }));
  });
});

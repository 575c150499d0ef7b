// The directory on a disk and over HTTP: acknowledged registrations survive kill -9, damage is told and not mended, and no request
// does harm.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { call, defineService, ServiceMap } from "@troupe/core";
import { Directory, DirectoryClient, type DirectoryEntry } from "@troupe/core/network";
import { directoryStoreConformance, SeededRandom } from "@troupe/core/testing";
import { connect, link, listen, lmdbStore, serveDirectory } from "@troupe/node";
import { program } from "./program.js";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "directory-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

describe("LMDB", () => {
  for (const { name, run } of directoryStoreConformance("lmdb", async () => {
    const path = mkdtempSync(join(tmpdir(), "directory-"));
    return { open: async () => lmdbStore(path), dispose: async () => rmSync(path, { recursive: true, force: true }) };
  })) {
    test(name, run);
  }

  test("every registration that was acknowledged survives kill -9", { timeout: 60_000 }, async () => {
    const path = folder();
    for (let round = 0; round < 3; round++) {
      const before = await uuidsIn(path);
      const running = program("directory", path);
      const endpoint = await running.line();
      const peer = await connect(endpoint);
      const acknowledged: string[] = [];
      const { DirectoryService } = await import("@troupe/core/network");
      const directory = peer.address(DirectoryService);
      const registering = Promise.allSettled(
        Array.from({ length: 2000 }, async (_, index) => {
          const { entry } = await directory.call("register", { name: `${index}`, leaseMs: 3_600_000 });
          acknowledged.push(entry.uuid);
          if (acknowledged.length === 700) running.process.kill("SIGKILL");
        }),
      );
      await registering;
      await running.ended;
      expect(acknowledged.length).toBeGreaterThanOrEqual(700);
      const kept = await uuidsIn(path);
      for (const uuid of [...before, ...acknowledged]) expect(kept.has(uuid)).toBe(true);
    }
  });

  test("what is damaged or something else is told, and left as it is", async () => {
    const path = folder();
    const file = join(path, "entries.mdb");
    writeFileSync(file, "this is no database, and more than one page of it. ".repeat(400));
    const before = readFileSync(file);
    await expect(Promise.resolve().then(() => opened(path))).rejects.toMatchObject({ code: "store-corrupt" });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("a file that was cut is told, and left as it is", async () => {
    const path = folder();
    const directory = await opened(path);
    await Promise.all(Array.from({ length: 500 }, (_, index) => directory.register({ name: `${index}` }, "unix:///a")));
    await directory.close();
    const file = join(path, "entries.mdb");
    const bytes = readFileSync(file);
    for (const length of [10, 4096, bytes.length >> 1, bytes.length - 4096]) {
      writeFileSync(file, bytes.subarray(0, length));
      await expect(Promise.resolve().then(() => opened(path))).rejects.toMatchObject({ code: "store-corrupt" });
      expect(statSync(file).size).toBe(length);
    }
    writeFileSync(file, bytes);
    const whole = await opened(path);
    expect(whole.size).toBe(500);
    await whole.close();
  });

  test("a page that is something else is told, whichever it is, or nobody needs it", { timeout: 60_000 }, async () => {
    const path = folder();
    const directory = await opened(path);
    const long = Array.from({ length: 60 }, (_, index) => `service ${index} `.padEnd(200, "x"));
    for (let n = 0; n < 200; n++) {
      await directory.register({ name: `${n} `.padEnd(100, "y"), services: n % 20 === 0 ? long : [] }, "unix:///a");
    }
    await directory.close();
    const bytes = readFileSync(join(path, "entries.mdb"));
    const random = new SeededRandom(1);
    let refused = 0;
    for (let at = 0; at < bytes.length; at += 4096) {
      const damaged = Buffer.from(bytes);
      damaged.set(random.bytes(at % 3 === 0 ? 24 : 4096), at);
      const copy = folder();
      writeFileSync(join(copy, "entries.mdb"), damaged);
      const outcome = await opened(copy).catch((error: unknown) => error);
      if (outcome instanceof Directory) {
        expect(outcome.size).toBe(200);
        await outcome.close();
      } else {
        refused++;
        expect(outcome).toMatchObject({ code: "store-corrupt" });
        expect(readFileSync(join(copy, "entries.mdb")).equals(damaged)).toBe(true);
      }
    }
    expect(refused).toBeGreaterThan(20);
  });

  test("an entry that cannot be read is told, and the others are not thrown away", async () => {
    const path = folder();
    const { open } = await import("lmdb");
    const database = open<Buffer, string>({ path: join(path, "entries.mdb"), encoding: "binary" });
    await database.put("00000000-0000-8000-8000-000000000000", Buffer.from([0xff, 0xff]));
    await database.close();
    const bytes = statSync(join(path, "entries.mdb")).size;
    await expect(opened(path)).rejects.toMatchObject({ code: "store-corrupt" });
    expect(statSync(join(path, "entries.mdb")).size).toBe(bytes);
  });

  test("a place that cannot be written is told", () => {
    const path = join(folder(), "a-file");
    writeFileSync(path, "");
    expect(() => lmdbStore(path)).toThrow(expect.objectContaining({ code: "store-failed" }));
  });
});

async function opened(path: string): Promise<Directory> {
  return Directory.open({ store: lmdbStore(path) });
}

async function uuidsIn(path: string): Promise<Set<string>> {
  const directory = await Directory.open({ store: lmdbStore(path) });
  const uuids = new Set<string>();
  let after = "";
  for (;;) {
    const { entries, hasMore } = directory.list({ after });
    for (const { uuid } of entries) uuids.add(uuid);
    if (!hasMore) break;
    after = entries.at(-1)?.uuid ?? "";
  }
  await directory.close();
  return uuids;
}

/** What is looked at of answers. */
interface Answered {
  readonly entry: DirectoryEntry;
  readonly key: string;
}

describe("HTTP", () => {
  async function served() {
    const directory = await Directory.open();
    const http = await serveDirectory(directory);
    onTestFinished(async () => {
      await http.close();
      await directory.close();
    });
    const ask = async (method: string, path: string, body?: unknown, key?: string) => {
      const response = await fetch(`${http.url}${path}`, {
        method,
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
        ...(key !== undefined && { headers: { authorization: `Bearer ${key}` } }),
      });
      const text = await response.text();
      return { status: response.status, value: (text === "" ? undefined : JSON.parse(text)) as Answered };
    };
    return { directory, http, ask };
  }

  test("register, query, list, change, renew and unregister", async () => {
    const { ask } = await served();
    const made = await ask("POST", "/entries", {
      name: "camera",
      endpoints: ["tcp://0.0.0.0:7000"],
      services: ["see"],
    });
    expect(made.status).toBe(201);
    const { entry, key } = made.value;
    expect(entry.endpoints).toEqual(["tcp://127.0.0.1:7000"]);
    expect(await ask("GET", `/entries/${entry.uuid}`)).toEqual({ status: 200, value: entry });
    expect((await ask("GET", "/entries?service=see&limit=5")).value).toEqual({ entries: [entry], hasMore: false });
    expect(await ask("PUT", `/entries/${entry.uuid}`, undefined, key)).toEqual({
      status: 200,
      value: { leaseMs: 60_000 },
    });
    expect((await ask("PUT", `/entries/${entry.uuid}`, { name: "new" }, key)).value.entry.version).toBe(2);
    // A body replaces everything, also an empty one.
    expect((await ask("PUT", `/entries/${entry.uuid}`, {}, key)).value.entry).toMatchObject({
      version: 3,
      services: [],
    });
    expect((await ask("DELETE", `/entries/${entry.uuid}`, undefined, key)).status).toBe(204);
    expect((await ask("GET", `/entries/${entry.uuid}`)).status).toBe(404);
  });

  test("what is malformed, too long, not owned or not there has its own status", async () => {
    const { ask } = await served();
    const { entry } = (await ask("POST", "/entries", {})).value;
    const answers = [
      await ask("POST", "/entries", "{"),
      await ask("POST", "/entries", "[]"),
      await ask("POST", "/entries", '{"name":5}'),
      await ask("POST", "/entries", `{"name":"${"x".repeat(20_000)}"}`),
      await ask("GET", "/nothing"),
      await ask("GET", "/entries/nobody"),
      await ask("GET", "/entries?limit=many"),
      await ask("PATCH", "/entries"),
      await ask("DELETE", `/entries/${entry.uuid}`),
      await ask("DELETE", `/entries/${entry.uuid}`, undefined, "ab".repeat(32)),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 413, 404, 404, 400, 405, 401, 403]);
    for (const { value } of answers) expect(value).toEqual({ code: expect.any(String), message: expect.any(String) });
  });

  test("changes are told as they come", async () => {
    const { ask, directory, http } = await served();
    const { entry, key } = (await ask("POST", "/entries", { name: "a" })).value;
    const lines: string[] = [];
    const watching = request(`${http.url}/entries/${entry.uuid}/changes`, (response) => {
      response.setEncoding("utf8").on("data", (text: string) => lines.push(text));
    });
    watching.on("error", () => {});
    watching.end();
    await expect.poll(() => lines.length).toBe(1);
    await ask("PUT", `/entries/${entry.uuid}`, { name: "b" }, key);
    await ask("DELETE", `/entries/${entry.uuid}`, undefined, key);
    await expect.poll(() => lines.at(-1)).toBe("data: null\n\n");
    expect(lines[0]).toContain('"name":"a"');
    watching.destroy();
    await expect.poll(() => directory.watched).toBe(0);
  });

  test("of watches behind each other on one connection one is served, and none is left when it is cut", async () => {
    const { ask, directory, http } = await served();
    const { entry } = (await ask("POST", "/entries", { name: "a" })).value;
    const { port } = new URL(http.url);
    const question = `GET /entries/${entry.uuid}/changes HTTP/1.1\r\nHost: directory\r\n\r\n`;
    for (let round = 0; round < 20; round++) {
      const socket = connectSocket(Number(port), "127.0.0.1");
      socket.write(question.repeat(3));
      await new Promise((resolve) => socket.once("data", resolve));
      expect(directory.watched).toBe(1);
      socket.destroy();
      await expect.poll(() => directory.watched).toBe(0);
    }
  });

  test(
    "many requests behind each other, whose answers nobody reads, do not fill memory",
    { timeout: 30_000 },
    async () => {
      const { directory, http, ask } = await served();
      const services = Array.from({ length: 128 }, (_, index) => `service ${index} `.padEnd(200, "x"));
      for (let n = 0; n < 300; n++) await directory.register({ services }, "tcp://10.0.0.1:1");
      const { port } = new URL(http.url);
      const socket = connectSocket(Number(port), "127.0.0.1");
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => {});
      socket.pause();
      const before = process.memoryUsage().rss;
      // Each answer is some 8 MB.
      socket.write("GET /entries HTTP/1.1\r\nHost: directory\r\n\r\n".repeat(60));
      for (let n = 0; n < 20; n++) expect((await ask("GET", "/entries?limit=1")).status).toBe(200);
      expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
    },
  );

  test("answers come in the order of their requests, and somebody who asks too much at once is cut", async () => {
    const { http } = await served();
    const { port } = new URL(http.url);
    const socket = connectSocket(Number(port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    let text = "";
    socket.setEncoding("utf8").on("data", (piece: string) => (text += piece));
    const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: directory\r\n\r\n`;
    socket.write(request("/entries") + request("/nothing") + request("/entries"));
    await expect
      .poll(() => [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status))
      .toEqual(["200", "404", "200"]);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    socket.write(request("/entries").repeat(1000));
    await closed;
  });

  test("a request that does not come to its end in time is cut, and holds up nobody", async () => {
    const directory = await Directory.open();
    const http = await serveDirectory(directory, { requestMs: 300 });
    for (const start of ["GET /entries HT", "POST /entries HTTP/1.1\r\nHost: d\r\nContent-Length: 50\r\n\r\n{"]) {
      const socket = connectSocket(Number(new URL(http.url).port), "127.0.0.1");
      socket.on("error", () => {});
      let said = "";
      socket.on("data", (bytes) => (said += bytes.toString()));
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.write(start);
      expect((await fetch(`${http.url}/entries`)).status).toBe(200);
      await closed;
      expect(said).toMatch(/^HTTP\/1.1 4/);
    }
    await http.close();
    await directory.close();
  });

  test("bytes that are no HTTP do no harm", async () => {
    const { ask, http } = await served();
    const port = Number(new URL(http.url).port);
    for (const text of [
      "\0\0\0\0",
      "GET / HTTP/9\r\n\r\n",
      "POST /entries HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
      "x".repeat(100_000),
    ]) {
      const socket = connectSocket(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      socket.write(text);
      socket.end();
      await new Promise((resolve) => socket.once("close", resolve));
    }
    expect((await ask("POST", "/entries", {})).status).toBe(201);
  });
});

const Greeter = defineService("greeter", { hello: call<string, string>() });

test(
  "two that met through the directory go on when it is killed, and it comes back with their entries",
  { timeout: 60_000 },
  async () => {
    const path = folder();
    let running = program("directory", path);
    const endpoint = await running.line();
    await using up = link(endpoint);
    await using client = new DirectoryClient(up);
    await using provider = await listen("tcp://127.0.0.1:0", {
      services: new ServiceMap().add(Greeter, { hello: (name) => `hello ${name}` }),
    });
    const own = await client.register({ name: "greeter", endpoints: [provider.endpoint], services: ["greeter"] });
    const { tcp } = await import("@troupe/node");
    await using greeter = client.peerTo(own.uuid, { transports: [tcp()] });
    expect(await greeter.address(Greeter).call("hello", "a")).toBe("hello a");
    running.process.kill("SIGKILL");
    await running.ended;
    expect(await greeter.address(Greeter).call("hello", "b")).toBe("hello b");
    running = program("directory", path, endpoint);
    expect(await running.line()).toBe(endpoint);
    const again = await connect(endpoint);
    const { DirectoryService } = await import("@troupe/core/network");
    expect(await again.address(DirectoryService).call("query", own.uuid)).toMatchObject({ name: "greeter" });
    await again.close();
  },
);

// @troupe/core in a real browser, as its bundler makes it and under a strict content security policy, with a Node
// process at the other end.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ServiceMap, type Listener } from "@troupe/core";
import { listen } from "@troupe/node";
import { executablePath, launch } from "./chromium.js";
import { Adder, Room } from "./contract.js";
import type { Cases } from "./page.js";

const POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";
const HTML = '<!doctype html><title>test</title><script src="/page.js"></script>';

if (executablePath === undefined) console.log("skipped: everything in a browser (Chromium is not installed)");

async function bundled(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`${name}.ts`, import.meta.url))],
    bundle: true,
    minify: true,
    platform: "browser",
    format: "iife",
    target: "es2022",
    conditions: ["troupe-source", "module"],
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

function roomServices(): ServiceMap {
  const notes: string[] = [];
  let made = 0;
  return new ServiceMap().add(Room, {
    add: ({ a, b }) => a + b,
    addThere: (input, { peer }) => peer.address(Adder).call("add", input),
    size: (bytes) => bytes.length,
    bytes: (length) => new Uint8Array(length),
    note: (text) => void notes.push(text),
    noted: () => notes,
    *count({ to }) {
      for (let i = 0; i < to; i++) yield i;
    },
    async *sums(_, { inputs }) {
      let sum = 0;
      for await (const n of inputs) yield (sum += n);
    },
    *flood() {
      for (;;) {
        made++;
        yield new Uint8Array(64 * 1024);
      }
    },
    made: () => made,
  });
}

describe.skipIf(executablePath === undefined)("in Chromium", () => {
  let browser: Browser;
  let scripts: Record<string, string>;

  beforeAll(async () => {
    browser = await launch();
    scripts = { "/page.js": await bundled("page"), "/worker.js": await bundled("worker") };
  }, 60_000);

  afterAll(() => browser.close());

  /** A site: the page, its scripts, and Troupe on the same port, for pages of its own origin. */
  async function site(): Promise<{ http: Server; origin: string; open: () => Promise<Listener> }> {
    const http = createServer(({ url = "/" }, response) => {
      const script = scripts[url];
      response.setHeader("content-security-policy", POLICY);
      response.setHeader("content-type", script === undefined ? "text/html" : "text/javascript");
      response.end(script ?? HTML);
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const { port } = http.address() as AddressInfo;
    const origin = `http://127.0.0.1:${port}`;
    const services = roomServices();
    const webSocket = { server: http, origins: [origin] };
    const open = (): Promise<Listener> => listen(`ws://127.0.0.1:${port}/troupe`, { services, webSocket });
    onTestFinished(() => {
      http.closeAllConnections();
      http.close();
    });
    return { http, origin, open };
  }

  async function visit(url: string): Promise<Page> {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.error("in the page:", error));
    onTestFinished(() => page.close());
    await page.goto(url);
    return page;
  }

  /** Lets the page do one of its cases. */
  function run<Name extends keyof Cases>(
    page: Page,
    name: Name,
    ...args: Parameters<Cases[Name]>
  ): ReturnType<Cases[Name]> {
    const ask = ([which, given]: [string, unknown[]]): unknown =>
      (globalThis as unknown as { cases: Record<string, (...all: unknown[]) => unknown> }).cases[which]?.(...given);
    return page.evaluate(ask, [name, args] as [string, unknown[]]) as ReturnType<Cases[Name]>;
  }

  async function opened(): Promise<Page> {
    const { origin, open } = await site();
    const listener = await open();
    onTestFinished(() => listener.close({ graceMs: 0 }));
    return await visit(origin);
  }

  test("calls, both ways", async () => {
    expect(await run(await opened(), "calls")).toEqual({ last: 500, there: 42 });
  });

  test("sends, in order", async () => {
    expect(await run(await opened(), "sends")).toEqual(Array.from({ length: 100 }, (_, n) => `note ${n}`));
  });

  test("streams, in both directions, and one that is left early", async () => {
    expect(await run(await opened(), "streams")).toEqual({
      counted: 5000,
      last: 4999,
      sums: [1, 3, 6, 10],
      firstFew: 10,
    });
  });

  test.each([0, 1, 100_000, 16 * 1024 * 1024])("%d bytes, up and down", async (length) => {
    expect(await run(await opened(), "bytes", length)).toEqual({ up: length, down: length, isBytes: true });
  });

  test("a page that reads slowly slows the producer", async () => {
    const { taken, made } = await run(await opened(), "slowly");
    expect(taken).toBe(5);
    expect(made).toBeLessThanOrEqual(64);
  });

  test("a link comes back after the server was restarted, with the same address", async () => {
    const { http, origin, open } = await site();
    const first = await open();
    const page = await visit(origin);
    expect(await run(page, "keep")).toBe(3);
    await first.abort();
    http.closeAllConnections();
    // A call that is made before the page has noticed is lost with the connection.
    await expect.poll(() => run(page, "keptWasDown")).toBe(true);
    const second = await open();
    onTestFinished(() => second.close({ graceMs: 0 }));
    expect(await run(page, "keptAdds")).toBe(7);
    await run(page, "unkeep");
  });

  test("a page of an origin that is not listed is refused", async () => {
    const { origin, open } = await site();
    const listener = await open();
    onTestFinished(() => listener.close());
    const failures: Error[] = [];
    listener.on("failed", ({ error }) => failures.push(error));
    expect(await run(await visit(origin.replace("127.0.0.1", "localhost")), "refused")).toBe("connect-failed");
    expect(failures).toMatchObject([{ code: "origin-refused" }]);
  });

  test("a worker of the page, and a shared one", async () => {
    const page = await opened();
    expect(await run(page, "worker")).toBe(11);
    expect(await run(page, "sharedWorker")).toEqual([true, true]);
  });

  test("a worker that was ended is noticed", async () => {
    expect(["connection-lost", "peer-silent"]).toContain(await run(await opened(), "workerGone"));
  });

  test("a strict content security policy is never violated", async () => {
    const page = await opened();
    await run(page, "calls");
    await run(page, "worker");
    expect(await run(page, "violations")).toEqual([]);
  });
});

import { createContext, runInContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { type Bundle, bundleOf } from "../src/bundle.js";

const KB = 1000;

/** What a browser downloads at most, in bytes. Raise a budget only together with the reason. */
const BUDGETS = {
  /**
   * `@troupe/core` whole, with its dependencies, minified and gzipped: actors, listeners, links and all. 12 kB of it are
   * the format of thespis_remote with a CBOR library of its own, which nobody bundles who does not name it.
   */
  wholeGzipped: 77 * KB,
  /** A program that dials by WebSocket, calls, sends and streams: 12 kB of it are cbor-x. */
  clientGzipped: 40 * KB,
  /** Of that, Troupe's own code. */
  clientOwnGzipped: 29 * KB,
  /** One function that needs nothing else, minified. */
  oneFunctionMinified: 1.5 * KB,
};

const WHOLE = 'export * from "@troupe/core";';
const CLIENT = 'export { call, connect, defineService, send, stream, webSocket } from "@troupe/core";';
const TYPES = 'import type { Address, Service } from "@troupe/core"; export const a = 1;';
const ONE_FUNCTION = 'export { defineService } from "@troupe/core";';

describe("browser bundle", () => {
  it(`@troupe/core is at most ${BUDGETS.wholeGzipped / KB} kB gzipped with its dependencies, a client ${BUDGETS.clientGzipped / KB} kB`, async () => {
    const whole = await bundleOf(WHOLE);
    const own = await bundleOf(WHOLE, { isOwnOnly: true });
    const client = await bundleOf(CLIENT);
    const clientOwn = await bundleOf(CLIENT, { isOwnOnly: true });
    const one = await bundleOf(ONE_FUNCTION);
    console.log(
      [
        row("whole", whole),
        row("own code", own),
        row("client", client),
        row("its own code", clientOwn),
        row("defineService", one),
      ].join("\n"),
    );
    expect(own.gzippedBytes).toBeLessThan(whole.gzippedBytes);
    expect(whole.gzippedBytes).toBeLessThanOrEqual(BUDGETS.wholeGzipped);
    expect(client.gzippedBytes).toBeLessThanOrEqual(BUDGETS.clientGzipped);
    expect(clientOwn.gzippedBytes).toBeLessThanOrEqual(BUDGETS.clientOwnGzipped);
  });

  it("@troupe/core has no Node module and no polyfill in it", async () => {
    const { inputs, text } = await bundleOf(WHOLE);
    expect(inputs.length).toBeGreaterThan(10);
    expect(inputs.filter((path) => /node:|polyfill|browserify|\/buffer\/|\/process\//.test(path))).toEqual([]);
    expect(text).not.toMatch(/["']node:/);
  });

  it("@troupe/core loads where there are only the globals of the web", async () => {
    const { text } = await bundleOf(WHOLE, { globalName: "troupe" });
    const web = {
      TextEncoder,
      TextDecoder,
      AbortController,
      AbortSignal,
      URL,
      setTimeout,
      clearTimeout,
      queueMicrotask,
    };
    const context = createContext({ ...web, Event, EventTarget, crypto, performance, MessageChannel, structuredClone });
    runInContext(text, context);
    expect(runInContext("typeof troupe.defineService", context)).toBe("function");
  });

  it("importing types costs nothing", async () => {
    const { inputs, minifiedBytes } = await bundleOf(TYPES);
    expect(inputs).toEqual(["packages/checks/entry.js"]);
    expect(minifiedBytes).toBeLessThan(50);
  });

  it("a client makes no code at run time, so that a strict content security policy lets it work", async () => {
    const { text } = await bundleOf(CLIENT);
    expect(text).not.toMatch(/\beval\(|\bnew Function\b|\bFunction\(/);
  });

  it("importing defineService alone leaves everything else out", async () => {
    const { minifiedBytes, inputs } = await bundleOf(ONE_FUNCTION);
    expect(minifiedBytes).toBeLessThan(BUDGETS.oneFunctionMinified);
    expect(inputs.length).toBeGreaterThan(0);
  });
});

function row(name: string, { minifiedBytes, gzippedBytes }: Bundle): string {
  const kb = (bytes: number) => `${(bytes / KB).toFixed(1).padStart(7)} kB`;
  return `${name.padEnd(14)}${kb(minifiedBytes)} minified ${kb(gzippedBytes)} gzipped`;
}

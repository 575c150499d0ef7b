// The example of a shared board, used by two tabs as two people would.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { executablePath, launch } from "./chromium.js";

const MAIN = fileURLToPath(new URL("../../../../examples/browser-board/main.ts", import.meta.url));

if (executablePath === undefined) console.log("skipped: the board in a browser (Chromium is not installed)");

/** Starts the example; returns where it is, and what ends it. */
async function served(port = 0): Promise<{ url: string; stop: () => Promise<void> }> {
  const flags = ["--import", "tsx", "--conditions=troupe-source"];
  const child = spawn(process.execPath, [...flags, MAIN, "--serve", "--port", String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  onTestFinished(stop);
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\S+/.exec(line)?.[0];
    if (url !== undefined) return { url, stop };
  }
  throw new Error("the board did not say where it is");
}

describe.skipIf(executablePath === undefined)("the board in Chromium", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launch();
  }, 60_000);

  afterAll(() => browser.close());

  async function visit(url: string, name: string): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 820 } });
    onTestFinished(() => page.close());
    await page.goto(`${url}/?name=${name}`);
    await page.locator('#line[data-state="up"]').waitFor();
    return page;
  }

  test("what one tab writes, moves and takes down, the other sees; and both are seen", async () => {
    const { url } = await served();
    const ines = await visit(url, "Ines");
    const tomas = await visit(url, "Tomas");
    await ines.locator("#people li", { hasText: "Tomas" }).waitFor();

    await ines.locator("#board").dblclick({ position: { x: 500, y: 400 } });
    await ines.locator("textarea").fill("Bring the ladder");
    await ines.locator("h1").click();
    const seen = tomas.locator(".note", { hasText: "Bring the ladder" });
    await seen.waitFor();
    expect(await seen.getAttribute("data-by")).toBe("Ines");

    const before = await seen.boundingBox();
    const box = (await ines.locator(".note", { hasText: "Bring the ladder" }).boundingBox())!;
    await ines.mouse.move(box.x + 40, box.y + 60);
    await ines.mouse.down();
    await ines.mouse.move(box.x + 240, box.y + 110, { steps: 8 });
    await ines.mouse.up();
    await expect.poll(async () => (await seen.boundingBox())!.x - before!.x).toBeCloseTo(200, -1);
    await tomas.locator(".pointer", { hasText: "Ines" }).waitFor();

    await seen.hover();
    await seen.locator("button").click();
    await ines.locator(".note", { hasText: "Bring the ladder" }).waitFor({ state: "detached" });

    await ines.close();
    await tomas.locator("#people li", { hasText: "Ines" }).waitFor({ state: "detached" });
  });

  test("a tab goes on when the server was killed and is back", async () => {
    const first = await served();
    const page = await visit(first.url, "Yuki");
    await first.stop();
    await page.locator('#line:not([data-state="up"])').waitFor();
    await served(Number(new URL(first.url).port));
    await page.locator('#line[data-state="up"]').waitFor();
    await page.locator("#people li", { hasText: "Yuki" }).waitFor();
    await page.locator(".note", { hasText: "Double-click" }).waitFor();
  });
});

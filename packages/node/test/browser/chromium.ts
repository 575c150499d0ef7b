// A real browser for tests: Debian's Chromium, driven by playwright-core.

import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const PLACES = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where it is, if it is. */
export const executablePath: string | undefined = PLACES.find((path) => path !== undefined && existsSync(path));

export async function launch(): Promise<Browser> {
  return await chromium.launch({
    executablePath: executablePath ?? "",
    // Whoever runs tests in a container is the superuser, for whom Chromium has no sandbox.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

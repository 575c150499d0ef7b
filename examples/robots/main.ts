// Five robots publish where they are, and a map shows them: no address is known to anybody. Run it, and open what it prints:
//
//   node --import tsx --conditions=troupe-source examples/robots/main.ts
//
// One more robot, from another terminal; end it with Ctrl-C, or with `kill -9`, and watch the map:
//
//   node --import tsx --conditions=troupe-source examples/robots/main.ts --robot Frida
//
// Poses without a map:
//
//   npx troupe echo pose --domain robots --host 127.0.0.1 --beacon-port 5690
//
// With `--once`, and without a terminal, as in tests, it prints where all robots are, and ends.

import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { link, listen, startParticipant, type NodeParticipantOptions } from "@troupe/node";
import { RobotMap } from "./contract.js";
import { Fleet } from "./fleet.js";
import { startRobot } from "./robot.js";

const ROBOTS = ["Ada", "Bela", "Cleo", "Dino", "Ella"];
const ONCE_MS = 5000;

const own = argument("--robot");
const isShown = process.argv.includes("--serve") || (process.stdin.isTTY === true && !process.argv.includes("--once"));

// On one machine, a folder for each makes them what they would be on machines of their own: participants that have to find
// each other. Those that are not shown are a domain of their own, as others may run at the same time.
const folder = mkdtempSync(join(tmpdir(), "robots-"));
const optionsOf = (name: string): NodeParticipantOptions => ({
  domain: isShown || own !== undefined ? "robots" : `robots-${process.pid}`,
  folder: join(folder, name),
  host: "127.0.0.1",
  beacons: { port: 5690 },
});

const stops: (() => Promise<unknown>)[] = [];
process.once("SIGINT", () => void leave());
if (own !== undefined) {
  stops.push(await startRobot(own, Math.floor(Math.random() * 100), optionsOf(own)));
  console.log(`${own} drives`);
} else {
  const url = await startMap();
  stops.push(...(await Promise.all(ROBOTS.map((name, number) => startRobot(name, number, optionsOf(name))))));
  console.log(`the map is at ${url}`);
  if (!isShown) {
    await printOnce(url);
    await leave();
  }
}

/** Starts the map, and a page that shows it. Resolves with where that is. */
async function startMap(): Promise<string> {
  const participant = await startParticipant({ ...optionsOf("map"), name: "map" });
  participant.on("found", (event) => console.log(`found  ${event.participant.slice(0, 8)}`));
  participant.on("lost", (event) => console.log(`lost   ${event.participant.slice(0, 8)}: ${event.reason}`));
  const fleet = new Fleet(participant);

  const files = await pageFiles();
  const http = createServer(({ url = "/" }, response) => {
    const file = files[url.split("?", 1)[0] ?? "/"];
    if (file === undefined) return void response.writeHead(404).end();
    response.setHeader(
      "content-security-policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'",
    );
    response.setHeader("content-type", `${file.type}; charset=utf-8`);
    response.end(file.content);
  });
  await new Promise<void>((resolve) => http.listen(Number(argument("--port") ?? 0), "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const listener = await listen(`ws://127.0.0.1:${port}/map`, {
    services: fleet.services(),
    webSocket: { server: http, origins: [origin] },
  });
  stops.push(async () => {
    await participant.close();
    await listener.close({ graceMs: 200 });
    http.close();
    http.closeAllConnections();
  });
  return origin;
}

/** Watches the map as a page does, until all robots are on it. */
async function printOnce(url: string): Promise<void> {
  const up = link(`${url.replace("http", "ws")}/map`);
  const startedAt = performance.now();
  for await (const sightings of up.address(RobotMap).stream("watch", undefined)) {
    const isLate = performance.now() - startedAt > ONCE_MS;
    if (sightings.length < ROBOTS.length && !isLate) continue;
    for (const { robot, x, y, missed } of sightings) {
      console.log(`${robot.padEnd(5)} x ${x.toFixed(2).padStart(5)}  y ${y.toFixed(2).padStart(5)}  missed ${missed}`);
    }
    if (sightings.length < ROBOTS.length) {
      console.error(`${ROBOTS.length - sightings.length} robots were not found`);
      process.exitCode = 1;
    }
    break;
  }
  await up.close();
}

async function pageFiles(): Promise<Record<string, { type: string; content: string | Uint8Array }>> {
  const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [here("page.ts")],
    bundle: true,
    minify: true,
    format: "esm",
    conditions: ["troupe-source", "module"],
    write: false,
  });
  return {
    "/": { type: "text/html", content: await readFile(here("index.html")) },
    "/style.css": { type: "text/css", content: await readFile(here("style.css")) },
    "/page.js": { type: "text/javascript", content: outputFiles[0]?.contents ?? "" },
  };
}

/** The word behind a flag. */
function argument(flag: string): string | undefined {
  const at = process.argv.indexOf(flag);
  return at === -1 ? undefined : process.argv[at + 1];
}

async function leave(): Promise<void> {
  await Promise.all(stops.map((stop) => stop()));
  rmSync(folder, { recursive: true, force: true });
}

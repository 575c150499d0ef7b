// A board that several browser tabs and this process share. Run it, and open the address that it prints in two tabs:
//
//   node --import tsx --conditions=troupe-source examples/browser-board/main.ts
//
// It serves until it is stopped; without a terminal, as in tests, it shows itself for a moment and ends.

import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { link, listen } from "@troupe/node";
import { SharedBoard } from "./board.js";
import { Board } from "./contract.js";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const isShown = process.stdin.isTTY === true || process.argv.includes("--serve");
const portAt = process.argv.indexOf("--port");

// The page, made from source as a bundler makes it: nothing is needed beside @troupe/core.
const { outputFiles } = await build({
  entryPoints: [here("page.ts")],
  bundle: true,
  minify: true,
  format: "esm",
  conditions: ["troupe-source", "module"],
  write: false,
});
const files: Record<string, { type: string; content: string | Uint8Array }> = {
  "/": { type: "text/html", content: await readFile(here("index.html")) },
  "/style.css": { type: "text/css", content: await readFile(here("style.css")) },
  "/page.js": { type: "text/javascript", content: outputFiles[0]?.contents ?? "" },
};

const http: Server = createServer(({ url = "/" }, response) => {
  const file = files[url.split("?", 1)[0] ?? "/"];
  if (file === undefined) return void response.writeHead(404).end();
  // A policy as strict as it can be: no code is made at run time, and nothing comes from anywhere else.
  response.setHeader(
    "content-security-policy",
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'",
  );
  response.setHeader("content-type", `${file.type}; charset=utf-8`);
  response.end(file.content);
});
await new Promise<void>((resolve) =>
  http.listen(portAt === -1 ? 0 : Number(process.argv[portAt + 1]), "127.0.0.1", resolve),
);
const { port } = http.address() as AddressInfo;
const origin = `http://127.0.0.1:${port}`;

// Troupe, on a path of the same server, for pages of this origin alone.
const board = new SharedBoard();
const listener = await listen(`ws://127.0.0.1:${port}/board`, {
  services: board.services(),
  webSocket: { server: http, origins: [origin] },
});
console.log(`the board is at ${origin}`);

board.put({
  id: "welcome",
  x: 90,
  y: 90,
  color: "#ffd166",
  by: "server",
  text: "Double-click anywhere to write. Drag what is there.",
});
const clock = setInterval(() => {
  const text = `${new Date().toLocaleTimeString("en-GB")}\n${board.guests} at the board`;
  board.put({ id: "clock", x: 930, y: 80, color: "#c8e7ff", by: "server", text });
}, 1000);

if (isShown) {
  process.once("SIGINT", () => void leave());
} else {
  // A guest from Node, over the same WebSocket as the pages.
  const up = link(listener.endpoint);
  const guest = up.address(Board);
  await guest.send("put", { id: "hello", x: 400, y: 300, color: "#b8f2c2", by: "Ada", text: "Hello from Node" });
  for await (const { notes } of guest.stream("visit", { id: "ada", name: "Ada", color: "#2a9d8f" })) {
    for (const { by, text } of notes) console.log(`Ada sees what ${by} wrote: ${text.replace("\n", ", ")}`);
    if (notes.some(({ id }) => id === "clock")) break;
  }
  await wait(0);
  await up.close();
  await leave();
}

async function leave(): Promise<void> {
  clearInterval(clock);
  await listener.close({ graceMs: 200 });
  http.close();
  http.closeAllConnections();
}

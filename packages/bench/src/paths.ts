// How many bytes a second get through a path that is slow and loses: two hosts of their own, 100 megabits a second, 20 ms there and
// back. Reliable UDP beside the TCP of the kernel, rounds taking turns. `npm run bench:paths` prints a table; it needs Linux and root.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectSocket, createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { defineService, ServiceMap, stream } from "@troupe/core";
import { connect, listen } from "@troupe/node";
import { Lan, whyNoLan, type LanHost } from "@troupe/testbed";

const ROUNDS = 3;
const MEGABITS = 100;
const DELAY_MS = 10;
const ITEM_BYTES = 64 * 1024;
const ITEMS = 256;
/** Who has not got all by then is measured by what has come. */
const SECONDS_MAX = 10;
/** By the share that is lost. */
const LOSSES = [0, 0.01, 0.05, 0.2];
/** What a kernel does with loss is its congestion control: the one that this machine uses, and the one that most do. */
const TCP = readFileSync("/proc/sys/net/ipv4/tcp_congestion_control", "utf8").trim();
const SUBJECTS = [
  "troupe udp://",
  "troupe tcp://",
  `socket tcp ${TCP}`,
  ...(TCP === "cubic" ? [] : ["socket tcp cubic"]),
];

const SELF = fileURLToPath(import.meta.url);
const Bytes = defineService("bytes", { items: stream<number, Uint8Array>() });

async function serve(subject: string, address: string): Promise<void> {
  const item = new Uint8Array(ITEM_BYTES).map((_, index) => index * 31);
  if (subject.startsWith("socket")) {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      void once(socket, "data").then(async ([asked]) => {
        for (let left = (asked as Buffer).readUInt32LE(); left > 0; left--) {
          if (!socket.write(item)) await once(socket, "drain");
        }
      });
    });
    server.listen(7000, address);
    await once(server, "listening");
  } else {
    const services = new ServiceMap().add(Bytes, {
      async *items(count) {
        for (let left = count; left > 0; left--) yield item;
      },
    });
    await listen(`${subject.slice("troupe ".length)}${address}:7000`, { services, handshakeMs: 60_000 });
  }
  console.log("ready");
}

/** Megabits a second that arrive, from the question on; the connection is made before. */
async function ask(subject: string, address: string): Promise<number> {
  const isSocket = subject.startsWith("socket");
  const items = isSocket
    ? await askSocket(address)
    : await askPeer(`${subject.slice("troupe ".length)}${address}:7000`);
  const startedAt = performance.now();
  let bytes = 0;
  for await (const item of items) {
    bytes += item.length;
    if (bytes >= ITEMS * ITEM_BYTES || performance.now() - startedAt > SECONDS_MAX * 1000) break;
  }
  return (bytes * 8) / 1000 / (performance.now() - startedAt);
}

async function askSocket(host: string): Promise<AsyncIterable<Uint8Array>> {
  const socket = connectSocket({ host, port: 7000, noDelay: true });
  await once(socket, "connect");
  const question = Buffer.alloc(4);
  question.writeUInt32LE(ITEMS);
  socket.write(question);
  return socket as AsyncIterable<Buffer>;
}

async function askPeer(endpoint: string): Promise<AsyncIterable<Uint8Array>> {
  const peer = await connect(endpoint, { handshakeMs: 60_000 });
  return peer.address(Bytes).stream("items", ITEMS);
}

/** Runs this program on a host, and resolves with the first line that it says. */
async function on(host: LanHost, ...args: readonly string[]): Promise<{ line: string; stop: () => void }> {
  const [command, ...within] = [...host.within, process.execPath, ...process.execArgv, SELF];
  const child = spawn(command, [...within, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (value === undefined) throw new Error(`${args.join(" ")} ended without a word`);
  return { line: String(value), stop: () => void child.kill("SIGKILL") };
}

async function measured(subject: string, loss: number): Promise<number> {
  await using lan = await Lan.of(2, { loss, delayMs: DELAY_MS, megabits: MEGABITS });
  const [, , control = TCP] = subject.split(" ");
  // A namespace may not choose among all that its kernel has; a route may.
  const route = ["route", "change", "10.77.0.0/24", "dev", "eth0", "src", lan.host(1).address, "congctl", control];
  if (control !== TCP) execute(lan.host(1), "ip", ...route);
  const { address } = lan.host(1);
  await on(lan.host(1), "serve", subject, address);
  const { line } = await on(lan.host(2), "ask", subject, address);
  return Number(line);
}

function execute(host: LanHost, ...what: readonly string[]): void {
  const [command, ...within] = [...host.within, ...what];
  execFileSync(command, within, { stdio: "inherit" });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function main(): Promise<void> {
  const why = whyNoLan();
  if (why !== undefined) throw new Error(`no network of its own can be made here: ${why}`);
  console.log(`megabits a second through a path of ${MEGABITS}, ${2 * DELAY_MS} ms there and back\n`);
  for (const loss of LOSSES) {
    const rates = new Map(SUBJECTS.map((subject) => [subject, [] as number[]]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [subject, all] of rates) all.push(await measured(subject, loss));
    }
    const kernel = median(rates.get(`socket tcp ${TCP}`) ?? []);
    for (const [subject, all] of rates) {
      const rate = median(all);
      const range = `(${Math.min(...all).toFixed(1)} to ${Math.max(...all).toFixed(1)})`;
      const share = subject.startsWith("troupe") ? `${(rate / kernel).toFixed(2)} × tcp ${TCP}` : "";
      const goal = subject === "troupe udp://" && loss === 0.01 ? "≥ 0.9" : "";
      console.log(
        `${(loss * 100).toFixed(0).padStart(2)} % lost  ${subject.padEnd(17)} ${rate.toFixed(1).padStart(5)}  ${range.padEnd(16)} ${share} ${goal}`,
      );
    }
  }
}

const [, , role = "", subject = "", address = ""] = process.argv;
if (role === "") await main();
else if (role === "serve") await serve(subject, address);
else {
  console.log(await ask(subject, address));
  process.exit();
}

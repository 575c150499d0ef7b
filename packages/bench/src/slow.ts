// What slow subscribers cost: one that takes nothing, and one of fifty that is frozen for thirty seconds. `npm run bench:slow` prints
// how much more memory each side has after that, its garbage collected, and what the others have got. On two hosts with a network of
// their own where the machine has them, so that values go by UDP, or else on one.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { defineTopic } from "@troupe/core/network";
import { startParticipant } from "@troupe/node";
import { Lan, whyNoLan, type LanHost } from "@troupe/testbed";

const FROZEN_MS = 30_000;
const PAUSED_MS = 10_000;
const OTHERS = 49;
const PORT = 5673;
const MEBIBYTE = 1024 * 1024;
const SELF = fileURLToPath(import.meta.url);
const Blobs = defineTopic<Uint8Array>("blobs");

/** What a process has in use once its garbage is collected, in bytes: the heap, and the buffers outside of it. */
async function inUse(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    (globalThis as { gc?: () => void }).gc?.();
    // Buffers are let go of behind the collector's back.
    await pause(5);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** What is said on standard input, as events. */
async function obey(run: (word: string) => void): Promise<void> {
  for await (const word of createInterface({ input: process.stdin })) run(word);
}

/** Publishes as fast as it may, or so many a second, until it is told to stop. */
async function publish(folder: string, bytes: number, aSecond: number): Promise<void> {
  const participant = await startParticipant({ folder, beacons: { port: PORT } });
  const blobs = participant.publisher(Blobs);
  let most = 0;
  let isOver = false;
  // Nothing is published meanwhile: what is thrown away as fast as it is made says nothing.
  let measuring = Promise.resolve(0);
  const measure = (): Promise<number> => (measuring = measuring.then(inUse));
  void obey((word) => {
    if (word === "memory") void measure().then(console.log);
    else if (word === "matched") console.log(blobs.matched);
    else if (word === "most") console.log(most);
    else isOver = true;
  });
  setInterval(() => void measure().then((now) => (most = Math.max(most, now))), 1000);
  console.log("ready");
  let published = 0;
  const startedAt = performance.now();
  while (!isOver) {
    await measuring;
    await blobs.publish(new Uint8Array(bytes));
    published++;
    // Timers and sockets come first now and then, however much room there is.
    const aheadMs = (published / aSecond) * 1000 - (performance.now() - startedAt);
    if (aheadMs > 1 || published % 100 === 0) await pause(Math.max(0, aheadMs));
  }
}

/** Takes what comes, or never anything. */
async function subscribe(folder: string, count: number, takes: boolean): Promise<void> {
  const participant = await startParticipant({ folder, beacons: { port: PORT } });
  let taken = 0;
  let missed = 0;
  let disorder = 0;
  void obey(() => void inUse().then((memory) => console.log(JSON.stringify({ memory, taken, missed, disorder }))));
  for (let i = 0; i < count; i++) {
    const subscription = participant.subscribe(Blobs);
    if (!takes) continue;
    void (async () => {
      let last = 0;
      for await (const sample of subscription) {
        if (last !== 0 && sample.sequence !== last + 1 + sample.missed) disorder++;
        last = sample.sequence;
        taken++;
        missed += sample.missed;
      }
    })();
  }
  console.log("ready");
}

class Running {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(host: LanHost | undefined, ...args: readonly string[]) {
    const folder = mkdtempSync(join(tmpdir(), "slow-"));
    const [role = "", ...rest] = args;
    const command = [...(host?.within ?? []), process.execPath, ...process.execArgv, "--expose-gc", SELF, role, folder];
    this.process = spawn(command[0] as string, [...command.slice(1), ...rest], { stdio: ["pipe", "pipe", "inherit"] });
    this.process.once("close", () => rmSync(folder, { recursive: true, force: true }));
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("ended without a word");
    return value;
  }

  ask(word: string): Promise<string> {
    this.process.stdin.write(`${word}\n`);
    return this.line();
  }
}

interface Got {
  readonly memory: number;
  readonly taken: number;
  readonly missed: number;
  readonly disorder: number;
}

const got = async (running: Running): Promise<Got> => JSON.parse(await running.ask("say")) as Got;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const mebibytes = (bytes: number): string => `${(bytes / MEBIBYTE).toFixed(1)} MiB`;

async function matched(publisher: Running, count: number): Promise<void> {
  while (Number(await publisher.ask("matched")) < count) await pause(50);
}

/** One that takes nothing, of values of a length. */
async function paused(hosts: readonly (LanHost | undefined)[], bytes: number): Promise<void> {
  const publisher = new Running(hosts[0], "publish", `${bytes}`, "Infinity");
  await publisher.line();
  await pause(500);
  const before = Number(await publisher.ask("memory"));
  const subscriber = new Running(hosts[1], "subscribe", "0", "none");
  await subscriber.line();
  const own = (await got(subscriber)).memory;
  const pausing = new Running(hosts[1], "subscribe", "1", "none");
  await pausing.line();
  await matched(publisher, 1);
  await pause(PAUSED_MS);
  const after = Number(await publisher.ask("memory"));
  const held = (await got(pausing)).memory - own;
  console.log(
    `one that takes nothing for ${PAUSED_MS / 1000} s, values of ${bytes} bytes: it holds ${mebibytes(held)} (goal ≤ 4 MiB), the publisher ${mebibytes(after - before)} more`,
  );
  for (const each of [publisher, subscriber, pausing]) each.process.kill("SIGKILL");
}

/** One of fifty that is frozen. */
async function frozen(hosts: readonly (LanHost | undefined)[]): Promise<void> {
  const publisher = new Running(hosts[0], "publish", "1024", "200");
  await publisher.line();
  const others = new Running(hosts[1], "subscribe", `${OTHERS}`, "all");
  const one = new Running(hosts[2], "subscribe", "1", "all");
  await Promise.all([others.line(), one.line()]);
  await matched(publisher, OTHERS + 1);
  await pause(3000);
  const before = Number(await publisher.ask("memory"));
  const start = await got(others);
  one.process.kill("SIGSTOP");
  await pause(FROZEN_MS);
  const most = Number(await publisher.ask("most"));
  const end = await got(others);
  one.process.kill("SIGCONT");
  await matched(publisher, OTHERS + 1);
  await pause(1000);
  const back = await got(one);
  console.log(
    `one of ${OTHERS + 1} frozen for ${FROZEN_MS / 1000} s: the publisher had ${mebibytes(most - before)} more at most (goal ≤ 8 MiB); the others took ${end.taken - start.taken} values, missed ${end.missed - start.missed}, ${end.disorder} out of order; the one took ${back.taken} and missed ${back.missed}, ${back.disorder} out of order`,
  );
  for (const each of [publisher, others, one]) each.process.kill("SIGKILL");
}

async function main(): Promise<void> {
  const why = whyNoLan();
  await using lan = why === undefined ? await Lan.of(3) : undefined;
  console.log(lan === undefined ? `on one host (${why})\n` : "on three hosts\n");
  const hosts = [1, 2, 3].map((number) => lan?.host(number));
  await paused(hosts, 1024);
  await paused(hosts, 64 * 1024);
  await frozen(hosts);
}

const [, , role = "", folder = "", first = "", second = ""] = process.argv;
if (role === "") await main();
else if (role === "publish") await publish(folder, Number(first), Number(second));
else await subscribe(folder, Number(first), second === "all");

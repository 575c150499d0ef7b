// How soon participants know of each other: one host watches, another has fifty of them, one after the other, each a program of its
// own that subscribes, and then leaves or is killed; and some that are frozen. `npm run bench:contact` prints a table. On two hosts
// with a network of their own where the machine has them, or else on one.

import { spawn, type ChildProcessByStdio } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { defineTopic } from "@troupe/core/network";
import { startParticipant } from "@troupe/node";
import { Lan, whyNoLan, type LanHost } from "@troupe/testbed";

const STARTS = 50;
const FROZEN = 5;
const SELF = fileURLToPath(import.meta.url);
const Ticks = defineTopic<number>("ticks");

/** Milliseconds on the clock that all processes of a machine share. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const say = (what: string, at = now()): void => console.log(`${what} ${at}`);

/** Publishes a value every millisecond, and says whom it finds and loses. */
async function watch(folder: string): Promise<void> {
  const participant = await startParticipant({ folder, beacons: { port: PORT } });
  for (const type of ["found", "suspected", "lost"] as const) participant.on(type, () => say(type));
  const ticks = participant.publisher(Ticks);
  setInterval(() => void ticks.publish(0), 1);
  say("up");
}

/** Is found, subscribes, and leaves when it is told to. */
async function visit(folder: string): Promise<void> {
  say("starts");
  const participant = await startParticipant({ folder, beacons: { port: PORT } });
  if (participant.programs.length === 0) {
    await new Promise((resolve) => void participant.on("found", resolve));
  }
  say("finds");
  process.once("SIGTERM", () => {
    say("leaves");
    void participant.close();
  });
  // What the other side offers is known a moment later.
  while (participant.topics.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const subscribedAt = now();
  await participant.subscribe(Ticks).next();
  say("value", now() - subscribedAt);
}

/** A program on a host, and what it says when. */
class Running {
  readonly process: ChildProcessByStdio<null, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(host: LanHost | undefined, role: string) {
    const folder = mkdtempSync(join(tmpdir(), "contact-"));
    const within = host?.within ?? [];
    const [command, ...args] = [...within, process.execPath, ...process.execArgv, SELF, role, folder];
    this.process = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.process.once("close", () => rmSync(folder, { recursive: true, force: true }));
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  /** The time that stands behind a word, when it is said; other words before it are passed over. */
  async said(word: string): Promise<number> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`ended before it said ${word}`);
      const [said, at] = value.split(" ");
      if (said === word) return Number(at);
    }
  }

  /** Sends a signal, and returns when that was. */
  signal(signal: NodeJS.Signals): number {
    const at = now();
    this.process.kill(signal);
    return at;
  }
}

async function main(): Promise<void> {
  const why = whyNoLan();
  await using lan = why === undefined ? await Lan.of(2) : undefined;
  console.log(lan === undefined ? `on one host (${why})\n` : "on two hosts\n");
  const watcher = new Running(lan?.host(1), "watch");
  await watcher.said("up");
  const contact: number[] = [];
  const value: number[] = [];
  const leave: number[] = [];
  const kill: number[] = [];
  const suspected: number[] = [];
  const dead: number[] = [];
  for (let n = 0; n < STARTS; n++) {
    const visitor = new Running(lan?.host(2), "visit");
    const startedAt = await visitor.said("starts");
    const [one, other] = await Promise.all([visitor.said("finds"), watcher.said("found")]);
    contact.push(Math.max(one, other) - startedAt);
    value.push(await visitor.said("value"));
    if (n < FROZEN) {
      const frozenAt = visitor.signal("SIGSTOP");
      suspected.push((await watcher.said("suspected")) - frozenAt);
      dead.push((await watcher.said("lost")) - frozenAt);
      visitor.signal("SIGKILL");
    } else if (n % 2 === 0) {
      visitor.signal("SIGTERM");
      const [left, lost] = await Promise.all([visitor.said("leaves"), watcher.said("lost")]);
      leave.push(lost - left);
    } else {
      const killedAt = visitor.signal("SIGKILL");
      kill.push((await watcher.said("lost")) - killedAt);
    }
  }
  watcher.process.kill("SIGKILL");
  row("both know each other after one starts", contact, "≤ 200");
  row("a value after somebody subscribes", value, "≤ 20");
  row("lost after it leaves", leave, "≤ 50");
  row("lost after it is killed", kill, "≤ 100");
  row("suspected after it is frozen", suspected, "2500");
  row("lost after it is frozen", dead, "5000");
}

function row(what: string, all: readonly number[], goal: string): void {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN).toFixed(1).padStart(7);
  console.log(`${what.padEnd(38)} median ${at(0.5)} ms  p95 ${at(0.95)} ms  of ${all.length}  goal ${goal} ms`);
}

const PORT = 5672;
const [, , role = "", folder = ""] = process.argv;
if (role === "") await main();
else await (role === "watch" ? watch(folder) : visit(folder));

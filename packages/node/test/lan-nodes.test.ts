// Ten nodes on ten hosts: killed and started again at random under calls, a cable that is pulled, a network that loses.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { SeededRandom } from "@troupe/core/testing";
import { lanOf, onLan, programOn } from "./lan.js";
import { until, type Program } from "./program.js";

/** What a `calling-node` says. */
interface Seen {
  readonly alive: readonly string[];
  readonly open: number;
  readonly answered: number;
  /** For how long the machine has not let it run, at most, in milliseconds. */
  readonly stalledMs: number;
  /** Who was thought dead, ever. */
  readonly failed: readonly string[];
  readonly codes: readonly string[];
  readonly by: readonly string[];
}

const seen = (line: string): Seen => JSON.parse(line) as Seen;

onLan(
  "ten nodes on ten hosts go on under calls while they are killed, come back, and lose their cable",
  { timeout: 150_000 },
  async () => {
    const keys = mkdtempSync(join(tmpdir(), "nodes-"));
    onTestFinished(() => rmSync(keys, { recursive: true }));
    const lan = await lanOf(10, { delayMs: 1, loss: 0.01 });
    const bootstrap = `tcp://${lan.host(1).address}:7000`;
    const start = (host: number): Program =>
      programOn(
        lan,
        host,
        "calling-node",
        `${host}`,
        `tcp://${lan.host(host).address}:7000`,
        host === 1 ? "" : bootstrap,
        join(keys, `${host}.key`),
      );
    const observer = start(1);
    await observer.line();
    const programs = new Map(Array.from({ length: 9 }, (_, index) => [index + 2, start(index + 2)]));
    const everybody = (each: Seen): boolean => each.alive.length === 9 && each.open === 9;
    await until(observer, seen, everybody);

    const random = new SeededRandom(20_261_127);
    const gone = new Set(["10"]);
    for (let round = 0; round < 5; round++) {
      const host = 2 + Math.floor(random.next() * 9);
      gone.add(`${host}`);
      const before = seen(await observer.line());
      programs.get(host)?.process.kill("SIGKILL");
      // Calls go on while it is away.
      await until(observer, seen, (each) => !each.alive.includes(`${host}`));
      await until(observer, seen, (each) => each.answered > before.answered + 200);
      programs.set(host, start(host));
      await until(observer, seen, (each) => everybody(each) && each.by.includes(`${host}`));
    }

    await lan.cut(10);
    const cut = await until(observer, seen, (each) => !each.alive.includes("10"));
    const going = await until(observer, seen, (each) => each.answered > cut.answered + 200);
    await lan.mend(10);
    const last = await until(observer, seen, (each) => everybody(each) && each.by.includes("10"));
    // What was under way at one that went may have been executed, and says so; or it has waited its five seconds at one without a
    // cable.
    expect(last.codes.filter((code) => code !== "connection-lost" && code !== "timeout")).toEqual([]);
    expect(last.answered).toBeGreaterThan(going.answered);
    // Nobody was taken for dead who was there, and running, all the time.
    for (const name of last.failed) {
      if (gone.has(name)) continue;
      const { stalledMs } = await lastOf(programs.get(Number(name)) as Program);
      expect(Math.max(stalledMs, last.stalledMs), `${name} was taken for dead, and was not`).toBeGreaterThan(1000);
    }
  },
);

/** The last that a program says, which is ended for it. */
async function lastOf(running: Program): Promise<Seen> {
  running.process.kill("SIGTERM");
  for (let last = ""; ;) {
    const line = await running.line().catch(() => undefined);
    if (line === undefined) return seen(last);
    last = line;
  }
}

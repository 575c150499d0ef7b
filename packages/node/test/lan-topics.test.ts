// A publisher and subscribers on hosts of their own: over a network that loses, while one is killed, one is frozen, and one is without
// a cable for a while.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { Lan } from "@troupe/testbed";
import { lanOf, onLan, programOn } from "./lan.js";
import { until, type Program } from "./program.js";

const words = (line: string): string[] => line.split(" ");

function participantOn(lan: Lan, host: number, role: string): Program {
  const folder = mkdtempSync(join(tmpdir(), "topics-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return programOn(lan, host, "topic-program", role, folder, "5671", "0.0.0.0");
}

/** The next number that a subscriber has come to, and how many it has missed; everything before was in order. */
async function progress(subscriber: Program): Promise<{ at: number; missed: number }> {
  const said = await until(subscriber, words, ([word]) => word === "at" || word === "disorder");
  expect(said[0]).toBe("at");
  return { at: Number(said[1]), missed: Number(said[2]) };
}

onLan(
  "subscribers on four hosts get everything in order through loss, while others are killed, frozen and cut off",
  { timeout: 90_000 },
  async () => {
    const lan = await lanOf(5, { delayMs: 2, loss: 0.05 });
    const publisher = participantOn(lan, 1, "publisher");
    const [, id] = words(await publisher.line());
    const [steady, killed, frozen, cut] = [2, 3, 4, 5].map((host) => participantOn(lan, host, "subscriber")) as [
      Program,
      Program,
      Program,
      Program,
    ];
    for (const each of [steady, killed, frozen, cut]) expect(await progress(each)).toMatchObject({ missed: 0 });

    killed.process.kill("SIGKILL");
    await until(publisher, words, ([word]) => word === "lost");
    frozen.process.kill("SIGSTOP");
    await until(publisher, words, ([word]) => word === "suspected");
    await until(publisher, words, ([word]) => word === "lost");
    await lan.cut(5);
    await until(publisher, words, ([word]) => word === "lost");
    // All the while, the one to whom nothing happened has missed nothing.
    const during = await progress(steady);
    expect(during.missed).toBe(0);

    // Those who are back find the publisher again, and get what is kept and what comes.
    frozen.process.kill("SIGCONT");
    await lan.mend(5);
    await until(publisher, words, ([word]) => word === "found");
    await until(publisher, words, ([word]) => word === "found");
    const again = participantOn(lan, 3, "subscriber");
    for (const each of [frozen, cut, again]) {
      const from = await progress(each);
      let now = from;
      while (now.at < from.at + 500) now = await progress(each);
    }
    let last = during;
    while (last.at < during.at + 2000) last = await progress(steady);
    expect(last.missed).toBe(0);
    expect(publisher.process.exitCode, id).toBeNull();
  },
);

// `troupe pub`: publishes a value, once somebody listens.

import { systemClock } from "@troupe/core";
import { wholeNumber, type Command } from "../command-line.js";
import { UsageError } from "../failure.js";
import { line, type Terminal } from "../terminal.js";
import { valueOf } from "../value-text.js";
import { anyTopic, ended, joined, withTopicFlags, type TopicFlags } from "./topic-flags.js";

interface PubFlags extends TopicFlags {
  readonly count: number;
  readonly interval: number;
  readonly wait: number;
}

/** How long a subscriber may take to appear, and the values to leave, in milliseconds. */
const WAIT_MS = 5000;
const LINGER_MS = 200;

export function addPub(program: Command, terminal: Terminal): void {
  withTopicFlags(program.command("pub"))
    .description("Publish a value once somebody subscribes, and end when it has left.")
    .argument("<topic>", "the name of the topic")
    .argument("<value>", "the value as JSON")
    .option("--count <n>", "publish it so many times", wholeNumber(1, 2_147_483_647), 1)
    .option("--interval <ms>", "how far apart", wholeNumber(0, 3_600_000), 1000)
    .option("--wait <ms>", "how long a subscriber may take to appear", wholeNumber(0, 3_600_000), WAIT_MS)
    .addHelpText("after", `\nExample:\n  $ troupe pub pose '{"x":1,"y":2}'\n`)
    .action((topic: string, text: string, flags: PubFlags) => runPub(topic, parsed(text), flags, terminal));
}

async function runPub(topic: string, value: unknown, flags: PubFlags, terminal: Terminal): Promise<void> {
  await joined(flags, "troupe pub", async (participant) => {
    const { signal } = terminal;
    const publisher = participant.publisher(anyTopic(topic, 0, false));
    await new Promise<void>((resolve) => {
      const cancel = systemClock.schedule(flags.wait, resolve);
      participant.on("matched", ({ role, count }) => {
        if (role !== "publisher" || count === 0) return;
        cancel();
        resolve();
      });
      ended(terminal, resolve);
    });
    const { matched } = publisher;
    for (let n = 0; n < flags.count && !signal.aborted && matched > 0; n++) {
      if (n > 0) await pause(flags.interval);
      await publisher.publish(value);
    }
    // What was published is on its way; it leaves before the connections are closed.
    await pause(LINGER_MS);
    if (flags.json === true) await terminal.out(line(JSON.stringify({ topic, matched, ...publisher.stats })));
    else await terminal.out(line(matched === 0 ? `nobody subscribes to ${topic}` : `published to ${matched}`));
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.schedule(ms, resolve));
}

function parsed(text: string): unknown {
  try {
    return valueOf(text);
  } catch (error) {
    throw new UsageError(`the value is no JSON: ${(error as Error).message}`);
  }
}

// `troupe topics`: what is published and subscribed to, as far as this host knows.

import { systemClock } from "@troupe/core";
import { wholeNumber, type Command } from "../command-line.js";
import { line, type Terminal } from "../terminal.js";
import { joined, withTopicFlags, type TopicFlags } from "./topic-flags.js";

/** How long others may take to be found unless something else is said, in milliseconds. */
const WAIT_MS = 1000;

export function addTopics(program: Command, terminal: Terminal): void {
  withTopicFlags(program.command("topics"))
    .description("List the topics that somebody publishes or subscribes to.")
    .option("--wait <ms>", "how long others may take to be found", wholeNumber(0, 60_000), WAIT_MS)
    .addHelpText("after", "\nExample:\n  $ troupe topics --wait 3000\n")
    .action((flags: TopicFlags & { readonly wait: number }) =>
      joined(flags, "troupe topics", async (participant) => {
        await new Promise<void>((resolve) => void systemClock.schedule(flags.wait, resolve));
        const { topics } = participant;
        for (const each of topics) {
          const { topic, publishers, subscribers } = each;
          const text = `${topic}  ${publishers} publishing, ${subscribers} subscribed`;
          await terminal.out(line(flags.json === true ? JSON.stringify(each) : text));
        }
        if (topics.length === 0 && flags.json !== true) await terminal.out(line("nobody publishes or subscribes"));
      }),
    );
}

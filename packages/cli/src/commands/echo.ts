// `troupe echo`: prints what is published, as it comes.

import { wholeNumber, type Command } from "../command-line.js";
import { line, type Terminal } from "../terminal.js";
import { textOf } from "../value-text.js";
import { anyTopic, ended, joined, withTopicFlags, type TopicFlags } from "./topic-flags.js";

interface EchoFlags extends TopicFlags {
  readonly count?: number;
  readonly keep: number;
}

export function addEcho(program: Command, terminal: Terminal): void {
  withTopicFlags(program.command("echo"))
    .description("Print the values of a topic, one line of JSON each, until SIGINT or SIGTERM.")
    .argument("<topic>", "the name of the topic")
    .option("--count <n>", "end after so many values", wholeNumber(1, 2_147_483_647))
    .option("--keep <n>", "ask for so many that were published before", wholeNumber(0, 100_000), 0)
    .addHelpText(
      "after",
      "\nWith --json each line says where the value came from as well.\n\nExample:\n  $ troupe echo pose\n",
    )
    .action((topic: string, flags: EchoFlags) =>
      joined(flags, "troupe echo", async (participant) => {
        // Best effort fits every publisher; whether anything is missed is up to that.
        const subscription = participant.subscribe(anyTopic(topic, flags.keep, true));
        const forget = ended(terminal, () => subscription.close());
        let left = flags.count ?? Infinity;
        for await (const { value, source, sequence, missed } of subscription) {
          const said = flags.json === true ? { topic, ...source, sequence, missed, value } : value;
          await terminal.out(line(textOf(said)));
          if (--left === 0) break;
        }
        forget();
      }),
    );
}

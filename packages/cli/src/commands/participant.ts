// `troupe participant`: speaks for this host until it is told to stop, so that programs may come and go.

import type { Command } from "../command-line.js";
import { line, stopped, type Terminal } from "../terminal.js";
import { joined, withTopicFlags, type TopicFlags } from "./topic-flags.js";

export function addParticipant(program: Command, terminal: Terminal): void {
  withTopicFlags(program.command("participant"))
    .description("Speak for this host among participants, until SIGINT or SIGTERM.")
    .addHelpText("after", "\nExample:\n  $ troupe participant --domain workshop\n")
    .action((flags: TopicFlags) =>
      joined(flags, "troupe participant", async (participant) => {
        const say = (event: string, fields: object, text: string): void => {
          void terminal.out(line(flags.json === true ? JSON.stringify({ event, ...fields }) : text));
        };
        const { id, endpoint, isHost } = participant;
        say(
          "joined",
          { id, endpoint, isHost },
          isHost ? `participant ${id} on ${endpoint ?? ""}` : `joined ${participant.participant}`,
        );
        participant.on("found", (each) => say("found", each, `found ${each.participant} at ${each.endpoint}`));
        participant.on("suspected", (each) => say("suspected", each, `suspected ${each.participant}`));
        participant.on("lost", (each) => say("lost", each, `lost ${each.participant}: ${each.reason}`));
        await stopped(terminal.signal);
      }),
    );
}

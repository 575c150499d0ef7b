// What the commands about topics have in common: which participants they see, and a participant for the length of one command.

import { defineTopic, type Participant, type Topic } from "@troupe/core/network";
import { startParticipant } from "@troupe/node";
import { collected, Option, wholeNumber, type Command } from "../command-line.js";
import type { Terminal } from "../terminal.js";

export interface TopicFlags {
  readonly domain?: string;
  readonly folder?: string;
  readonly host?: string;
  readonly beaconPort?: number;
  readonly known?: readonly string[];
  readonly json?: true;
}

/** Adds the options by which a participant is found. */
export function withTopicFlags(command: Command): Command {
  return command
    .option("--domain <name>", "participants of other domains are not seen (default: default)")
    .option("--host <address>", "the address that other hosts reach this one at; 127.0.0.1 keeps to this machine")
    .option("--beacon-port <port>", "the UDP port of beacons (default: 5671)", wholeNumber(1, 65_535))
    .addOption(new Option("--known <url...>", "participants to dial without a beacon").argParser(collected))
    .option("--folder <path>", "where the programs of this host meet")
    .option("--json", "print one JSON object per line");
}

/** Starts a participant, runs `use`, and closes it whatever comes of that. */
export async function joined<T>(
  { domain, folder, host, beaconPort, known }: TopicFlags,
  name: string,
  use: (participant: Participant) => Promise<T>,
): Promise<T> {
  const participant = await startParticipant({
    name,
    ...(domain !== undefined && { domain }),
    ...(folder !== undefined && { folder }),
    ...(host !== undefined && { host }),
    ...(known !== undefined && { known }),
    ...(beaconPort !== undefined && { beacons: { port: beaconPort } }),
  });
  try {
    return await use(participant);
  } finally {
    await participant.close();
  }
}

/** A topic of any values, that fits whoever is there as far as it can. */
export function anyTopic(name: string, keep: number, isBestEffort: boolean): Topic {
  return defineTopic<unknown>(name, { reliability: isBestEffort ? "best-effort" : "reliable", history: { keep } });
}

/** Rejects nothing: an aborted command is one that is done. */
export function ended(terminal: Terminal, stop: () => void): () => void {
  if (terminal.signal.aborted) stop();
  terminal.signal.addEventListener("abort", stop, { once: true });
  return () => terminal.signal.removeEventListener("abort", stop);
}

// `troupe services`: who answers at a URL, and what it provides.

import type { Peer } from "@troupe/core";
import { Announcements } from "../announcements.js";
import type { Command } from "../command-line.js";
import { dialled } from "../dial.js";
import { line, type Terminal } from "../terminal.js";

interface ServicesFlags {
  readonly json?: true;
}

export function addServices(program: Command, terminal: Terminal): void {
  program
    .command("services")
    .description("Print who answers at a URL, and its services with their messages.")
    .argument("<url>", "where to connect, such as tcp://127.0.0.1:7070")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ troupe services tcp://127.0.0.1:7070\n")
    .action((url: string, { json }: ServicesFlags) => printServices(url, json === true, terminal));
}

async function printServices(url: string, isJson: boolean, terminal: Terminal): Promise<void> {
  const announcements = new Announcements();
  const options = { signal: terminal.signal, wireFormat: announcements.format };
  const text = await dialled(url, options, async (peer) => {
    return isJson ? line(JSON.stringify(described(peer, announcements))) : table(peer, announcements);
  });
  await terminal.out(text);
}

function described({ remote }: Peer, announcements: Announcements): unknown {
  const { name, id, endpoint } = remote;
  const services = remote.services.map((service) => ({ name: service, ...announcements.of(service) }));
  return { name, id, endpoint, services };
}

function table({ remote }: Peer, announcements: Announcements): string {
  const { name, id, endpoint } = remote;
  const lines = [`${name === "" ? "(no name)" : name}  ${id}  ${endpoint}`];
  for (const service of remote.services) {
    const { version = 0, messages = [] } = announcements.of(service) ?? {};
    lines.push(version === 0 ? service : `${service}  version ${version}`);
    for (const { name: message, kind } of messages) lines.push(`  ${kind.padEnd(6)} ${message}`);
  }
  if (remote.services.length === 0) lines.push("It provides no services.");
  return lines.map(line).join("");
}

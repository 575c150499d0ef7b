// `troupe find`: entries of a directory, one by its UUID or all that offer something.

import type { Address } from "@troupe/core";
import { DirectoryError, DirectoryService, type DirectoryEntry, type EntryPage } from "@troupe/core/network";
import type { Command } from "../command-line.js";
import { dialled } from "../dial.js";
import { UsageError } from "../failure.js";
import { line, type Terminal } from "../terminal.js";

interface FindFlags {
  readonly service?: string;
  readonly json?: true;
}

export function addFind(program: Command, terminal: Terminal): void {
  program
    .command("find")
    .description("Print an entry of a directory, or all entries that offer a service, or all.")
    .argument("<url>", "where the directory is")
    .argument("[uuid]", "the entry to print")
    .option("--service <name>", "print entries that offer this service")
    .option("--json", "print one JSON object per entry")
    .addHelpText("after", "\nExample:\n  $ troupe find tcp://127.0.0.1:7070 --service clock\n")
    .action((url: string, uuid: string | undefined, flags: FindFlags) => runFind(url, uuid, flags, terminal));
}

async function runFind(
  url: string,
  uuid: string | undefined,
  { service, json }: FindFlags,
  terminal: Terminal,
): Promise<void> {
  if (uuid !== undefined && service !== undefined) throw new UsageError("give a UUID or --service, and not both");
  const { signal } = terminal;
  await dialled(url, { signal }, async (peer) => {
    const directory = peer.address(DirectoryService);
    const found = uuid === undefined ? listed(directory, service, signal) : one(directory, uuid, signal);
    for await (const entry of found) await terminal.out(json === true ? line(JSON.stringify(entry)) : textOf(entry));
  });
}

async function* one(
  directory: Address<typeof DirectoryService>,
  uuid: string,
  signal: AbortSignal,
): AsyncGenerator<DirectoryEntry, void> {
  const entry = await directory.call("query", uuid, { signal });
  if (entry === null) throw new DirectoryError("unknown-entry", `there is no entry ${uuid}`);
  yield entry;
}

/** Page by page, however many there are. */
async function* listed(
  directory: Address<typeof DirectoryService>,
  service: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<DirectoryEntry, void> {
  let after = "";
  for (;;) {
    const query = { after, ...(service !== undefined && { service }) };
    const { entries, hasMore }: EntryPage = await directory.call("list", query, { signal });
    yield* entries;
    const last = entries.at(-1);
    if (!hasMore || last === undefined) return;
    after = last.uuid;
  }
}

function textOf({ uuid, name, endpoints, services }: DirectoryEntry): string {
  const lines = [name === "" ? uuid : `${uuid}  ${name}`];
  lines.push(...endpoints.map((endpoint) => `  at     ${endpoint}`));
  if (services.length > 0) lines.push(`  offers ${services.join(", ")}`);
  return lines.map(line).join("");
}

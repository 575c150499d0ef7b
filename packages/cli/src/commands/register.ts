// `troupe register`: an entry in a directory, for whoever cannot make it itself.

import { DirectoryClient, DirectoryService, LEASE_MS_MAX, LEASE_MS_MIN } from "@troupe/core/network";
import type { Registered, Registration } from "@troupe/core/network";
import { link } from "@troupe/node";
import { collected, wholeNumber, type Command } from "../command-line.js";
import { dialled, OWN_NAME } from "../dial.js";
import { line, stopped, type Terminal } from "../terminal.js";

interface RegisterFlags {
  readonly name?: string;
  readonly endpoint?: readonly string[];
  readonly service?: readonly string[];
  readonly lease?: number;
  readonly key?: string;
  readonly keep?: true;
  readonly json?: true;
}

const AFTER = `
The entry stays for its lease. Whoever has the key that is printed can change it, or make it again under the same UUID.

Examples:
  $ troupe register tcp://127.0.0.1:7070 --name clock --endpoint tcp://10.0.0.5:7000 --service clock --lease 60000
  $ troupe register tcp://127.0.0.1:7070 --name clock --endpoint tcp://10.0.0.5:7000 --keep
`;

export function addRegister(program: Command, terminal: Terminal): void {
  program
    .command("register")
    .description("Register a program in a directory, and print its UUID and the key that owns it.")
    .argument("<url>", "where the directory is")
    .option("--name <name>", "what it is called")
    .option("--endpoint <url>", "where it can be dialled; may be given several times", collected)
    .option("--service <name>", "a service that it offers; may be given several times", collected)
    .option("--lease <ms>", "how long the entry stays without being renewed", wholeNumber(LEASE_MS_MIN, LEASE_MS_MAX))
    .option("--key <key>", "the key of an entry, to change it or make it again")
    .option("--keep", "renew the lease until SIGINT or SIGTERM, then take the entry out")
    .option("--json", "print one JSON object")
    .addHelpText("after", AFTER)
    .action((url: string, flags: RegisterFlags) => runRegister(url, flags, terminal));
}

async function runRegister(url: string, flags: RegisterFlags, terminal: Terminal): Promise<void> {
  const registration = registrationOf(flags);
  const registered = await dialled(url, terminal, (peer) =>
    peer.address(DirectoryService).call("register", registration, { signal: terminal.signal }),
  );
  await terminal.out(textOf(registered, flags.json === true));
  if (flags.keep === true) await keep(url, { ...registration, key: registered.key }, terminal);
}

/** The entry is there already: from now on over a link, so that it is there again after the directory was away. */
async function keep(url: string, registration: Registration, { signal }: Terminal): Promise<void> {
  const directory = link(url, { name: OWN_NAME });
  const client = new DirectoryClient(directory);
  try {
    await Promise.race([client.register(registration), stopped(signal)]);
    await stopped(signal);
  } finally {
    await client.close();
    await directory.close();
  }
}

function registrationOf({ name, endpoint, service, lease, key }: RegisterFlags): Registration {
  return {
    ...(name !== undefined && { name }),
    ...(endpoint !== undefined && { endpoints: endpoint }),
    ...(service !== undefined && { services: service }),
    ...(lease !== undefined && { leaseMs: lease }),
    ...(key !== undefined && { key }),
  };
}

function textOf(registered: Registered, isJson: boolean): string {
  if (isJson) return line(JSON.stringify(registered));
  const { entry, key, leaseMs } = registered;
  return [`uuid   ${entry.uuid}`, `key    ${key}`, `lease  ${leaseMs} ms`].map(line).join("");
}

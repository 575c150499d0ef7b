// `troupe directory`: a directory that runs until it is told to stop.

import { Directory, directoryServices, MemoryStore, type DirectoryStore } from "@troupe/core/network";
import { listen, lmdbStore, serveDirectory } from "@troupe/node";
import { wholeNumber, type Command } from "../command-line.js";
import { UsageError } from "../failure.js";
import { line, stopped, type Terminal } from "../terminal.js";

interface DirectoryFlags {
  readonly listen: string;
  readonly http?: number;
  readonly httpHost?: string;
  readonly store: string;
  readonly json?: true;
}

/** How long calls that are under way may still take at the end, in milliseconds. */
const GRACE_MS = 1000;

export function addDirectory(program: Command, terminal: Terminal): void {
  program
    .command("directory")
    .description("Run a directory, in which programs register and are found, until SIGINT or SIGTERM.")
    .option("--listen <url>", "where programs connect; port 0 takes a free one", "tcp://127.0.0.1:7070")
    .option("--http <port>", "also serve HTTP on this port; 0 takes a free one", wholeNumber(0, 65_535))
    .option("--http-host <host>", "the address that HTTP is served on (default: 127.0.0.1)")
    .option("--store <where>", "where entries are kept: memory, or lmdb:PATH for a folder", "memory")
    .option("--json", "print one JSON object per line")
    .addHelpText(
      "after",
      "\nExample:\n  $ troupe directory --listen tcp://0.0.0.0:7070 --http 7071 --store lmdb:entries\n",
    )
    .action((flags: DirectoryFlags) => runDirectory(flags, terminal));
}

async function runDirectory(flags: DirectoryFlags, terminal: Terminal): Promise<void> {
  if (flags.httpHost !== undefined && flags.http === undefined) throw new UsageError("--http-host needs --http PORT");
  const directory = await opened(storeOf(flags.store));
  try {
    await served(directory, flags, terminal);
  } finally {
    await directory.close();
  }
  await tell(terminal, flags, "closed");
}

async function served(directory: Directory, flags: DirectoryFlags, terminal: Terminal): Promise<void> {
  const listener = await listen(flags.listen, { services: directoryServices(directory), name: "troupe directory" });
  try {
    await withHttp(directory, flags, async (url) => {
      await tell(terminal, flags, "listening", listener.endpoint);
      if (url !== undefined) await tell(terminal, flags, "listening", url);
      await stopped(terminal.signal);
    });
  } finally {
    const closed = listener.close({ graceMs: GRACE_MS });
    // Ends the watches, which would otherwise last as long as they may.
    await directory.close();
    await closed;
  }
}

async function withHttp(
  directory: Directory,
  { http, httpHost }: DirectoryFlags,
  use: (url: string | undefined) => Promise<void>,
): Promise<void> {
  if (http === undefined) return use(undefined);
  const server = await serveDirectory(directory, { port: http, ...(httpHost !== undefined && { host: httpHost }) });
  try {
    await use(server.url);
  } finally {
    await server.close();
  }
}

function storeOf(text: string): DirectoryStore {
  if (text === "memory") return new MemoryStore();
  const path = /^lmdb:(.+)$/.exec(text)?.[1];
  if (path === undefined) throw new UsageError(`--store is memory or lmdb:PATH, and not ${text}`);
  return lmdbStore(path);
}

/** A store belongs to its directory only when that could be opened. */
async function opened(store: DirectoryStore): Promise<Directory> {
  try {
    return await Directory.open({ store });
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function tell(terminal: Terminal, { json }: DirectoryFlags, event: string, endpoint?: string): Promise<void> {
  const text = endpoint === undefined ? event : `${event} on ${endpoint}`;
  await terminal.out(line(json === true ? JSON.stringify({ event, endpoint }) : text));
}

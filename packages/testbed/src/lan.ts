// A network of hosts that are network namespaces of this machine, with a switch in user space between them. Needs Linux, root,
// iproute2 and Python 3: `whyNoLan` says what is missing.

import { execFileSync, spawn, type ChildProcessByStdio } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const PYTHON = "/usr/bin/python3";
const SWITCH = fileURLToPath(new URL("switch.py", import.meta.url));

/** What becomes of what travels. */
export interface LanPath {
  /** The share of packets that are lost, from 0 to 1. 0 unless given. */
  readonly loss?: number;
  /** How long each takes one way, in milliseconds. 0 unless given. */
  readonly delayMs?: number;
  /** The rate of each host's way in, in megabits a second; unlimited unless given. */
  readonly megabits?: number;
  /** How much waits for that rate before something is dropped, in bytes. 256 KiB unless given. */
  readonly queueBytes?: number;
}

/** One host. */
export interface LanHost {
  readonly address: string;
  /** The command that runs another one there: it becomes that command, and keeps its process id. */
  readonly within: readonly [command: string, ...args: string[]];
}

let made = 0;

/** Hosts on one switch. Dispose of it, and they are gone with whatever still runs there. */
export class Lan implements AsyncDisposable {
  readonly hosts: readonly LanHost[];
  readonly #names: readonly string[];
  readonly #switch: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(names: readonly string[], path: LanPath) {
    const { loss = 0, delayMs = 0, megabits = 0, queueBytes = 256 * 1024 } = path;
    this.#names = names;
    this.hosts = names.map((name, index) => ({
      address: `10.77.0.${index + 1}`,
      within: ["ip", "netns", "exec", name],
    }));
    const config = { hosts: names, loss, delayMs, megabits, queueBytes, seed: 20_261_127 };
    this.#switch = spawn(PYTHON, [SWITCH, JSON.stringify(config)], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#switch.stdout })[Symbol.asyncIterator]();
  }

  /** Makes a network of so many hosts. */
  static async of(hosts: number, path: LanPath = {}): Promise<Lan> {
    sweep();
    const number = ++made;
    const names = Array.from({ length: hosts }, (_, index) => `troupe-${process.pid}-${number}-${index + 1}`);
    for (const name of names) ip("netns", "add", name);
    const lan = new Lan(names, path);
    try {
      await lan.#line("ready");
    } catch (error) {
      await lan[Symbol.asyncDispose]();
      throw error;
    }
    return lan;
  }

  /** The host with a number, which counts from 1. */
  host(number: number): LanHost {
    const found = this.hosts[number - 1];
    if (found === undefined) throw new RangeError(`there is no host ${number}`);
    return found;
  }

  /** From now on, so much is lost. */
  lose(share: number): Promise<void> {
    return this.#say(`loss ${share}`);
  }

  /** Pulls the cable of a host: nothing is said, nothing arrives. */
  cut(number: number): Promise<void> {
    return this.#say(`cut ${number}`);
  }

  /** Puts it in again. */
  mend(number: number): Promise<void> {
    return this.#say(`mend ${number}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#switch.once("close", resolve));
    this.#switch.stdin.end();
    if (this.#switch.exitCode === null) await ended;
    for (const name of this.#names) {
      for (const pid of ip("netns", "pids", name).split("\n").filter(Boolean)) {
        try {
          process.kill(Number(pid), "SIGKILL");
        } catch {
          // It has ended by itself meanwhile.
        }
      }
      ip("netns", "del", name);
    }
  }

  async #say(line: string): Promise<void> {
    this.#switch.stdin.write(`${line}\n`);
    await this.#line("done");
  }

  async #line(expected: string): Promise<void> {
    const { value, done } = await this.#lines.next();
    if (done === true || value !== expected) throw new Error(`the switch said ${String(value)}, not ${expected}`);
  }
}

/** Why no network can be made on this machine; undefined if one can. */
export function whyNoLan(): string | undefined {
  const name = `troupe-try-${process.pid}`;
  try {
    ip("netns", "add", name);
    try {
      ip("netns", "exec", name, "ip", "tuntap", "add", "eth0", "mode", "tap");
      execFileSync(PYTHON, ["-c", "import ctypes; ctypes.CDLL(None).setns"], { stdio: "pipe" });
    } finally {
      ip("netns", "del", name);
    }
    return undefined;
  } catch (error) {
    return (error as Error).message.split("\n")[0];
  }
}

/** Takes away what programs have left behind that were killed. */
function sweep(): void {
  for (const line of ip("netns", "list").split("\n")) {
    const [name = ""] = line.split(" ");
    const pid = /^troupe-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) ip("netns", "del", name);
  }
}

function ip(...args: string[]): string {
  return execFileSync("ip", args, { stdio: "pipe", encoding: "utf8" });
}

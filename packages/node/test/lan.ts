// What the tests on a network of their own have in common: programs on its hosts, and waiting for what they say.

import { Lan, whyNoLan, type LanPath } from "@troupe/testbed";
import { onTestFinished, test } from "vitest";
import { program, type Program } from "./program.js";

const why = whyNoLan();
if (why !== undefined) console.log(`skipped: what needs a network of its own (${why})`);

/** A test on hosts of its own; skipped where the machine has no network namespaces. */
export const onLan = test.skipIf(why !== undefined);

/** Hosts that are there until the test is over. */
export async function lanOf(hosts: number, path?: LanPath): Promise<Lan> {
  const lan = await Lan.of(hosts, path);
  onTestFinished(() => lan[Symbol.asyncDispose]());
  return lan;
}

/** Starts a fixture on a host. */
export function programOn(lan: Lan, host: number, name: string, ...args: readonly string[]): Program {
  return program({ name, within: lan.host(host).within }, ...args);
}

// Programs on hosts of their own that meet through a directory: it is killed, they go on; it is there again, with its entries; one
// of them moves to another host, and is followed.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { lanOf, onLan, programOn } from "./lan.js";
import { until } from "./program.js";

/** What a provider says. */
interface Registered {
  readonly uuid: string;
  readonly key: string;
  readonly observed: string;
}

/** What a caller says. */
interface Calling {
  readonly uuid: string;
  readonly answered: number;
  readonly last: string;
  readonly codes: readonly string[];
  readonly isStale?: boolean;
}

const calling = (line: string): Calling => JSON.parse(line) as Calling;

onLan(
  "two that met through the directory go on talking when it is killed, and it comes back with its entries",
  { timeout: 60_000 },
  async () => {
    const path = mkdtempSync(join(tmpdir(), "directory-"));
    onTestFinished(() => rmSync(path, { recursive: true, force: true }));
    const lan = await lanOf(4, { delayMs: 1, loss: 0.01 });
    const endpoint = `tcp://${lan.host(1).address}:7000`;
    const directory = programOn(lan, 1, "directory", path, endpoint);
    await directory.line();
    const provider = programOn(lan, 2, "directory-client", "provider", endpoint, `tcp://${lan.host(2).address}:7000`);
    const registered = JSON.parse(await provider.line()) as Registered;
    expect(registered.observed).toContain(lan.host(2).address);

    const caller = programOn(lan, 3, "directory-client", "caller", endpoint);
    const before = await until(caller, calling, (each) => each.answered > 100 && each.isStale === false);
    expect(before.uuid).toBe(registered.uuid);
    directory.process.kill("SIGKILL");
    const away = await until(caller, calling, (each) => each.isStale === true);
    await until(caller, calling, (each) => each.answered > away.answered + 200 && each.isStale === true);

    await programOn(lan, 1, "directory", path, endpoint).line();
    const back = await until(caller, calling, (each) => each.isStale === false);
    expect(back.uuid).toBe(registered.uuid);
    expect(back.codes).toEqual([]);

    // The provider dies, and its successor has its key on another host.
    provider.process.kill("SIGKILL");
    const elsewhere = `tcp://${lan.host(4).address}:7000`;
    const successor = programOn(lan, 4, "directory-client", "provider", endpoint, elsewhere, registered.key);
    const again = JSON.parse(await successor.line()) as Registered;
    expect(again.uuid).toBe(registered.uuid);
    await until(caller, calling, (each) => each.last === elsewhere);
  },
);

// A link over TCP whose other side is a process that is killed and comes back, and a process that has only a link.

import { describe, expect, test } from "vitest";
import { link } from "@troupe/node";
import { Work } from "./fixtures/work.js";
import { program } from "./program.js";

test("a link outlives the process on its other side: the address stays valid, and nothing is done twice", async () => {
  const first = program("work-server-at");
  const endpoint = await first.line();
  await using up = link(endpoint, { backoff: { minMs: 20, maxMs: 100, attempts: 1_000_000 } });
  const events: string[] = [];
  up.on("up", () => events.push("up"));
  up.on("down", ({ reason }) => events.push(`down ${reason.by} ${reason.code}`));
  const refused = new Promise<Error>((resolve) =>
    up.on("retrying", ({ attempt, error }) => attempt > 1 && error && resolve(error)),
  );
  const work = up.address(Work);
  expect(await work.call("quick", 1)).toBe(1);

  const underWay = work.call("hold");
  const watch = work.watch();
  await work.call("quick", 2);
  const down = new Promise((resolve) => up.on("down", resolve));
  first.process.kill("SIGKILL");
  await expect(underWay).rejects.toMatchObject({
    name: "ConnectionLost",
    code: "connection-lost",
    maybeExecuted: true,
  });
  expect(await watch).toMatchObject({ reason: "connection-lost" });
  await down;
  expect(await refused).toMatchObject({ code: "connect-refused", endpoint });

  const counts = Promise.all(Array.from({ length: 100 }, (_, id) => work.call("count", id)));
  const hasty = work.call("quick", 3, { whenDown: "fail" });
  await expect(hasty).rejects.toMatchObject({ code: "link-down", maybeExecuted: false });
  expect(up.waiting).toBe(100);
  const second = program("work-server-at", endpoint);
  expect(await second.line()).toBe(endpoint);
  await counts;
  expect([...(await work.call("counts", { start: 0, end: 100 }))]).toEqual(new Array(100).fill(1));
  expect(events).toEqual(["up", "down fault connection-lost", "up"]);
});

describe.each(["connecting", "up", "waiting"])("a program whose link is %s ends by itself", (state) => {
  test.each(["close", "abort"])("after %s()", async (how) => {
    const child = program("link-and-close", state, how);
    expect(await child.line()).toBe("all is closed");
    expect(await child.ended).toBe(0);
  });
});

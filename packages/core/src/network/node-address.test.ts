// How long a message to any of several members takes, when some of them are not reached.

import { describe, expect, test } from "vitest";
import { call, defineService, stream, type CallOptions } from "../actor/index.js";
import { ConnectionLost, type Peer } from "../peer/index.js";
import { VirtualClock } from "../testing/index.js";
import { NetworkError } from "./error.js";
import { nodeAddress, within } from "./node-address.js";

const Echo = defineService("echo", { who: call<void, string>(), count: stream<void, number>() });

/** Some members, of whom some are never reached, and some answer with how long they would have been waited for. */
function ground(members: Record<string, "mute" | "there" | "lost">) {
  const clock = new VirtualClock();
  const asked: [member: string, atMs: number, timeoutMs: number | undefined][] = [];
  const start = clock.now();
  const peerOf = (id: string): Peer => {
    const say = (_message: string, _input: unknown, options?: CallOptions) => {
      asked.push([id, clock.now() - start, options?.timeoutMs]);
      if (members[id] === "lost") throw new ConnectionLost("connection-lost", "cut", { maybeExecuted: false });
      return id;
    };
    return {
      address: () => ({
        call: async (...given: Parameters<typeof say>) => say(...given),
        stream: async function* (...given: Parameters<typeof say>) {
          yield await Promise.resolve(say(...given).length);
        },
      }),
    } as unknown as Peer;
  };
  const address = nodeAddress(Echo, () => Object.keys(members), {
    peer: () => undefined,
    reach: (id, options) =>
      within(members[id] === "mute" ? new Promise(() => {}) : Promise.resolve(peerOf(id)), options, clock),
    clock,
    callTimeoutMs: Infinity,
    none: () => {
      throw new NetworkError("no-provider", "nobody");
    },
  });
  return { clock, asked, address, elapsedMs: () => clock.now() - start };
}

describe("a call to any of several members", () => {
  test("goes on to the next when one is not reached in its share of the time, and has what is left", async () => {
    const { clock, asked, address } = ground({ a: "mute", b: "mute", c: "lost", d: "there" });
    const answer = address.call("who", undefined, { timeoutMs: 1000 });
    await clock.advance(500);
    expect(await answer).toBe("d");
    expect(asked).toEqual([
      ["c", 500, 500],
      ["d", 500, 500],
    ]);
  });

  test.each([
    ["timeoutMs", { timeoutMs: 900 }],
    [
      "the time of the caller on whose behalf it is",
      { context: { remainingMs: 900, signal: new AbortController().signal } },
    ],
  ])("takes no longer than its time altogether: %s", async (_what, options) => {
    const { clock, address, elapsedMs } = ground({ a: "mute", b: "mute", c: "mute" });
    let endedAfterMs = 0;
    const given = address.call("who", undefined, options).catch((error: unknown) => {
      endedAfterMs = elapsedMs();
      return error;
    });
    await clock.advance(5000);
    expect(await given).toMatchObject({ code: "timeout" });
    expect(endedAfterMs).toBe(900);
  });

  test("takes half a minute unless it is told otherwise", async () => {
    const { clock, address, elapsedMs } = ground({ a: "mute", b: "mute" });
    let endedAfterMs = 0;
    const given = address.call("who").catch(() => (endedAfterMs = elapsedMs()));
    await clock.advance(60_000);
    await given;
    expect(endedAfterMs).toBe(30_000);
  });

  test("is not tried elsewhere once it is cancelled, and a time that is none is told", async () => {
    const { address } = ground({ a: "mute", b: "there" });
    const controller = new AbortController();
    const given = address.call("who", undefined, { signal: controller.signal });
    controller.abort();
    await expect(given).rejects.toMatchObject({ code: "cancelled" });
    await expect(address.call("who", undefined, { timeoutMs: NaN })).rejects.toMatchObject({ code: "option-invalid" });
  });
});

test("a stream has what reaching the member has left of its time", async () => {
  const { asked, address } = ground({ a: "there" });
  for await (const item of address.stream("count", undefined, { timeoutMs: 300 })) expect(item).toBe(1);
  expect(asked).toEqual([["a", 0, 300]]);
});

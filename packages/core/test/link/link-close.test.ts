// The end of a link, from every state: what waits is told, nothing new begins, and nothing is left.

import { describe, expect, test } from "vitest";
import { Echo, LinkStage, record, unanswered } from "./stage.js";
import { call, defineService } from "../../src/actor/index.js";
import { Inspection } from "../../src/base/index.js";
import { ServiceMap } from "../../src/peer/index.js";
import { fence } from "../../src/testing/index.js";
import { memoryPair, type Connection } from "../../src/transport/index.js";
import { FrameKind } from "../../src/wire/index.js";
import type { Link } from "../../src/link/index.js";

const Never = defineService("never", { get: call<void, string>() });

/** Every situation in which a link can be ended, by its name. */
const situations: [string, (on: LinkStage) => Promise<Link>][] = [
  [
    "dialling",
    async (on) => {
      on.road.detour = unanswered;
      return on.link();
    },
  ],
  [
    "dialling over a transport that cannot give up",
    async (on) => {
      on.road.detour = () =>
        new Promise<Connection>((resolve) =>
          on.clock.schedule(1, () => resolve(memoryPair({ clock: on.drivenClock })[0])),
        );
      return on.link();
    },
  ],
  [
    "greeting",
    async (on) => {
      on.road.detour = async () => memoryPair({ clock: on.drivenClock })[0];
      const up = on.link();
      await on.flush();
      return up;
    },
  ],
  [
    "up",
    async (on) => {
      await on.serve();
      const up = on.link();
      await up.ready();
      return up;
    },
  ],
  [
    "up, while the other side drains",
    async (on) => {
      const gate = fence();
      const listener = await on.serve({ services: on.services(() => gate.pass()) });
      const up = on.link();
      await up.ready();
      up.address(Echo)
        .call("hold")
        .catch(() => {});
      await gate.reached;
      void listener.close({ graceMs: 10_000 }).finally(() => gate.open());
      await on.flush();
      expect(up.peer).toBeUndefined();
      return up;
    },
  ],
  [
    "waiting for the next attempt",
    async (on) => {
      const up = on.link();
      await on.flush();
      expect(up.state).toBe("waiting");
      return up;
    },
  ],
];

describe.each(situations)("while it is %s,", (_, arrange) => {
  const ends: [string, (up: Link) => void][] = [
    ["close()", (up) => void up.close()],
    ["abort()", (up) => up.abort(new Error("enough"))],
    ["close() and abort() and close()", (up) => (void up.close(), up.abort(), void up.close())],
  ];
  test.each(ends)("%s ends the link once, and nothing is left", async (_name, end) => {
    await using on = new LinkStage();
    const up = await arrange(on);
    const before = up.state;
    const seen = record(up);
    const closedEvents: unknown[] = [];
    up.on("closed", (event) => closedEvents.push(event));
    const stream = (async () => {
      for await (const _event of up.events());
      return "ended";
    })();
    const ready = before === "up" ? Promise.resolve([]) : Promise.allSettled([up.ready()]);
    end(up);
    expect(["closing", "closed"]).toContain(up.state);
    expect(up.peer).toBeUndefined();
    await up.closed;
    await up.close();
    up.abort();
    expect(up.state).toBe("closed");
    expect(seen).toEqual(["closed"]);
    expect(closedEvents).toEqual([{ type: "closed" }]);
    expect(await stream).toBe("ended");
    for (const outcome of await ready) expect(outcome).toMatchObject({ reason: { code: "closed" } });
    const dialled = on.road.dials.length;
    await on.advance(120_000);
    expect(on.road.dials.length).toBe(dialled);
    expect(on.clock.pending).toBe(0);
  });

  test("everything made after the end rejects with closed at once", async () => {
    await using on = new LinkStage();
    const up = await arrange(on);
    const echo = up.address(Echo);
    up.abort(new Error("enough"));
    const closed = { name: "ConnectionLost", code: "closed", maybeExecuted: false, cause: { message: "enough" } };
    await expect(echo.call("back", "")).rejects.toMatchObject(closed);
    await expect(echo.send("tell", "")).rejects.toMatchObject(closed);
    await expect(echo.call("back", "", { whenDown: "fail" })).rejects.toMatchObject(closed);
    await expect(up.ready()).rejects.toMatchObject(closed);
    expect(echo.trySend("tell", "")).toBe(false);
    expect(await echo.watch()).toEqual({ reason: "connection-lost" });
    up.provide(new ServiceMap().add(Never, { get: () => "never" }));
    expect(up.withdraw(Never)).toBe(true);
    expect(up.waiting).toBe(0);
    // A dial that could not be given up is answered now.
    await on.advance(1);
  });
});

test("calls and sends that wait reject with closed when the link is closed, each with its own error", async () => {
  await using on = new LinkStage();
  const up = on.link();
  await on.flush();
  const outcomes = Promise.allSettled([up.address(Echo).call("back", ""), up.address(Echo).send("tell", "")]);
  await up.close();
  const [one, two] = (await outcomes) as PromiseRejectedResult[];
  expect(one).toMatchObject({ reason: { name: "ConnectionLost", code: "closed", maybeExecuted: false } });
  expect(two).toMatchObject({ reason: { name: "ConnectionLost", code: "closed", maybeExecuted: false } });
  expect(one?.reason).not.toBe(two?.reason);
  expect((one?.reason as Error).cause).toBeUndefined();
});

describe("close()", () => {
  test("lets what the other side called be answered within the grace; closed comes after that", async () => {
    await using on = new LinkStage();
    const gate = fence();
    const listener = await on.serve();
    const up = on.link({
      services: new ServiceMap().add(Never, { get: async () => (await gate.pass(), "after all") }),
    });
    await up.ready();
    await on.flush();
    const answer = listener.peers[0]?.address(Never).call("get");
    await gate.reached;
    const seen = record(up);
    const closed = up.close({ graceMs: 5000 });
    await on.flush();
    expect([up.state, seen]).toEqual(["closing", []]);
    gate.open();
    expect(await answer).toBe("after all");
    await closed;
    expect([up.state, seen]).toEqual(["closed", ["closed"]]);
    expect(on.clock.now()).toBe(0);
  });

  test("is cut short by abort(), and both resolve", async () => {
    await using on = new LinkStage();
    const gate = fence();
    const listener = await on.serve();
    const up = on.link({ services: new ServiceMap().add(Never, { get: async () => (await gate.pass(), "too late") }) });
    await up.ready();
    await on.flush();
    const lost = expect(listener.peers[0]?.address(Never).call("get")).rejects.toMatchObject({
      code: "connection-lost",
    });
    await gate.reached;
    const closed = up.close({ graceMs: 60_000 });
    await on.flush();
    up.abort();
    await closed;
    await lost;
    expect(on.clock.now()).toBe(0);
    gate.open();
  });

  test("tells the other side that it was in order", async () => {
    await using on = new LinkStage();
    const listener = await on.serve();
    const up = on.link();
    await up.ready();
    await on.flush();
    const [peer] = listener.peers;
    await up.close();
    expect(await peer?.closed).toEqual({ by: "remote", code: "closed" });
  });

  test("from a listener of any event is the last thing that happens", async () => {
    for (const type of ["up", "down", "retrying"] as const) {
      await using on = new LinkStage();
      await on.serve();
      const up = on.link();
      const seen = record(up);
      up.on(type, () => void up.close());
      await on.flush();
      on.road.cut();
      await on.flush();
      await up.closed;
      expect(seen.at(-1)).toBe("closed");
      const after = {
        up: [],
        down: ["down fault connection-lost"],
        retrying: ["down fault connection-lost", "retrying 1 connection-aborted"],
      };
      expect(seen).toEqual(["up", ...after[type], "closed"]);
    }
  });

  test("by await using: the block ends when the link is closed", async () => {
    await using on = new LinkStage();
    await on.serve();
    let seen: Link;
    {
      await using up = on.link();
      seen = up;
      await up.ready();
    }
    expect(seen.state).toBe("closed");
  });
});

describe("a dial that succeeds after the link was closed", () => {
  test("leaves no connection: the other side sees it aborted, and no peer", async () => {
    await using on = new LinkStage();
    const [near, far] = memoryPair({ clock: on.drivenClock });
    let answer: () => void = () => {};
    on.road.detour = () => new Promise((resolve) => (answer = () => resolve(near)));
    const up = on.link();
    const seen = record(up);
    await up.close();
    answer();
    const lost = new Promise((resolve) => far.open({ received() {}, drained() {}, ended() {}, closed: resolve }));
    expect(await lost).toMatchObject({ code: "connection-reset" });
    expect(seen).toEqual(["closed"]);
  });

  test("in whatever job after the last frame of the greeting leaves none either", async () => {
    await using on = new LinkStage();
    const listener = await on.serve();
    let wereUp = 0;
    for (let jobs = 0; jobs < 20; jobs++) {
      const inspection = new Inspection();
      const up = on.link({ inspection });
      const seen = record(up);
      inspection.observe(({ kind, detail }) => {
        // The server's hello announces one service, so the greeting is complete with that.
        if (kind === "frame-received" && detail?.["frame"] === FrameKind.provide) void later(jobs, () => up.close());
      });
      await up.closed;
      await on.flush();
      wereUp += seen.length - 1;
      expect(seen.at(-1)).toBe("closed");
      expect(listener.peers, `${jobs} jobs later`).toEqual([]);
    }
    expect(wereUp).toBeGreaterThan(0);
    expect(wereUp).toBeLessThan(20);
  });
});

/** Does something after so many jobs. */
async function later(jobs: number, action: () => unknown): Promise<void> {
  for (let job = 0; job < jobs; job++) await Promise.resolve();
  action();
}

describe("options.signal", () => {
  test("aborts the link whenever it is aborted, with its reason", async () => {
    await using on = new LinkStage();
    await on.serve();
    const controller = new AbortController();
    const up = on.link({ signal: controller.signal });
    const seen = record(up);
    const peer = await up.ready();
    const reason = new Error("the program ends");
    controller.abort(reason);
    await up.closed;
    expect(await peer.closed).toMatchObject({ by: "local", code: "aborted", error: reason });
    await expect(up.ready()).rejects.toMatchObject({ code: "closed", cause: reason });
    expect(seen).toEqual(["up", "closed"]);
  });

  test("that is aborted already makes a link that is closed and has dialled nobody", async () => {
    await using on = new LinkStage();
    const up = on.link({ signal: AbortSignal.abort() });
    const seen = record(up);
    expect(up.state).not.toBe("connecting");
    await expect(up.address(Echo).call("back", "")).rejects.toMatchObject({ code: "closed" });
    await up.closed;
    expect([up.state, on.road.dials, seen]).toEqual(["closed", [], ["closed"]]);
  });

  test("holds no listener of a link that is closed", async () => {
    await using on = new LinkStage();
    await on.serve();
    const { signal } = new AbortController();
    // A listener that is removed by its own signal is not seen by counting removals.
    const held = new Set<unknown>();
    const add = signal.addEventListener.bind(signal);
    signal.addEventListener = (...rest: Parameters<typeof add>) => {
      held.add(rest[1]);
      const { signal: until } = (rest[2] ?? {}) as AddEventListenerOptions;
      until?.addEventListener("abort", () => held.delete(rest[1]));
      add(...rest);
    };
    const remove = signal.removeEventListener.bind(signal);
    signal.removeEventListener = (...rest: Parameters<typeof remove>) => {
      held.delete(rest[1]);
      remove(...rest);
    };
    const up = on.link({ signal });
    await up.ready();
    expect(held.size).toBe(1);
    await up.close();
    expect(held.size).toBe(0);
  });
});

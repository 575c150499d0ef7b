// What a link does and says from its first attempt on, through any number of connections.

import { describe, expect, test } from "vitest";
import { Echo, LinkStage, record, SERVER } from "./stage.js";
import { call, defineService } from "../../src/actor/index.js";
import { ServiceMap, type Peer } from "../../src/peer/index.js";
import { RawPeer, rawHello } from "../../src/testing/index.js";
import { memoryPair } from "../../src/transport/index.js";
import { FrameKind } from "../../src/wire/index.js";
import { link, type LinkEvent } from "../../src/link/index.js";

const Name = defineService("name", { get: call<void, string>() });
const named = (name: string): ServiceMap => new ServiceMap().add(Name, { get: () => name });

test("link() dials at once and returns before it is up", async () => {
  await using on = new LinkStage();
  await on.serve();
  const up = on.link();
  expect([up.state, up.peer, on.road.dials]).toEqual(["connecting", undefined, [0]]);
  const peer = await up.ready();
  expect([up.state, up.peer]).toEqual(["up", peer]);
  expect(on.clock.now()).toBe(0);
});

test("events come in order: up, down with its reason, retrying with the error of each attempt, up, closed", async () => {
  await using on = new LinkStage();
  const listener = await on.serve();
  const up = on.link();
  const seen = record(up);
  await up.ready();
  await listener.close();
  await on.flush();
  expect([up.state, up.peer]).toEqual(["waiting", undefined]);
  await on.advance(2000);
  await on.serve();
  await on.advance(1000);
  on.road.cut();
  await on.advance(1000);
  await up.close();
  const refused = seen.filter((each) => each.endsWith("connect-refused"));
  expect(refused.length).toBeGreaterThan(0);
  expect(refused).toEqual(refused.map((_, n) => `retrying ${n + 2} connect-refused`));
  expect(seen).toEqual([
    "up",
    "down remote closed",
    "retrying 1 ",
    ...refused,
    "up",
    "down fault connection-lost",
    // The connection before this one had not lasted for long enough to count.
    `retrying ${refused.length + 2} connection-aborted`,
    "up",
    "closed",
  ]);
});

test("many observe the same link: each sees all from when it began, and one that throws disturbs nobody", async () => {
  await using on = new LinkStage();
  await on.serve();
  const up = on.link();
  const [one, two] = [record(up), record(up)];
  const streamed: LinkEvent["type"][] = [];
  const stream = (async () => {
    for await (const { type } of up.events()) streamed.push(type);
  })();
  await up.ready();
  const late = record(up);
  const stop = up.on("down", () => late.push("stopped too late"));
  stop();
  on.road.cut();
  await on.advance(1000);
  await up.close();
  await stream;
  expect(one).toEqual(["up", "down fault connection-lost", "retrying 1 connection-aborted", "up", "closed"]);
  expect(two).toEqual(one);
  expect(late).toEqual(one.slice(1));
  expect(streamed).toEqual(["up", "down", "retrying", "up", "closed"]);
  expect((await up.events().next()).done).toBe(true);
});

test("state and peer are already those after the event when it is seen", async () => {
  await using on = new LinkStage();
  await on.serve();
  const up = on.link();
  const seen: unknown[] = [];
  for (const type of ["up", "down", "retrying", "closed"] as const)
    up.on(type, () => seen.push([type, up.state, up.peer !== undefined]));
  await up.ready();
  on.road.cut();
  await on.flush();
  await up.close();
  expect(seen).toEqual([
    ["up", "up", true],
    ["down", "waiting", false],
    ["retrying", "waiting", false],
    ["closed", "closed", false],
  ]);
});

test("an address stays valid through several connections, and talks to whoever is there", async () => {
  await using on = new LinkStage();
  const up = on.link();
  const name = up.address(Name);
  const seen: string[] = [];
  for (const each of ["first", "second", "third"]) {
    const listener = await on.serve({ services: named(each) });
    const answer = name.call("get");
    await on.advance(1000);
    seen.push(await answer);
    await listener.close();
    await on.flush();
  }
  expect(seen).toEqual(["first", "second", "third"]);
  expect(name.service).toBe(Name);
});

test("a connection that is over before anybody could use it is a failed attempt, and what waits goes on waiting", async () => {
  await using on = new LinkStage();
  on.road.detour = async () => {
    const [near, far] = memoryPair({ clock: on.drivenClock });
    const raw = new RawPeer(far);
    raw.write({ kind: FrameKind.hello }, rawHello());
    raw.write({ kind: FrameKind.goodbye }, ["closed", ""]);
    raw.end();
    return near;
  };
  const up = on.link();
  const seen = record(up);
  const errors: unknown[] = [];
  up.on("retrying", ({ error }) => errors.push(error));
  const waiting = up.address(Echo).call("back", "patient");
  await on.flush();
  expect(errors).toEqual([undefined]);
  expect([up.state, up.waiting]).toEqual(["waiting", 1]);
  on.road.detour = undefined;
  await on.serve();
  await on.advance(1000);
  expect(await waiting).toBe("patient");
  expect(seen).toEqual(["retrying 1 ", "up"]);
});

describe("while the other side closes in order", () => {
  test("what runs is answered over the old connection, and what is new waits for the next one", async () => {
    await using on = new LinkStage();
    let answer: () => void = () => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    const listener = await on.serve({ services: on.services(() => held) });
    const up = on.link();
    const seen = record(up);
    await up.ready();
    const running = up.address(Echo).call("hold");
    await on.flush();
    const closing = listener.close({ graceMs: 5000 });
    await on.flush();
    expect(up.peer).toBeUndefined();
    const fresh = up.address(Echo).call("back", "fresh");
    const hasty = up.address(Echo).call("back", "hasty", { whenDown: "fail" });
    await expect(hasty).rejects.toMatchObject({ code: "link-down" });
    expect(up.address(Echo).trySend("tell", "lost")).toBe(false);
    expect(up.waiting).toBe(1);
    let isReady = false;
    void up.ready().then(() => (isReady = true));
    await on.flush();
    expect([isReady, on.road.dials.length]).toEqual([false, 1]);
    answer();
    expect(await running).toBe("held");
    await closing;
    await on.serve();
    await on.advance(1000);
    expect(await fresh).toBe("fresh");
    expect(seen).toEqual(["up", "down remote closed", "retrying 1 ", "up"]);
  });
});

describe("watch()", () => {
  test("ends with the connection it was made on, and at once while there is none", async () => {
    await using on = new LinkStage();
    await on.serve();
    const up = on.link();
    const echo = up.address(Echo);
    expect(await echo.watch()).toEqual({ reason: "connection-lost" });
    await up.ready();
    const watch = echo.watch();
    on.road.cut();
    expect(await watch).toMatchObject({ reason: "connection-lost" });
    await on.flush();
    expect(await echo.watch()).toEqual({ reason: "connection-lost" });
    const reason = new Error("enough");
    await expect(echo.watch({ signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      code: "cancelled",
      cause: reason,
    });
  });
});

describe("ready()", () => {
  test("resolves for all who wait with the peer that comes, and at once while it is there", async () => {
    await using on = new LinkStage();
    const up = on.link();
    const waiting = [up.ready(), up.ready()];
    await on.flush();
    await on.serve();
    await on.advance(1000);
    const [one, two] = await Promise.all(waiting);
    expect(one).toBe(two);
    expect(await up.ready()).toBe(one);
    on.road.cut();
    await on.flush();
    const next = up.ready();
    await on.advance(1000);
    expect(await next).not.toBe(one);
    expect(up.peer).toBe(await next);
  });

  test("rejects with closed when the link is closed instead, and later", async () => {
    await using on = new LinkStage();
    const up = on.link();
    const waiting = up.ready();
    const rejected = expect(waiting).rejects.toMatchObject({ name: "ConnectionLost", code: "closed" });
    await up.close();
    await rejected;
    await expect(up.ready()).rejects.toMatchObject({ code: "closed" });
  });
});

describe("provide() and withdraw()", () => {
  const Other = defineService("other", { get: call<void, string>() });
  const other = (name: string): ServiceMap => new ServiceMap().add(Other, { get: () => name });

  /** The server's side of the newest connection. */
  async function served(on: LinkStage): Promise<{ newest: () => Peer }> {
    const peers: Peer[] = [];
    const listener = await on.serve();
    listener.on("peer", ({ peer }) => peers.push(peer));
    return { newest: () => peers.at(-1) as Peer };
  }

  test("are told on the connection that there is, and remembered for every later one", async () => {
    await using on = new LinkStage();
    const { newest } = await served(on);
    const up = on.link({ services: named("mine") });
    await up.ready();
    await on.flush();
    expect(newest().remote.services).toEqual(["name"]);
    up.provide(other("one"));
    expect(up.withdraw(Name)).toBe(true);
    expect(up.withdraw(Name)).toBe(false);
    await on.flush();
    expect(newest().remote.services).toEqual(["other"]);
    const first = newest();
    on.road.cut();
    await on.advance(1000);
    expect(newest()).not.toBe(first);
    expect(newest().remote.services).toEqual(["other"]);
    expect(await newest().address(Other).call("get")).toBe("one");
  });

  test("while it is down are told in the greeting of the next connection", async () => {
    await using on = new LinkStage();
    const up = on.link({ services: named("mine") });
    await on.flush();
    up.withdraw(Name);
    up.provide(other("one"));
    up.provide(other("two"));
    const { newest } = await served(on);
    await on.advance(1000);
    expect(newest().remote.services).toEqual(["other"]);
    expect(await newest().address(Other).call("get")).toBe("two");
  });

  test("provide() of more than another side takes throws, with a connection or without, and the link goes on", async () => {
    await using on = new LinkStage();
    const up = on.link({ services: named("mine") });
    const tooLarge = expect.objectContaining({ code: "services-too-large" }) as Error;
    const many = new ServiceMap();
    for (let i = 0; i < 1024; i++) many.add(defineService(`many ${i}`, {}), {});
    expect(() => up.provide(many)).toThrow(tooLarge);
    const { newest } = await served(on);
    await on.advance(1000);
    await up.ready();
    expect(() => up.provide(many)).toThrow(tooLarge);
    up.provide(other("one"));
    await on.flush();
    expect(newest().remote.services).toEqual(["name", "other"]);
    on.road.cut();
    await on.advance(1000);
    expect(newest().remote.services).toEqual(["name", "other"]);
  });

  test("while a connection is being greeted are told as soon as it is up", async () => {
    await using on = new LinkStage();
    const { newest } = await served(on);
    const up = on.link({ services: named("mine") });
    // The dial and the peer are made; what comes after this did not make it into the hello.
    for (let jobs = 0; on.road.connections.length === 0; jobs++) {
      expect(jobs).toBeLessThan(100);
      await new Promise((resolve) => on.drivenClock.yield(() => resolve(undefined)));
    }
    await Promise.resolve();
    up.provide(other("early"));
    up.provide(other("late"));
    up.withdraw(Name);
    await up.ready();
    await on.flush();
    expect(newest().remote.services).toEqual(["other"]);
    expect(await newest().address(Other).call("get")).toBe("late");
  });
});

test.each([
  ["nothing://server", "scheme-unknown"],
  ["server", "endpoint-invalid"],
  ["memory://ser ver", "endpoint-invalid"],
])("link(%o) throws %s at once, naming the endpoint, and dials nothing", async (endpoint, code) => {
  await using on = new LinkStage();
  const make = (): unknown => link(endpoint, { transports: [on.road], clock: on.drivenClock });
  expect(make).toThrow(expect.objectContaining({ name: "TransportError", code, endpoint }));
  expect(make).toThrow(endpoint);
  expect(on.road.dials).toEqual([]);
});

test("link() with options that no attempt could be made with throws at once", async () => {
  await using on = new LinkStage();
  expect(() => on.link({ handshakeMs: -1 })).toThrow("handshakeMs");
  expect(() => on.link({ backoff: { minMs: NaN } })).toThrow("backoff.minMs");
  expect(on.road.dials).toEqual([]);
});

test("an endpoint that only its transport can tell to be invalid closes the link, with the error", async () => {
  await using on = new LinkStage();
  const up = link(`${SERVER}:80`, { transports: [on.road], clock: on.drivenClock });
  const errors: unknown[] = [];
  up.on("closed", ({ error }) => errors.push(error));
  const seen = record(up);
  const waiting = up.address(Echo).call("back", "in vain");
  await expect(waiting).rejects.toMatchObject({
    code: "closed",
    cause: { code: "endpoint-invalid", endpoint: `${SERVER}:80` },
  });
  await up.closed;
  expect(errors).toMatchObject([{ code: "endpoint-invalid" }]);
  expect(seen).toEqual(["closed"]);
  expect(up.state).toBe("closed");
});

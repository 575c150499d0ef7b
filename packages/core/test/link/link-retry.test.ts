// Attempts: one at a time, each with its reason for failing, and never in a circle.

import { describe, expect, test } from "vitest";
import { Echo, LinkStage, record, SERVER, unanswered } from "./stage.js";
import { ServiceMap, type Peer } from "../../src/peer/index.js";
import { RawPeer, rawHello } from "../../src/testing/index.js";
import { memoryPair } from "../../src/transport/index.js";
import { FrameKind } from "../../src/wire/index.js";
import type { Link } from "../../src/link/index.js";

/** The errors of all `retrying` events of a link. */
function failures(of: Link): unknown[] {
  const errors: unknown[] = [];
  of.on("retrying", ({ error }) => errors.push(error));
  return errors;
}

test("a server that says goodbye and goes on pinging is left when its grace is over, and dialled again", async () => {
  await using on = new LinkStage();
  let raw: RawPeer | undefined;
  on.road.detour = async () => {
    const [near, far] = memoryPair({ clock: on.drivenClock });
    raw = new RawPeer(far);
    raw.write({ kind: FrameKind.hello }, rawHello({ services: 1 }));
    raw.provide(0, { name: Echo.name, messages: [["back", "call"]] });
    return near;
  };
  const up = on.link({ graceMs: 3000 });
  const seen = record(up);
  const peer = await up.ready();
  const unanswered = expect(peer.address(Echo).call("back", "?")).rejects.toMatchObject({
    code: "connection-lost",
    maybeExecuted: true,
  });
  const watched = peer.address(Echo).watch();
  raw?.write({ kind: FrameKind.goodbye }, ["closed", ""]);
  for (let second = 0; second < 60; second++) {
    if (second === 3) expect([peer.state, on.road.dials.length]).toEqual(["leaving", 1]);
    raw?.write({ kind: FrameKind.ping, id: 1 });
    await on.advance(1000);
    if (second === 3) on.road.detour = undefined;
  }
  await unanswered;
  expect(await watched).toMatchObject({ reason: "connection-lost" });
  expect(await peer.closed).toEqual({ by: "remote", code: "closed" });
  expect(on.road.dials.length).toBeGreaterThan(1);
  expect(seen.slice(0, 3)).toEqual(["up", "down remote closed", "retrying 1 "]);
});

describe("an attempt that fails is followed by another, and retrying says why:", () => {
  test("a refused dial, which names the endpoint", async () => {
    await using on = new LinkStage();
    const up = on.link();
    const errors = failures(up);
    await on.advance(10_000);
    expect(errors.length).toBeGreaterThan(5);
    for (const error of errors)
      expect(error).toMatchObject({ name: "TransportError", code: "connect-refused", endpoint: SERVER });
    await on.serve();
    await on.advance(1000);
    expect(up.state).toBe("up");
  });

  test("a dial that nobody answers, after handshakeMs", async () => {
    await using on = new LinkStage();
    on.road.detour = unanswered;
    const up = on.link({ handshakeMs: 2000 });
    const errors = failures(up);
    await on.advance(1999);
    expect(errors).toEqual([]);
    await on.advance(1);
    expect(errors).toMatchObject([{ code: "connect-timeout", endpoint: SERVER }]);
    await on.advance(3000);
    expect(errors.length).toBe(2);
    on.road.detour = undefined;
    await on.serve();
    await on.advance(1000);
    expect(up.state).toBe("up");
  });

  test("a dial that nobody answers and that cannot be given up", async () => {
    await using on = new LinkStage();
    let answer: (() => void) | undefined;
    const [near, far] = memoryPair({ clock: on.drivenClock });
    on.road.detour = () => new Promise((resolve) => (answer = () => resolve(near)));
    const up = on.link({ handshakeMs: 2000 });
    const errors = failures(up);
    await on.advance(2000);
    expect(errors).toMatchObject([{ code: "connect-timeout" }]);
    on.road.detour = undefined;
    await on.serve();
    await on.advance(1000);
    expect(up.state).toBe("up");
    // The first dial is answered after all, when nobody wants it any more.
    answer?.();
    const raw = new RawPeer(far);
    expect(await raw.closed).toMatchObject({ code: "connection-reset" });
  });

  test("somebody who accepts and says nothing", async () => {
    await using on = new LinkStage();
    on.road.detour = async () => memoryPair({ clock: on.drivenClock })[0];
    const up = on.link({ handshakeMs: 2000 });
    const errors = failures(up);
    await on.advance(10_000);
    expect(errors.length).toBeGreaterThanOrEqual(2);
    for (const error of errors) expect(error).toMatchObject({ code: "greeting-late" });
  });

  test("a greeting of another version", async () => {
    await using on = new LinkStage();
    on.road.detour = async () => {
      const [near, far] = memoryPair({ clock: on.drivenClock });
      const raw = new RawPeer(far);
      raw.write({ kind: FrameKind.hello }, rawHello({ versions: [99] }));
      raw.end();
      return near;
    };
    const up = on.link();
    const errors = failures(up);
    await on.advance(5000);
    expect(errors.length).toBeGreaterThan(2);
    for (const error of errors) expect(error).toMatchObject({ name: "PeerError", code: "version-mismatch" });
    on.road.detour = undefined;
    await on.serve();
    await on.advance(1000);
    expect(up.state).toBe("up");
  });

  test("a transport that throws something of its own", async () => {
    await using on = new LinkStage();
    const error = new Error("no route");
    on.road.detour = () => Promise.reject(error);
    const up = on.link();
    const errors = failures(up);
    await on.advance(1000);
    expect(errors[0]).toBe(error);
    expect(up.state).not.toBe("closed");
  });
});

describe("retry()", () => {
  test("makes the next attempt now, and the delay that was waited for makes none", async () => {
    await using on = new LinkStage();
    const up = on.link({ backoff: { minMs: 60_000, maxMs: 60_000 } });
    await on.flush();
    await on.serve();
    expect([up.state, on.road.dials]).toEqual(["waiting", [0]]);
    up.retry();
    expect(up.state).toBe("connecting");
    await up.ready();
    await on.advance(60_000);
    expect(on.road.dials).toEqual([0, 0]);
  });

  test("does nothing while an attempt is under way, while the link is up, and when it is closed", async () => {
    await using on = new LinkStage();
    await on.serve();
    const up = on.link();
    up.retry();
    await up.ready();
    up.retry();
    await on.flush();
    const closed = up.close();
    up.retry();
    await closed;
    up.retry();
    await on.flush();
    expect(on.road.dials.length).toBe(1);
  });

  test("from a listener of down takes the place of the delay: no retrying is said for it", async () => {
    await using on = new LinkStage();
    await on.serve();
    const up = on.link();
    const seen = record(up);
    await up.ready();
    up.on("down", () => up.retry());
    on.road.cut();
    await on.flush();
    expect(seen).toEqual(["up", "down fault connection-lost", "up"]);
    expect(on.clock.now()).toBe(0);
  });

  test("from a listener of retrying, for ever, is one attempt after the other, and none at once", async () => {
    await using on = new LinkStage();
    const up = on.link();
    const again = up.on("retrying", ({ attempt }) => (attempt < 500 ? up.retry() : again()));
    await on.flush();
    expect([on.road.dials.length, on.road.mostUnderWay]).toEqual([500, 1]);
    expect(up.state).toBe("waiting");
    // The owner has spent the budget, and no more than that.
    await on.advance(1000);
    expect(on.road.dials.length).toBe(501);
  });
});

test("there is one attempt at a time and one connection, even when losses, retry() and timers coincide", async () => {
  await using on = new LinkStage();
  const listener = await on.serve();
  const up = on.link({ backoff: { minMs: 10, maxMs: 10, attempts: 1_000_000, stableMs: 0 } });
  let open = 0;
  let mostOpen = 0;
  listener.on("peer", ({ peer }) => {
    mostOpen = Math.max(mostOpen, ++open);
    void peer.closed.then(() => open--);
  });
  for (let round = 0; round < 300; round++) {
    const choice = on.random.integer(4);
    if (choice === 0) on.road.cut();
    if (choice === 1) up.retry();
    if (choice === 2) up.peer?.abort();
    if (choice === 3) for (const peer of listener.peers) peer.abort();
    up.retry();
    await on.advance(on.random.integer(12));
    up.retry();
  }
  expect(on.road.mostUnderWay).toBe(1);
  expect(mostOpen).toBe(1);
  expect(on.road.dials.length).toBeGreaterThan(100);
});

test("a server that accepts and drops at once is dialled within the budget, and less and less often", async () => {
  await using on = new LinkStage();
  const listener = await on.serve();
  listener.on("peer", ({ peer }) => peer.abort());
  const eager = on.link({ backoff: { minMs: 1, maxMs: 1 } });
  await on.advance(60_000);
  expect(on.road.dials.length).toBeLessThanOrEqual(10 + 60);
  expect(on.road.dials.length).toBeGreaterThan(30);
  await eager.close();
  on.road.dials.length = 0;
  on.link({ backoff: { minMs: 100, maxMs: 30_000 } });
  await on.advance(300_000);
  expect(on.road.dials.length).toBeLessThan(60);
});

test("flapping once a second for ten minutes: one live connection at most, and calls get through", async () => {
  await using on = new LinkStage();
  const seen = new Set<Peer>();
  const listener = await on.serve();
  listener.on("peer", ({ peer }) => seen.add(peer));
  const up = on.link({ backoff: { minMs: 100, maxMs: 30_000, stableMs: 500 } });
  let answered = 0;
  let most = 0;
  for (let second = 0; second < 600; second++) {
    const call = up.address(Echo).call("back", `${second}`, { timeoutMs: 900 });
    call.then(
      () => answered++,
      () => {},
    );
    await on.advance(1000);
    most = Math.max(most, listener.peers.length);
    on.road.cut();
    await on.flush();
    expect(listener.peers.length).toBe(0);
  }
  expect(most).toBe(1);
  expect(answered).toBe(600);
  // Each connection lasted for longer than stableMs, so the delays never grew.
  expect(seen.size).toBe(600);
  expect(up.waiting).toBe(0);
});

test("the delays start anew once a connection has lasted for stableMs, and not before", async () => {
  await using on = new LinkStage();
  const up = on.link({ backoff: { minMs: 100, maxMs: 30_000, stableMs: 5000 }, services: new ServiceMap() });
  const attempts: number[] = [];
  up.on("retrying", ({ attempt }) => attempts.push(attempt));
  await on.advance(20_000);
  await on.serve();
  await on.advance(30_000);
  expect(up.state).toBe("up");
  const before = attempts.at(-1) as number;
  expect(before).toBeGreaterThan(5);
  // It has been up for an unknown part of the 30 s: start again.
  on.road.cut();
  await on.flush();
  up.retry();
  await up.ready();
  const unstable = attempts.at(-1) as number;
  await on.advance(4999);
  on.road.cut();
  await on.flush();
  expect(attempts.at(-1)).toBe(unstable + 1);
  up.retry();
  await up.ready();
  await on.advance(5000);
  on.road.cut();
  await on.flush();
  expect(attempts.at(-1)).toBe(1);
});

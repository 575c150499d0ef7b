// Who says nothing is dead after three of its own intervals; who says anything is alive; who slept accuses nobody.

import { describe, expect, test } from "vitest";
import { Inspection, type CancelTimer, type Clock } from "../base/index.js";
import { call, defineService, send } from "../actor/index.js";
import { peers, SelfDrivenClock, VirtualClock } from "../testing/index.js";
import { memoryPair, type Connection, type ConnectionEvents } from "../transport/index.js";
import { Peer, ServiceMap, type PeerOptions } from "./index.js";

const Echo = defineService("echo", { back: call<number, number>(), tell: send<number>() });

/** A clock that stops when its process is suspended: what is due meanwhile happens when it goes on. */
class SuspendableClock implements Clock {
  readonly #below: Clock;
  #late: (() => void)[] | undefined;

  constructor(below: Clock) {
    this.#below = below;
  }

  suspend(): void {
    this.#late = [];
  }

  goOn(): void {
    const late = this.#late ?? [];
    this.#late = undefined;
    for (const callback of late) callback();
  }

  now(): number {
    return this.#below.now();
  }

  schedule(delayMs: number, callback: () => void): CancelTimer {
    let isCancelled = false;
    const cancel = this.#below.schedule(delayMs, () => this.#whenAwake(() => !isCancelled && callback()));
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  defer(callback: () => void): void {
    this.#below.defer(callback);
  }

  yield(callback: () => void): void {
    this.#below.yield(() => this.#whenAwake(callback));
  }

  #whenAwake(callback: () => void): void {
    if (this.#late === undefined) callback();
    else this.#late.push(callback);
  }
}

/** Lets the bytes of one direction through only while it is asked to. */
class Valve implements Connection {
  readonly #inner: Connection;
  isShut = false;

  constructor(inner: Connection) {
    this.#inner = inner;
  }

  get remoteEndpoint(): string {
    return this.#inner.remoteEndpoint;
  }
  get localEndpoint(): string {
    return this.#inner.localEndpoint;
  }
  get buffered(): number {
    return this.#inner.buffered;
  }
  open(events: ConnectionEvents): void {
    this.#inner.open(events);
  }
  /** A write that vanishes looks like one that has left, as on a line that was cut. */
  write(bytes: Uint8Array): boolean {
    return this.isShut || this.#inner.write(bytes);
  }
  pause(): void {
    this.#inner.pause();
  }
  resume(): void {
    this.#inner.resume();
  }
  close(): void {
    if (!this.isShut) this.#inner.close();
  }
  abort(reason?: unknown): void {
    this.#inner.abort(reason);
  }
}

interface Line {
  readonly clock: VirtualClock;
  readonly left: Peer;
  readonly right: Peer;
  /** What left and right write passes these. */
  readonly fromLeft: Valve;
  readonly fromRight: Valve;
}

async function line(leftOptions: PeerOptions = {}, rightOptions: PeerOptions = {}): Promise<Line> {
  const clock = new VirtualClock();
  const driven = new SelfDrivenClock(clock);
  const pair = memoryPair({ clock: driven });
  const [fromLeft, fromRight] = [new Valve(pair[0]), new Valve(pair[1])];
  const left = new Peer(fromLeft, { clock: driven, ...leftOptions });
  const right = new Peer(fromRight, { clock: driven, ...rightOptions });
  await Promise.all([left.opened, right.opened]);
  await clock.flush();
  return { clock, left, right, fromLeft, fromRight };
}

describe("a peer whose other side falls silent", () => {
  test("is closed with peer-silent after three of the other side's intervals, and pending calls are lost at once", async () => {
    const services = new ServiceMap().add(Echo, { back: () => new Promise<number>(() => {}), tell() {} });
    const { clock, left, right, fromRight } = await line({}, { services, heartbeatMs: 1000 });
    const faults: string[] = [];
    left.on("fault", ({ error }) => faults.push((error as Error & { code: string }).code));
    const pending = left.address(Echo).call("back", 1, { timeoutMs: 60_000 });
    const rejected = expect(pending).rejects.toMatchObject({
      code: "connection-lost",
      maybeExecuted: true,
      cause: { code: "peer-silent" },
    });
    await clock.flush();
    fromRight.isShut = true;
    await clock.advance(2999);
    expect(left.state).toBe("open");
    await clock.advance(1);
    await rejected;
    expect(await left.closed).toMatchObject({ by: "fault", code: "peer-silent", error: { code: "peer-silent" } });
    expect(faults).toEqual(["peer-silent"]);
    await right.closed;
    await clock.advance(250);
    expect(clock.pending).toBe(0);
  });

  test("counts from the last bytes, whatever they were: any traffic is a sign of life", async () => {
    const services = new ServiceMap().add(Echo, { back: (n) => n, tell() {} });
    const { clock, left, right, fromRight } = await line({ services }, { services, heartbeatMs: 1000 });
    await clock.advance(900);
    await right.address(Echo).send("tell", 1);
    await clock.flush();
    fromRight.isShut = true;
    await clock.advance(2999);
    expect(left.state).toBe("open");
    await clock.advance(1);
    expect(await left.closed).toMatchObject({ code: "peer-silent" });
    await right.closed;
  });

  test("measures each side by that side's own interval", async () => {
    const { clock, left, right, fromLeft, fromRight } = await line({ heartbeatMs: 100 }, { heartbeatMs: 10_000 });
    fromLeft.isShut = fromRight.isShut = true;
    await clock.advance(300);
    expect(await right.closed).toMatchObject({ code: "peer-silent" });
    // The left side waits for 30 s; it is the abort of the right one that reaches it, as a reset.
    expect(await left.closed).toMatchObject({ by: "fault", code: "connection-lost" });
  });
});

describe("two idle peers", () => {
  test("keep each other alive for an hour with one ping per interval each", async () => {
    const frames: number[] = [];
    const inspection = new Inspection();
    await using harness = await peers({ left: { inspection } });
    inspection.observe(({ kind, detail }) => kind === "frame-sent" && frames.push(detail?.["frame"] as number));
    await harness.advance(3_600_000);
    expect([harness.left.state, harness.right.state]).toEqual(["open", "open"]);
    const pings = frames.filter((frame) => frame === 11).length;
    // A beat at which a pong has left since the one before needs no ping.
    expect(pings).toBeGreaterThanOrEqual(360);
    expect(pings).toBeLessThanOrEqual(720);
  });

  test("with very different intervals stay connected", async () => {
    await using harness = await peers({ left: { heartbeatMs: 1000 }, right: { heartbeatMs: 60_000 } });
    await harness.advance(600_000);
    expect([harness.left.state, harness.right.state]).toEqual(["open", "open"]);
  });

  test("stay connected while one side sends on and on and the other says nothing", async () => {
    const services = new ServiceMap().add(Echo, { back: (n) => n, tell() {} });
    await using harness = await peers({ left: { heartbeatMs: 100 }, right: { services, heartbeatMs: 100 } });
    const echo = harness.left.address(Echo);
    for (let i = 0; i < 200; i++) {
      await echo.send("tell", i);
      await harness.advance(90);
    }
    expect([harness.left.state, harness.right.state]).toEqual(["open", "open"]);
  });
});

describe("a side that slept itself", () => {
  async function sleeper(): Promise<{
    clock: VirtualClock;
    own: SuspendableClock;
    left: Peer;
    right: Peer;
    fromRight: Valve;
  }> {
    const clock = new VirtualClock();
    const driven = new SelfDrivenClock(clock);
    const own = new SuspendableClock(driven);
    const pair = memoryPair({ clock: driven });
    const [fromLeft, fromRight] = [new Valve(pair[0]), new Valve(pair[1])];
    const left = new Peer(fromLeft, { clock: own, heartbeatMs: 1_000_000 });
    const right = new Peer(fromRight, { clock: driven, heartbeatMs: 1000 });
    await Promise.all([left.opened, right.opened]);
    await clock.flush();
    return { clock, own, left, right, fromRight };
  }

  test("gives the other side one more interval before it accuses it", async () => {
    const { clock, own, left, right, fromRight } = await sleeper();
    fromRight.isShut = true;
    own.suspend();
    await clock.advance(60_000);
    own.goOn();
    await clock.advance(999);
    expect(left.state).toBe("open");
    await clock.advance(1);
    expect(await left.closed).toMatchObject({ code: "peer-silent" });
    await right.closed;
  });

  test("goes on as if nothing had been when the other side is alive", async () => {
    const { clock, own, left, right, fromRight } = await sleeper();
    // Right's pings leave on whole seconds: the first one after the suspension comes within the interval that is given.
    fromRight.isShut = true;
    own.suspend();
    await clock.advance(60_500);
    own.goOn();
    fromRight.isShut = false;
    await clock.advance(10_000);
    expect([left.state, right.state]).toEqual(["open", "open"]);
    left.abort();
    await Promise.all([left.closed, right.closed]);
    await clock.flush();
    expect(clock.pending).toBe(0);
  });
});

describe("a line on which nothing moves", () => {
  test("a write that makes no progress for stallMs ends the connection with peer-stalled, though pings still come", async () => {
    const clock = new VirtualClock();
    const driven = new SelfDrivenClock(clock);
    const [one, two] = memoryPair({ clock: driven, bufferBytes: 100 });
    const services = new ServiceMap().add(Echo, { back: (n) => n, tell() {} });
    const left = new Peer(one, { clock: driven, services, heartbeatMs: 1000, stallMs: 10_000 });
    // A mirror: it greets the peer with its own greeting, and then takes nothing in any more.
    two.open({ received: (bytes) => void two.write(bytes), ended() {}, drained() {}, closed() {} });
    await left.opened;
    await clock.flush();
    two.pause();
    for (let i = 0; i < 100; i++) left.address(Echo).trySend("tell", i);
    const ping = new Uint8Array([0, 0, 0, 11, 0, 0, 0, 0]);
    for (let second = 0; second < 10; second++) {
      two.write(ping);
      await clock.advance(1000);
      expect(left.state).toBe("open");
    }
    for (let second = 0; second < 3 && left.state === "open"; second++) {
      two.write(ping);
      await clock.advance(1000);
    }
    expect(await left.closed).toMatchObject({ by: "fault", code: "peer-stalled" });
    await clock.flush();
    expect(clock.pending).toBe(0);
  });
});

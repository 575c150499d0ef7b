// Dialling over transports that are late, deaf or slow: `connect` settles on time all the same, and keeps nothing.

import { describe, expect, test } from "vitest";
import { Inspection } from "../base/index.js";
import { SelfDrivenClock, VirtualClock } from "../testing/index.js";
import { memoryPair, type Connection, type Transport } from "../transport/index.js";
import { connect, Peer, type DialOptions } from "./index.js";

const ENDPOINT = "odd://there";

/** A transport that answers when the test says so and heeds no signal; the other ends of its connections. */
class OddTransport implements Transport {
  readonly schemes: readonly string[] = ["odd"];
  readonly clock = new VirtualClock();
  readonly drivenClock = new SelfDrivenClock(this.clock);
  readonly far: Connection[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  #answer: ((connection: Connection) => void) | undefined;

  connect: Transport["connect"] = (_endpoint, options) => {
    this.signals.push(options?.signal);
    return new Promise((resolve) => (this.#answer = resolve));
  };

  listen: Transport["listen"] = () => Promise.reject(new Error("nobody listens here"));

  /** Answers the dial that is under way; returns the other end. */
  answer(): Connection {
    const [near, far] = memoryPair({ clock: this.drivenClock });
    this.#answer?.(near);
    return far;
  }
}

function dial(transport: OddTransport, options: Omit<Partial<DialOptions>, "clock"> = {}): Promise<Peer> {
  return connect(ENDPOINT, { transports: [transport], clock: transport.drivenClock, ...options });
}

/** Does something after so many jobs. */
async function later(jobs: number, action: () => void): Promise<void> {
  for (let job = 0; job < jobs; job++) await Promise.resolve();
  action();
}

/** Resolves with the error with which a connection that nobody opened yet has ended. */
function lost(connection: Connection): Promise<unknown> {
  return new Promise((closed) => connection.open({ received() {}, drained() {}, ended() {}, closed }));
}

describe("connect() over a transport that heeds no signal", () => {
  test("rejects with connect-timeout after handshakeMs, and aborts the connection that comes too late", async () => {
    const transport = new OddTransport();
    const rejected = expect(dial(transport, { handshakeMs: 300 })).rejects.toMatchObject({
      code: "connect-timeout",
      endpoint: ENDPOINT,
    });
    await transport.clock.advance(300);
    await rejected;
    expect(transport.signals[0]?.aborted).toBe(true);
    expect(await lost(transport.answer())).toMatchObject({ code: "connection-reset" });
    expect(transport.clock.pending).toBe(0);
  });

  test("rejects with cancelled as soon as its signal is aborted, and aborts the connection that comes too late", async () => {
    const transport = new OddTransport();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const dialling = dial(transport, { signal: controller.signal });
    controller.abort(reason);
    await expect(dialling).rejects.toMatchObject({ code: "cancelled", endpoint: ENDPOINT, cause: reason });
    expect(await lost(transport.answer())).toMatchObject({ code: "connection-reset" });
    expect(transport.clock.pending).toBe(0);
  });

  test("rejects with cancelled when the signal is aborted in the very job in which the dial is answered", async () => {
    const transport = new OddTransport();
    const controller = new AbortController();
    const dialling = dial(transport, { signal: controller.signal });
    const far = transport.answer();
    controller.abort();
    await expect(dialling).rejects.toMatchObject({ code: "cancelled" });
    expect(await lost(far)).toMatchObject({ code: "connection-reset" });
    expect(transport.clock.pending).toBe(0);
  });

  test("rejects with cancelled in whatever job of the greeting the signal is aborted, until it has resolved", async () => {
    let opened = 0;
    for (let jobs = 0; jobs < 20; jobs++) {
      const transport = new OddTransport();
      const controller = new AbortController();
      const inspection = new Inspection();
      inspection.observe(({ kind }) => {
        if (kind === "frame-received") void later(jobs, () => controller.abort());
      });
      const outcome = dial(transport, { signal: controller.signal, inspection }).catch((error: unknown) => error);
      const far = new Peer(transport.answer(), { clock: transport.drivenClock });
      const result = await outcome;
      await transport.clock.flush();
      if (result instanceof Peer) {
        opened++;
        expect(result.state).toBe("open");
        await result.close();
      } else expect(result).toMatchObject({ code: "cancelled" });
      await far.closed;
      await transport.clock.flush();
      expect(transport.clock.pending).toBe(0);
    }
    expect(opened).toBeGreaterThan(0);
    expect(opened).toBeLessThan(20);
  });
});

test("the signal still ends a connection that says why its greeting has failed and is not over yet", async () => {
  const transport = new OddTransport();
  const controller = new AbortController();
  const rejected = expect(dial(transport, { signal: controller.signal, handshakeMs: 500 })).rejects.toMatchObject({
    code: "greeting-late",
  });
  const far = transport.answer();
  const closed = lost(far);
  await transport.clock.advance(500);
  await rejected;
  controller.abort();
  expect(await closed).toMatchObject({ code: "connection-reset" });
  await transport.clock.flush();
  expect(transport.clock.pending).toBe(0);
});

test("dialling and greeting share one handshakeMs", async () => {
  const transport = new OddTransport();
  let error: unknown;
  dial(transport, { handshakeMs: 1000 }).catch((thrown: unknown) => (error = thrown));
  await transport.clock.advance(900);
  const far = transport.answer();
  await transport.clock.advance(99);
  expect(error).toBeUndefined();
  await transport.clock.advance(1);
  expect(error).toMatchObject({ code: "greeting-late" });
  far.abort();
});

test("a rejection of the transport is passed on as it is, and no timer is left", async () => {
  const transport = new OddTransport();
  const error = new Error("no route");
  transport.connect = () => Promise.reject(error);
  await expect(dial(transport)).rejects.toBe(error);
  expect(transport.clock.pending).toBe(0);
});

test("the signal holds no listener once connect() has settled, however it did", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...rest: Parameters<typeof add>) => (listeners++, add(...rest));
  signal.removeEventListener = (...rest: Parameters<typeof remove>) => (listeners--, remove(...rest));

  const transport = new OddTransport();
  const dialling = dial(transport, { signal });
  expect(listeners).toBe(1);
  const far = new Peer(transport.answer(), { clock: transport.drivenClock });
  const peer = await dialling;
  expect(listeners).toBe(0);
  await peer.close();
  await far.closed;

  const silent = expect(dial(transport, { signal, handshakeMs: 10 })).rejects.toMatchObject({
    code: "connect-timeout",
  });
  await transport.clock.advance(10);
  await silent;
  expect(listeners).toBe(0);
});

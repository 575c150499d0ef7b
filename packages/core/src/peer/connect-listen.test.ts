// Dialling and listening: what is refused, what is limited, and what closing a listener means.

import { describe, expect, test } from "vitest";
import { call, defineService, Semaphore } from "../actor/index.js";
import { fence, SelfDrivenClock, VirtualClock } from "../testing/index.js";
import { memory, type Connection, type Transport } from "../transport/index.js";
import {
  connect,
  listen,
  type Peer,
  type PeerError,
  ServiceMap,
  type Listener,
  type ListenerEvent,
  type ListenOptions,
} from "./index.js";

const Work = defineService("work", { hold: call<void, string>(), quick: call<void, string>() });

interface Stage {
  readonly clock: VirtualClock;
  readonly transport: Transport;
  readonly listen: (options?: Partial<ListenOptions>) => Promise<Listener>;
  readonly dial: () => Promise<Peer>;
  readonly options: { readonly clock: SelfDrivenClock; readonly transports: readonly Transport[] };
}

function stage(): Stage {
  const clock = new VirtualClock();
  const driven = new SelfDrivenClock(clock);
  const transport = memory({ clock: driven, isPrivate: true });
  const options = { clock: driven, transports: [transport] };
  return {
    clock,
    transport,
    options,
    listen: (more) => listen("memory://here", { ...options, ...more }),
    dial: () => connect("memory://here", options),
  };
}

const services = new ServiceMap().add(Work, { hold: () => "", quick: () => "quick" });

describe("connect() and listen()", () => {
  test("make peers that can talk, in both directions, once the dialler's promise has resolved", async () => {
    const on = stage();
    await using listener = await on.listen({ services });
    const accepted = listener[Symbol.asyncIterator]().next();
    await using peer = await connect("memory://here", { ...on.options, services });
    expect(peer.remote.services).toEqual(["work"]);
    expect(await peer.address(Work).call("quick")).toBe("quick");
    const { value: other } = await accepted;
    expect(await other.address(Work).call("quick")).toBe("quick");
    expect(listener.peers).toEqual([other]);
    expect([listener.endpoint, peer.remote.endpoint]).toEqual(["memory://here", "memory://here"]);
  });

  test("connect() to where nobody listens rejects with connect-refused, naming the endpoint", async () => {
    const on = stage();
    await expect(on.dial()).rejects.toMatchObject({ code: "connect-refused", endpoint: "memory://here" });
    expect(on.clock.pending).toBe(0);
  });

  test("an endpoint that no transport takes rejects with scheme-unknown", async () => {
    const on = stage();
    await expect(connect("carrier-pigeon://roof", on.options)).rejects.toMatchObject({ code: "scheme-unknown" });
    await expect(listen("carrier-pigeon://roof", on.options)).rejects.toMatchObject({ code: "scheme-unknown" });
  });

  test("connect() whose signal is aborted: before, while dialling, while greeting, and after", async () => {
    const on = stage();
    const accepted: Connection[] = [];
    // Somebody who accepts and never says a word.
    const silent = await on.transport.listen("memory://silent", (connection) => accepted.push(connection));
    const cancelled = { code: "cancelled", endpoint: "memory://silent" };
    const dial = (signal: AbortSignal) => connect("memory://silent", { ...on.options, signal });
    await expect(dial(AbortSignal.abort())).rejects.toMatchObject(cancelled);
    const whileDialling = new AbortController();
    const first = dial(whileDialling.signal);
    whileDialling.abort();
    await expect(first).rejects.toMatchObject(cancelled);
    const whileGreeting = new AbortController();
    const second = dial(whileGreeting.signal);
    const rejected = expect(second).rejects.toMatchObject(cancelled);
    await on.clock.flush();
    whileGreeting.abort();
    await rejected;
    for (const connection of accepted) connection.abort();
    await silent.close();
    await using listener = await on.listen();
    const after = new AbortController();
    const peer = await connect("memory://here", { ...on.options, signal: after.signal });
    after.abort();
    await on.clock.flush();
    expect(peer.state).toBe("open");
    await listener.close();
    await peer.closed;
    expect(on.clock.pending).toBe(0);
  });

  test("connect() to somebody who never answers gives up after handshakeMs, dialling and greeting together", async () => {
    const on = stage();
    const hanging: Transport = {
      schemes: ["never"],
      listen: (...rest) => on.transport.listen(...rest),
      connect: (_endpoint, options) =>
        new Promise((_, reject) =>
          options?.signal?.addEventListener("abort", () => reject(options.signal?.reason as Error)),
        ),
    };
    const dialling = connect("never://there", { ...on.options, transports: [hanging], handshakeMs: 300 });
    const rejected = expect(dialling).rejects.toMatchObject({ code: "connect-timeout", endpoint: "never://there" });
    await on.clock.advance(300);
    await rejected;
    const accepted: Connection[] = [];
    const silent = await on.transport.listen("memory://silent", (connection) => accepted.push(connection));
    const greeting = connect("memory://silent", { ...on.options, handshakeMs: 300 });
    const late = expect(greeting).rejects.toMatchObject({ code: "greeting-late" });
    await on.clock.flush();
    await on.clock.advance(300);
    await late;
    for (const connection of accepted) connection.abort();
    await silent.close();
    await on.clock.advance(1000);
    expect(on.clock.pending).toBe(0);
  });
});

describe("a listener", () => {
  test("closes its peers in order: running calls are answered, nobody new gets in, the endpoint is free again", async () => {
    const gate = fence();
    const held = new ServiceMap().add(Work, { hold: async () => (await gate.pass(), "held"), quick: () => "quick" });
    const on = stage();
    const listener = await on.listen({ services: held });
    const peers = [await on.dial(), await on.dial()];
    const calls = peers.map((peer) => peer.address(Work).call("hold"));
    await gate.reachedBy(2);
    const closed = listener.close();
    await expect(on.dial()).rejects.toMatchObject({ code: "connect-refused" });
    await on.clock.flush();
    gate.open();
    expect(await Promise.all(calls)).toEqual(["held", "held"]);
    await closed;
    for (const peer of peers) expect(await peer.closed).toEqual({ by: "remote", code: "closed" });
    expect(listener.peers).toEqual([]);
    await using again = await on.listen();
    expect(again.endpoint).toBe("memory://here");
    expect(listener.close()).toBe(listener.close());
  });

  test("abort() ends all at once", async () => {
    const on = stage();
    const listener = await on.listen({ services });
    const peer = await on.dial();
    await listener.abort(new Error("enough"));
    expect(await peer.closed).toMatchObject({ by: "fault", code: "connection-lost" });
    await on.clock.flush();
    expect(on.clock.pending).toBe(0);
  });

  test("gives each peer once to whoever iterates, those that came before and those that come later", async () => {
    const on = stage();
    const listener = await on.listen();
    const early = await on.dial();
    const seen: Peer[] = [];
    const iterating = (async () => {
      for await (const peer of listener) seen.push(peer);
    })();
    const late = await on.dial();
    await on.clock.flush();
    expect(seen).toEqual(listener.peers);
    expect(seen.length).toBe(2);
    await listener.close();
    await iterating;
    await Promise.all([early.closed, late.closed]);
  });

  test("tells peers and failures as events, and closed as the last one", async () => {
    const on = stage();
    const listener = await on.listen({ handshakeMs: 100 });
    const events: string[] = [];
    const note = (event: ListenerEvent): void =>
      void events.push(event.type === "failed" ? `failed ${codeOf(event.error)}` : event.type);
    for (const type of ["peer", "failed", "closed"] as const) listener.on(type, note);
    const peer = await on.dial();
    const stranger = await on.transport.connect("memory://here");
    stranger.open({ received() {}, drained() {}, ended: () => stranger.close(), closed() {} });
    await on.clock.advance(100);
    await listener.close();
    await peer.closed;
    expect(events).toEqual(["peer", "failed greeting-late", "closed"]);
    expect(on.clock.pending).toBe(0);
  });

  test("takes no more than connectionsMax, and a new one when another has left", async () => {
    const on = stage();
    await using listener = await on.listen({ services, connectionsMax: 2 });
    const [first, second] = [await on.dial(), await on.dial()];
    await expect(on.dial()).rejects.toBeInstanceOf(Error);
    expect(listener.peers.length).toBe(2);
    await first.close();
    await using third = await on.dial();
    expect(await third.address(Work).call("quick")).toBe("quick");
    await second.close();
  });

  test("greets no more than greetingsMax strangers at once: a friend takes the place of one, the others are late", async () => {
    const on = stage();
    await using listener = await on.listen({ services, greetingsMax: 3, handshakeMs: 500 });
    const strangers: Connection[] = [];
    for (let i = 0; i < 3; i++) {
      const stranger = await on.transport.connect("memory://here");
      stranger.open({ received() {}, drained() {}, ended: () => stranger.close(), closed() {} });
      strangers.push(stranger);
    }
    const failed: string[] = [];
    listener.on("failed", ({ error }) => failed.push((error as PeerError).code));
    await on.clock.flush();
    await using friend = await on.dial();
    expect(await friend.address(Work).call("quick")).toBe("quick");
    expect(listener.peers.length).toBe(1);
    await on.clock.advance(500);
    expect(failed).toEqual(["greetings-full", "greeting-late", "greeting-late"]);
  });

  test("closed while somebody greets waits for nobody", async () => {
    const on = stage();
    const listener = await on.listen();
    const stranger = await on.transport.connect("memory://here");
    stranger.open({ received() {}, drained() {}, ended: () => stranger.close(), closed() {} });
    await on.clock.flush();
    await listener.close();
    expect(on.clock.pending).toBe(0);
  });

  test("closed while one whose greeting failed has not ended its half waits until that is gone as well", async () => {
    const on = stage();
    const listener = await on.listen({ handshakeMs: 100 });
    const stranger = await on.transport.connect("memory://here");
    stranger.open({ received() {}, drained() {}, ended() {}, closed() {} });
    await on.clock.advance(100);
    let isClosed = false;
    const closed = listener.close().then(() => (isClosed = true));
    await on.clock.flush();
    expect(isClosed).toBe(false);
    await on.clock.advance(1000);
    await closed;
    expect(on.clock.pending).toBe(0);
  });

  test("shares its semaphore among all its peers", async () => {
    const gate = fence();
    const held = new ServiceMap().add(Work, { hold: async () => (await gate.pass(), "held"), quick: () => "" });
    const on = stage();
    const permits = new Semaphore(3);
    await using listener = await on.listen({ services: held, backpressure: permits });
    const peers = await Promise.all([on.dial(), on.dial(), on.dial(), on.dial(), on.dial()]);
    const calls = peers.map((peer) => peer.address(Work).call("hold"));
    await on.clock.flush();
    expect([gate.arrivals, permits.waiting]).toEqual([3, 2]);
    gate.open();
    await Promise.all(calls);
    expect(permits.available).toBe(3);
    await listener.close();
    await Promise.all(peers.map((peer) => peer.closed));
  });
});

function codeOf(error: Error): unknown {
  return (error as { code?: unknown }).code;
}

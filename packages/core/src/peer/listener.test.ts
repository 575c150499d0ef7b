// Whom a listener hands out, what it says of the others, and its end while somebody is at the door.

import { describe, expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { Inspection } from "../base/index.js";
import { fence, rawHello, SelfDrivenClock, VirtualClock } from "../testing/index.js";
import { memory, type Connection } from "../transport/index.js";
import { FrameBuffer, FrameKind, troupeCbor, wholeUpTo } from "../wire/index.js";
import { connect, listen, Peer, ServiceMap, type Listener, type ListenerEvent, type ListenOptions } from "./index.js";

const Work = defineService("work", { hold: call<void, string>() });

class Stage {
  readonly clock = new VirtualClock();
  readonly drivenClock = new SelfDrivenClock(this.clock);
  readonly transport = memory({ isPrivate: true, clock: this.drivenClock });
  readonly #options = { clock: this.drivenClock, transports: [this.transport] };

  listen(options: Partial<ListenOptions> = {}): Promise<Listener> {
    return listen("memory://here", { ...this.#options, ...options });
  }

  dial(): Promise<Peer> {
    return connect("memory://here", this.#options);
  }

  /** Connects and never says a word; ends its half when the other side does. */
  async stranger(): Promise<Connection> {
    const connection = await this.transport.connect("memory://here");
    connection.open({ received() {}, drained() {}, ended: () => connection.close(), closed() {} });
    await this.clock.flush();
    return connection;
  }
}

function record(listener: Listener): string[] {
  const seen: string[] = [];
  const note = (event: ListenerEvent): void => {
    seen.push(
      event.type === "failed" ? `failed ${(event.error as { code?: string }).code} ${event.endpoint}` : event.type,
    );
  };
  for (const type of ["peer", "failed", "closed"] as const) listener.on(type, note);
  return seen;
}

describe("iterating over a listener", () => {
  test("leaves out peers that came and went unseen, and gives those that are open", async () => {
    const on = new Stage();
    await using listener = await on.listen();
    const iterator = listener[Symbol.asyncIterator]();
    const [gone, stays] = [await on.dial(), await on.dial()];
    await on.clock.flush();
    await gone.close();
    await on.clock.flush();
    const { value } = await iterator.next();
    expect(value).toBe(listener.peers[0]);
    expect((value as Peer).remote.id).toBe(stays.id);
    const next = iterator.next();
    const late = await on.dial();
    expect(((await next).value as Peer).remote.id).toBe(late.id);
  });

  test("gives each reader every peer, and ends for a reader that waits when the listener is closed", async () => {
    const on = new Stage();
    const listener = await on.listen();
    const seen: string[][] = [[], []];
    const readers = seen.map(async (ids) => {
      for await (const { remote } of listener) ids.push(remote.id);
    });
    const ids = [(await on.dial()).id, (await on.dial()).id];
    await on.clock.flush();
    await listener.close();
    await Promise.all(readers);
    expect(seen).toEqual([ids, ids]);
  });

  test("several waits of one reader are served one peer each", async () => {
    const on = new Stage();
    await using listener = await on.listen();
    const iterator = listener[Symbol.asyncIterator]();
    const waits = [iterator.next(), iterator.next()];
    const ids = [(await on.dial()).id, (await on.dial()).id];
    const peers = (await Promise.all(waits)).map(({ value }) => (value as Peer).remote.id);
    expect(peers).toEqual(ids);
    const last = iterator.next();
    await iterator.return?.();
    expect(await last).toMatchObject({ done: true });
  });

  test("left by break closes no peer, and does not end the listener", async () => {
    const on = new Stage();
    await using listener = await on.listen();
    const peer = await on.dial();
    await on.clock.flush();
    for await (const each of listener) {
      expect(each.remote.id).toBe(peer.id);
      break;
    }
    expect(peer.state).toBe("open");
    await on.dial();
    await on.clock.flush();
    expect(listener.peers.length).toBe(2);
  });

  test("ends at once when the listener is closed already", async () => {
    const on = new Stage();
    const listener = await on.listen();
    await listener.close();
    expect(await listener[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
  });
});

test("failed says who was cut off because too many others were greeting, and who did not greet in time", async () => {
  const on = new Stage();
  await using listener = await on.listen({ greetingsMax: 1, handshakeMs: 500 });
  const seen = record(listener);
  const cut = await on.stranger();
  const slow = await on.stranger();
  expect(seen).toEqual([`failed greetings-full ${cut.localEndpoint}`]);
  await on.clock.advance(500);
  expect(seen.slice(1)).toEqual([`failed greeting-late ${slow.localEndpoint}`]);
});

describe("greetingsMax", () => {
  test("an honest client gets in while strangers who say nothing redial all the time", async () => {
    const on = new Stage();
    await using listener = await on.listen({ greetingsMax: 10 });
    const codes = new Map<string, number>();
    listener.on("failed", ({ error }) => {
      const { code } = error as unknown as { code: string };
      codes.set(code, (codes.get(code) ?? 0) + 1);
    });
    let isOver = false;
    let dials = 0;
    const redial = async (): Promise<void> => {
      while (!isOver) {
        const connection = await on.transport.connect("memory://here");
        dials++;
        await new Promise<void>((closed) =>
          connection.open({ received() {}, drained() {}, ended: () => connection.close(), closed: () => closed() }),
        );
        await new Promise<void>((later) => on.clock.schedule(100, later));
      }
    };
    const strangers = Array.from({ length: 300 }, redial);
    await on.clock.flush();
    for (let round = 0; round < 20; round++) {
      const peer = await on.dial();
      expect(peer.state).toBe("open");
      await on.clock.advance(100);
      await peer.close();
    }
    isOver = true;
    await on.clock.advance(60_000);
    await Promise.all(strangers);
    expect(dials).toBeGreaterThan(3000);
    expect(codes.get("greetings-full")).toBeGreaterThan(3000);
    expect([...codes.keys()].filter((code) => code !== "greeting-late")).toEqual(["greetings-full"]);
    expect(listener.peers).toEqual([]);
  });

  test("cuts off the oldest that has not said hello, not one that has", async () => {
    const on = new Stage();
    await using listener = await on.listen({ greetingsMax: 3 });
    const seen = record(listener);
    const begun = await on.stranger();
    const first = await on.stranger();
    const second = await on.stranger();
    begun.write(hello({ services: 1 }));
    await on.clock.flush();
    const third = await on.stranger();
    expect(seen).toEqual([`failed greetings-full ${first.localEndpoint}`]);
    await on.stranger();
    await on.stranger();
    expect(seen.slice(1)).toEqual([
      `failed greetings-full ${second.localEndpoint}`,
      `failed greetings-full ${third.localEndpoint}`,
    ]);
    begun.write(provide("late"));
    await on.clock.flush();
    expect(seen.slice(3)).toEqual(["peer"]);
    expect(listener.peers.length).toBe(1);
  });

  test("when all have said hello, the newcomer is refused", async () => {
    const on = new Stage();
    await using listener = await on.listen({ greetingsMax: 2 });
    const seen = record(listener);
    for (let i = 0; i < 2; i++) (await on.stranger()).write(hello({ services: 1 }));
    await on.clock.flush();
    const refused = await on.stranger();
    expect(seen).toEqual([`failed greetings-full ${refused.localEndpoint}`]);
  });

  test("of none refuses everybody", async () => {
    const on = new Stage();
    await using listener = await on.listen({ greetingsMax: 0 });
    const seen = record(listener);
    const refused = await on.stranger();
    expect(seen).toEqual([`failed greetings-full ${refused.localEndpoint}`]);
  });

  test("one that was late and does not hang up makes room, and is not said to have failed twice", async () => {
    const on = new Stage();
    await using listener = await on.listen({ greetingsMax: 1, handshakeMs: 500 });
    const seen = record(listener);
    const connection = await on.transport.connect("memory://here");
    connection.open({ received() {}, drained() {}, ended() {}, closed() {} });
    await on.clock.advance(500);
    expect(seen).toEqual([`failed greeting-late ${connection.localEndpoint}`]);
    const peer = await on.dial();
    expect(peer.state).toBe("open");
    await on.clock.flush();
    expect(seen.slice(1)).toEqual(["peer"]);
  });
});

describe("close() while somebody is being greeted", () => {
  test("closes that as well: it is told that this was in order, and the listener says neither peer nor failed", async () => {
    const on = new Stage();
    const listener = await on.listen();
    const seen = record(listener);
    const connection = await on.transport.connect("memory://here");
    const closed = listener.close();
    const dialler = new Peer(connection, { clock: on.drivenClock });
    await closed;
    expect(await dialler.closed).toEqual({ by: "remote", code: "closed" });
    expect(seen).toEqual(["closed"]);
    await on.clock.flush();
    expect(on.clock.pending).toBe(0);
  });

  test("waits no longer than a second for one who says nothing and does not leave", async () => {
    const on = new Stage();
    const listener = await on.listen({ handshakeMs: 60_000 });
    const connection = await on.transport.connect("memory://here");
    connection.open({ received() {}, drained() {}, ended() {}, closed() {} });
    const seen = record(listener);
    const closed = listener.close({ graceMs: 60_000 });
    await on.clock.advance(1000);
    await closed;
    expect(seen).toEqual(["closed"]);
    expect(on.clock.pending).toBe(0);
  });

  test("in whatever job of the greeting: no peer is handed out after it, and none is left", async () => {
    let handedOut = 0;
    for (let jobs = 0; jobs < 20; jobs++) {
      const on = new Stage();
      const inspection = new Inspection();
      const listener = await on.listen({ inspection });
      const seen = record(listener);
      let before: string[] = [];
      const closed = new Promise<void>((resolve) => {
        const stop = inspection.observe(({ kind }) => {
          if (kind !== "frame-received") return;
          stop();
          void later(jobs, () => {
            before = [...seen];
            resolve(listener.close());
          });
        });
      });
      const dialled = on.dial().then(
        (peer) => peer.closed,
        () => {},
      );
      await closed;
      await dialled;
      handedOut += before.length;
      expect(seen, `${jobs} jobs later`).toEqual([...before, "closed"]);
      expect(listener.peers).toEqual([]);
      await on.clock.flush();
      expect(on.clock.pending).toBe(0);
    }
    expect(handedOut).toBeGreaterThan(0);
    expect(handedOut).toBeLessThan(20);
  });
});

/** Does something after so many jobs. */
async function later(jobs: number, action: () => void): Promise<void> {
  for (let job = 0; job < jobs; job++) await Promise.resolve();
  action();
}

describe("abort()", () => {
  test("cuts a close() short that waits for running calls, and both resolve", async () => {
    const gate = fence();
    const services = new ServiceMap().add(Work, { hold: async () => (await gate.pass(), "too late") });
    const on = new Stage();
    const listener = await on.listen({ services });
    const peer = await on.dial();
    const lost = expect(peer.address(Work).call("hold")).rejects.toMatchObject({
      code: "connection-lost",
      maybeExecuted: true,
    });
    await gate.reached;
    const closed = listener.close({ graceMs: 60_000 });
    await on.clock.flush();
    expect(listener.peers.length).toBe(1);
    await listener.abort();
    await closed;
    await lost;
    expect(on.clock.now()).toBe(0);
    gate.open();
    await on.clock.flush();
    expect(on.clock.pending).toBe(0);
  });

  test("ends those that are being greeted, without a word and without a failed", async () => {
    const on = new Stage();
    const listener = await on.listen();
    const seen = record(listener);
    const connection = await on.transport.connect("memory://here");
    const closed = new Promise((resolve) =>
      connection.open({ received() {}, drained() {}, ended() {}, closed: resolve }),
    );
    await listener.abort();
    expect(await closed).toMatchObject({ code: "connection-reset" });
    expect(seen).toEqual(["closed"]);
    await on.clock.flush();
    expect(on.clock.pending).toBe(0);
  });
});

describe("the event peer", () => {
  test("comes ahead of a message that came in one piece with the greeting", async () => {
    const on = new Stage();
    const order: string[] = [];
    const Note = defineService("note", { note: send<string>() });
    const services = new ServiceMap().add(Note, { note: (text) => void order.push(text) });
    await using listener = await on.listen({ services });
    listener.on("peer", () => order.push("peer"));
    const connection = await on.stranger();
    connection.write(frames([FrameKind.hello, rawHello()], [FrameKind.send, "first"]));
    await on.clock.flush();
    expect(order).toEqual(["peer", "first"]);
  });
});

/** Frames in one piece, with the slot or number 0. */
function frames(...each: readonly (readonly [kind: number, payload: unknown])[]): Uint8Array {
  const buffer = new FrameBuffer();
  for (const [kind, payload] of each) {
    troupeCbor.write(buffer, { kind, id: 0, service: 0, message: 0, amount: 0 }, payload, wholeUpTo(0xff_ffff));
  }
  return buffer.take();
}

function hello(changes: Readonly<Record<string, unknown>>): Uint8Array {
  return frames([FrameKind.hello, rawHello(changes)]);
}

function provide(name: string): Uint8Array {
  return frames([FrameKind.provide, [name, "0".repeat(16), []]]);
}

// What a mesh promises, on connections in memory and in virtual time. Sockets and processes are in packages/node/test/mesh.

import { describe, expect, test } from "vitest";
import { SeededRandom, VirtualClock } from "../testing/index.js";
import { memoryPair, type Connection, type ConnectionEvents } from "../transport/index.js";
import {
  AddError,
  Disconnected,
  Full,
  Mesh,
  type MeshError,
  NotFound,
  type Envelope,
  type MeshOptions,
  type SendError,
} from "./index.js";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text({ payload }: Envelope): string {
  return new TextDecoder().decode(payload);
}

/** Two meshes with a connection between them, and everything that is needed to look at them. */
class Stage {
  readonly clock = new VirtualClock();
  readonly left: Mesh;
  readonly right: Mesh;
  readonly ends: [Connection, Connection];

  constructor(left: MeshOptions = {}, right: MeshOptions = {}, chunk?: (count: number) => number) {
    const common = { clock: this.clock, random: new SeededRandom(1) };
    this.left = new Mesh({ ...common, ...left });
    this.right = new Mesh({ ...common, ...right });
    this.ends = this.pair(chunk);
    this.left.add(this.ends[0], "right");
    this.right.add(this.ends[1], "left");
  }

  pair(chunk?: (count: number) => number): [Connection, Connection] {
    return memoryPair({ clock: this.clock, ...(chunk && { chunk }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = Promise.all([this.left.close(), this.right.close()]);
    await this.clock.advance(2000);
    await closing;
    expect(this.clock.pending).toBe(0);
  }
}

/** The other end, played by hand. */
function byHand(connection: Connection): { received: number[]; isClosed: () => boolean } {
  const received: number[] = [];
  let isClosed = false;
  connection.open({
    received: (piece) => void received.push(...piece),
    drained: () => {},
    ended: () => connection.close(),
    closed: () => (isClosed = true),
  });
  return { received, isClosed: () => isClosed };
}

function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe("messages", () => {
  test("arrive in order, under the id of the receiver", async () => {
    await using stage = new Stage();
    for (let i = 0; i < 500; i++) stage.left.send({ id: "right", payload: bytes(`message ${i}`) });
    await stage.clock.flush();
    for (let i = 0; i < 500; i++) {
      const envelope = await stage.right.recv();
      expect([envelope.id, text(envelope)]).toEqual(["left", `message ${i}`]);
    }
  });

  test.each([1, 2, 3, 4, 5, 7, 4096])("arrive whole when bytes come %d at a time", async (count) => {
    await using stage = new Stage({}, {}, () => count);
    const payloads = [0, 1, 3, 4, 5, 100, 1000].map((length) => new Uint8Array(length).map((_, i) => i + length));
    for (const payload of payloads) stage.left.send({ id: "right", payload });
    await stage.clock.flush();
    for (const payload of payloads) expect((await stage.right.recv()).payload).toEqual(payload);
  });

  test("of a mebibyte arrive, and one that is a byte longer is refused with its envelope", async () => {
    await using stage = new Stage();
    stage.left.send({ id: "right", payload: new Uint8Array(1024 * 1024).fill(7) });
    await stage.clock.flush();
    expect((await stage.right.recv()).payload.every((byte) => byte === 7)).toBe(true);
    const envelope = { id: "right", payload: new Uint8Array(1024 * 1024 + 1) };
    // By identity: comparing a mebibyte value by value takes seconds.
    const error = thrown(() => stage.left.send(envelope)) as SendError;
    expect(error.code).toBe("message-too-long");
    expect(error.envelope).toBe(envelope);
  });

  test("that were sent right after add() are sent", async () => {
    const clock = new VirtualClock();
    const [near, far] = memoryPair({ clock });
    const mesh = new Mesh({ clock });
    const id = mesh.add(near);
    mesh.send({ id, payload: bytes("early") });
    const hand = byHand(far);
    await clock.flush();
    expect(hand.received).toEqual([5, 0, 0, 0, ...bytes("early")]);
    const closing = mesh.close();
    await clock.advance(2000);
    await closing;
  });
});

describe("a queue", () => {
  test("that is full gives the envelope back at once, unchanged, and goes on when there is room", async () => {
    await using stage = new Stage({ outgoingMax: 4, outgoingBytesMax: 1 << 20 });
    stage.ends[1].pause();
    const payload = new Uint8Array(30_000);
    const accepted: Envelope[] = [];
    let refused: unknown;
    for (let i = 0; refused === undefined && i < 1000; i++) {
      const envelope = { id: "right", payload: payload.slice().fill(i) };
      try {
        stage.left.send(envelope);
        accepted.push(envelope);
        await stage.clock.flush();
      } catch (error) {
        refused = error;
        expect(error).toBeInstanceOf(Full);
        expect(error).toMatchObject({ code: "full", envelope });
      }
    }
    expect(stage.left.stats("right")).toMatchObject({ messagesWaiting: 4 });
    stage.ends[1].resume();
    await stage.clock.flush();
    for (const { payload: sent } of accepted) expect((await stage.right.recv()).payload[0]).toBe(sent[0]);
    stage.left.send({ id: "right", payload: bytes("again") });
    await stage.clock.flush();
    expect(text(await stage.right.recv())).toBe("again");
  });

  test("is bounded in bytes as well, but takes one message however long", async () => {
    await using stage = new Stage({ outgoingMax: 1000, outgoingBytesMax: 1000 });
    stage.ends[1].pause();
    stage.left.send({ id: "right", payload: new Uint8Array(100_000) });
    await stage.clock.flush();
    stage.left.send({ id: "right", payload: new Uint8Array(100_000) });
    expect(thrown(() => stage.left.send({ id: "right", payload: new Uint8Array(1) }))).toBeInstanceOf(Full);
    stage.ends[1].resume();
    await stage.clock.flush();
  });

  test("that is full, of a connection that is stuck, changes nothing for the others", async () => {
    await using stage = new Stage({ outgoingMax: 2 });
    const [near, far] = stage.pair();
    stage.left.add(near, "stuck");
    far.pause();
    const fill = (): void => {
      for (;;) stage.left.send({ id: "stuck", payload: new Uint8Array(100_000) });
    };
    expect(thrown(fill)).toBeInstanceOf(Full);
    stage.left.send({ id: "right", payload: bytes("passes") });
    await stage.clock.flush();
    expect(text(await stage.right.recv())).toBe("passes");
    far.abort();
  });

  test("of what has come that is full stops reading, loses nothing, and every connection has its turn", async () => {
    await using stage = new Stage({}, { incomingMax: 10 });
    const [near, far] = stage.pair();
    stage.left.add(near, "second");
    stage.right.add(far, "other");
    for (let i = 0; i < 200; i++) {
      stage.left.send({ id: "right", payload: bytes(`a${i}`) });
      stage.left.send({ id: "second", payload: bytes(`b${i}`) });
    }
    await stage.clock.flush();
    expect(stage.right.incoming.length).toBe(10);
    expect([stage.right.stats("left")?.isPaused, stage.right.stats("other")?.isPaused]).toEqual([true, true]);
    const got: string[] = [];
    while (got.length < 400) {
      got.push(text(await stage.right.recv()));
      await stage.clock.flush();
    }
    for (const letter of ["a", "b"]) {
      expect(got.filter((one) => one.startsWith(letter))).toEqual(
        Array.from({ length: 200 }, (_, i) => `${letter}${i}`),
      );
    }
    // Nobody waits until the other one is done.
    expect(got.slice(0, 150).some((one) => one.startsWith("b"))).toBe(true);
    expect(stage.right.stats("left")?.isPaused).toBe(false);
  });

  test.each([
    { incomingMax: 0 },
    { outgoingMax: 0 },
    { incomingBytesMax: -1 },
    { outgoingBytesMax: NaN },
    { messageBytesMax: 1.5 },
    { connectionsMax: Infinity },
  ])("of %o throws option-invalid", (options) => {
    expect(() => new Mesh(options)).toThrow(expect.objectContaining({ code: "option-invalid" }));
  });
});

describe("ids", () => {
  test("that are taken are refused, with the connection, which can be added under another", async () => {
    await using stage = new Stage();
    const [near, far] = stage.pair();
    const error = thrown(() => stage.left.add(near, "right"));
    expect(error).toBeInstanceOf(AddError);
    expect(error).toMatchObject({ code: "duplicate-id", connection: near });
    expect(stage.left.add(near, "another")).toBe("another");
    stage.right.add(far, "other way");
    stage.left.send({ id: "another", payload: bytes("works") });
    await stage.clock.flush();
    expect((await stage.right.recv()).id).toBe("other way");
  });

  test("are made up when none is given, and are all different", () => {
    const mesh = new Mesh({ clock: new VirtualClock() });
    const ids = Array.from({ length: 1000 }, () => mesh.add(memoryPair()[0]));
    expect(new Set(ids).size).toBe(1000);
    expect(mesh.ids).toEqual(ids);
  });

  test("that nobody has are not-found, on send and on remove", async () => {
    await using stage = new Stage();
    const envelope = { id: "nobody", payload: bytes("?") };
    const error = thrown(() => stage.left.send(envelope));
    expect(error).toBeInstanceOf(NotFound);
    expect(error).toMatchObject({ envelope });
    expect(thrown(() => stage.left.remove("nobody"))).toMatchObject({ code: "not-found" });
  });

  test("stay with what has come: also when the connection is removed before it is received", async () => {
    await using stage = new Stage();
    stage.left.send({ id: "right", payload: bytes("before") });
    await stage.clock.flush();
    stage.right.remove("left").abort();
    expect(await stage.right.recv()).toMatchObject({ id: "left" });
  });

  test.each(["", "a".repeat(257), 7 as unknown as string])("%o is none", (id) => {
    const mesh = new Mesh({ clock: new VirtualClock() });
    expect(() => mesh.add(memoryPair()[0], id)).toThrow(expect.objectContaining({ code: "option-invalid" }));
  });
});

describe("remove()", () => {
  test("gives back a connection that goes on where the mesh has stopped, also in the middle of a message", async () => {
    await using stage = new Stage();
    const [near, far] = stage.pair();
    stage.left.add(near, "hand");
    const hand = byHand(far);
    far.write(Uint8Array.of(2, 0, 0, 0, 1, 2, 5, 0, 0, 0, 1, 2));
    await stage.clock.flush();
    const back = stage.left.remove("hand");
    expect((await stage.left.recv()).payload).toEqual(Uint8Array.of(1, 2));

    far.write(Uint8Array.of(3, 4, 5));
    await stage.clock.flush();
    const again = new Mesh({ clock: stage.clock });
    again.add(back, "hand again");
    await stage.clock.flush();
    expect((await again.recv()).payload).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
    again.send({ id: "hand again", payload: bytes("hello") });
    await stage.clock.flush();
    expect(hand.received).toEqual([5, 0, 0, 0, ...bytes("hello")]);
    const closing = again.close();
    await stage.clock.advance(2000);
    await closing;
  });

  test("tells what was not sent, and sends none of it", async () => {
    await using stage = new Stage({ outgoingMax: 10 });
    const removed: Envelope[] = [];
    stage.left.on("removed", ({ unsent }) => removed.push(...unsent));
    stage.ends[1].pause();
    let sent = 0;
    const fill = (): void => {
      for (;;) {
        stage.left.send({ id: "right", payload: new Uint8Array(50_000).fill(sent) });
        sent++;
      }
    };
    expect(thrown(fill)).toBeInstanceOf(Full);
    const back = stage.left.remove("right");
    expect(removed).toHaveLength(10);
    expect(removed.at(-1)?.payload[0]).toBe(sent - 1);
    stage.ends[1].resume();
    await stage.clock.flush();
    expect(stage.right.incoming.length).toBe(sent - 10);
    back.abort();
  });

  test("of one that is no more says so once", async () => {
    await using stage = new Stage();
    stage.ends[1].abort();
    await stage.clock.flush();
    expect(thrown(() => stage.left.remove("right"))).toMatchObject({ code: "disconnected" });
    expect(thrown(() => stage.left.remove("right"))).toMatchObject({ code: "not-found" });
  });
});

describe("a connection that is lost", () => {
  test.each([
    ["ended", (connection: Connection) => connection.close(), "ended"],
    ["aborted", (connection: Connection) => connection.abort(), "lost"],
  ])(
    "because the other side has %s it is told, with what was not sent, and nothing is left open",
    async (_, act, code) => {
      await using stage = new Stage({ outgoingMax: 100 });
      const events: unknown[] = [];
      stage.left.on("disconnected", (event) => events.push(event));
      const [near, far] = stage.pair();
      stage.left.add(near, "hand");
      far.pause();
      far.open({ received: () => {}, drained: () => {}, ended: () => {}, closed: () => {} });
      expect(
        thrown(() => {
          for (;;) stage.left.send({ id: "hand", payload: new Uint8Array(20_000) });
        }),
      ).toBeInstanceOf(Full);
      act(far);
      far.resume();
      await stage.clock.flush();
      expect(events).toMatchObject([{ type: "disconnected", id: "hand", reason: { code } }]);
      expect(stage.left.ids).toEqual(["right"]);
      const envelope = { id: "hand", payload: bytes("late") };
      const error = thrown(() => stage.left.send(envelope));
      expect(error).toBeInstanceOf(Disconnected);
      expect(error).toMatchObject({ envelope });
    },
  );

  test("has left what came before, and its id can be used again", async () => {
    await using stage = new Stage();
    stage.left.send({ id: "right", payload: bytes("last words") });
    await stage.clock.flush();
    stage.ends[0].abort();
    await stage.clock.flush();
    expect(text(await stage.right.recv())).toBe("last words");
    const [near, far] = stage.pair();
    stage.left.add(near, "right");
    stage.right.add(far, "left");
    stage.left.send({ id: "right", payload: bytes("back") });
    await stage.clock.flush();
    expect(text(await stage.right.recv())).toBe("back");
  });

  test("because it is silent is noticed after three heartbeats, and one that says nothing is kept alive by both", async () => {
    await using stage = new Stage({ heartbeatMs: 100 }, { heartbeatMs: 100 });
    const [near, far] = stage.pair();
    stage.left.add(near, "silent");
    byHand(far);
    const events: unknown[] = [];
    stage.left.on("disconnected", ({ id, reason }) => events.push([id, reason.code]));
    await stage.clock.advance(299);
    expect(events).toEqual([]);
    await stage.clock.advance(102);
    expect(events).toEqual([["silent", "silent"]]);
    await stage.clock.advance(10_000);
    expect(stage.left.ids).toEqual(["right"]);
    expect(stage.right.incoming.length).toBe(0);
  });

  test("because a message does not become whole is given up after its time, and holds nobody up before", async () => {
    await using stage = new Stage({ messageMs: 1000, heartbeatMs: 0 });
    const [near, far] = stage.pair();
    stage.left.add(near, "slow");
    byHand(far);
    far.write(Uint8Array.of(100, 0, 0, 0, 1));
    await stage.clock.flush();
    stage.right.send({ id: "left", payload: bytes("quick") });
    await stage.clock.flush();
    expect(text(await stage.left.recv())).toBe("quick");
    await stage.clock.advance(900);
    expect(stage.left.ids).toContain("slow");
    await stage.clock.advance(1200);
    expect(stage.left.ids).toEqual(["right"]);
  });

  test.each([
    ["a length over the limit", Uint8Array.of(1, 0, 16, 0)],
    ["another protocol", bytes("GET / HTTP/1.1\r\n\r\n")],
  ])("because it brings %s takes no memory for that, and is the only one", async (_, nonsense) => {
    await using stage = new Stage();
    const events: unknown[] = [];
    stage.left.on("disconnected", ({ id, reason }) =>
      events.push([id, reason.code, (reason.error as MeshError | undefined)?.code]),
    );
    const [near, far] = stage.pair();
    stage.left.add(near, "stranger");
    byHand(far);
    far.write(nonsense);
    await stage.clock.flush();
    expect(events).toEqual([["stranger", "protocol", "message-too-long"]]);
    expect(stage.left.ids).toEqual(["right"]);
  });
});

describe("recv()", () => {
  test("rejects with timeout, cancelled or closed, each by its own code", async () => {
    await using stage = new Stage();
    const late = expect(stage.left.recv({ timeoutMs: 100 })).rejects.toMatchObject({ code: "timeout" });
    const controller = new AbortController();
    const cancelled = expect(stage.left.recv({ signal: controller.signal })).rejects.toMatchObject({
      code: "cancelled",
    });
    const before = expect(stage.left.recv({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
    controller.abort();
    await stage.clock.advance(100);
    await Promise.all([late, cancelled, before]);
    const waiting = [1, 2, 3].map(() => expect(stage.left.recv()).rejects.toMatchObject({ code: "closed" }));
    const closing = stage.left.close();
    await stage.clock.advance(2000);
    await Promise.all([closing, ...waiting]);
    await expect(stage.left.recv()).rejects.toMatchObject({ code: "closed" });
  });

  test("given up takes no message with it", async () => {
    await using stage = new Stage();
    const controller = new AbortController();
    const given = expect(stage.right.recv({ signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
    const kept = stage.right.recv();
    controller.abort();
    stage.left.send({ id: "right", payload: bytes("for the other") });
    await stage.clock.flush();
    await given;
    expect(text(await kept)).toBe("for the other");
  });

  test("by several shares messages among them, each to exactly one, in turn", async () => {
    await using stage = new Stage();
    const got: string[][] = [[], [], []];
    const readers = got.map(async (list) => {
      for await (const envelope of stage.right) list.push(text(envelope));
    });
    for (let i = 0; i < 300; i++) {
      stage.left.send({ id: "right", payload: bytes(`${i}`) });
      if (i % 3 === 2) await stage.clock.flush();
    }
    const closing = stage.right.close();
    await stage.clock.advance(2000);
    await closing;
    await Promise.all(readers);
    expect(got.flat().sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 300 }, (_, i) => `${i}`));
    for (const list of got) expect(list.length).toBeGreaterThan(50);
  });
});

describe("flush() and close()", () => {
  test("flush() resolves when everything has left, and rejects with timeout when it does not", async () => {
    await using stage = new Stage();
    await stage.left.flush();
    stage.ends[1].pause();
    for (let i = 0; i < 10; i++) stage.left.send({ id: "right", payload: new Uint8Array(50_000) });
    const late = expect(stage.left.flush(100)).rejects.toMatchObject({ code: "timeout" });
    await stage.clock.advance(100);
    await late;
    const flushed = stage.left.flush();
    stage.ends[1].resume();
    await stage.clock.advance(10);
    await flushed;
    expect(stage.right.incoming.length).toBe(10);
  });

  test("close() with flushMs sends what waits, and without tells that it was not sent", async () => {
    for (const [flushMs, expected] of [
      [1000, 10],
      [0, 0],
    ] as const) {
      await using stage = new Stage();
      const unsent: Envelope[] = [];
      stage.left.on("disconnected", (event) => unsent.push(...event.unsent));
      for (let i = 0; i < 10; i++) stage.left.send({ id: "right", payload: bytes(`${i}`) });
      const closing = stage.left.close({ flushMs });
      expect(stage.left.close()).toBe(closing);
      await stage.clock.advance(3000);
      await closing;
      expect(stage.right.incoming.length).toBe(expected);
      expect(unsent).toHaveLength(10 - expected);
    }
  });

  test("close() ends with a full queue and no receiver, and what has come can still be received", async () => {
    await using stage = new Stage({}, { incomingMax: 5 });
    for (let i = 0; i < 100; i++) stage.left.send({ id: "right", payload: bytes(`${i}`) });
    await stage.clock.flush();
    const closing = stage.right.close();
    await stage.clock.advance(2000);
    await closing;
    expect(text(await stage.right.recv())).toBe("0");
    const [near] = stage.pair();
    expect(thrown(() => stage.right.add(near))).toMatchObject({ code: "closed", connection: near });
    const envelope = { id: "left", payload: bytes("late") };
    expect(thrown(() => stage.right.send(envelope))).toBeInstanceOf(Disconnected);
  });

  test("handles give one right each", async () => {
    await using stage = new Stage();
    const { incoming } = stage.right;
    const { control } = stage.right;
    const outgoing = stage.left.outgoing("right");
    outgoing.send(bytes("through handles"));
    await stage.clock.flush();
    expect(outgoing.stats).toMatchObject({ messagesSent: 1, bytesSent: 15 });
    expect([incoming.length, incoming.bytes]).toEqual([1, 15]);
    expect(text(await incoming.recv())).toBe("through handles");
    expect(control.ids).toEqual(["left"]);
    control.remove("left").abort();
    expect(Object.keys(incoming)).not.toContain("add");
  });
});

const events: ConnectionEvents = { received: () => {}, drained: () => {}, ended: () => {}, closed: () => {} };

test("a connection that is handed back tells its new owner what happened meanwhile, once it is opened", async () => {
  await using stage = new Stage();
  const [near, far] = stage.pair();
  stage.left.add(near, "hand");
  byHand(far);
  far.write(Uint8Array.of(9, 0, 0, 0, 1));
  await stage.clock.flush();
  const back = stage.left.remove("hand");
  const log: string[] = [];
  back.pause();
  back.open({
    ...events,
    received: (piece) => void log.push(`received ${piece.length}`),
    ended: () => (log.push("ended"), back.close()),
    closed: (error) => void log.push(`closed ${error?.code}`),
  });
  far.close();
  await stage.clock.flush();
  expect(log).toEqual([]);
  back.resume();
  await stage.clock.flush();
  expect(log).toEqual(["received 4", "received 1", "ended", "closed undefined"]);
});

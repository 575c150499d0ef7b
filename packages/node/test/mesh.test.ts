// Meshes over real sockets: a million messages while connections come and go, strangers, and one that is stuck.

import { connect as connectSocket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock, type Connection, type TransportListener } from "@troupe/core";
import { Full, Mesh, NotFound, type Envelope } from "@troupe/core/network";
import { tcp } from "@troupe/node";
import { EVERY_TRANSPORT } from "./every-transport.js";

/** Listens until the test is over, and adds everybody who dials. */
async function serving(mesh: Mesh): Promise<TransportListener> {
  const listener = await tcp().listen("tcp://127.0.0.1:0", (connection) => void mesh.add(connection));
  onTestFinished(async () => {
    await listener.close();
    await mesh.close();
  });
  return listener;
}

function meshed(): Mesh {
  const mesh = new Mesh();
  onTestFinished(() => mesh.close());
  return mesh;
}

function turn(): Promise<void> {
  return new Promise((resolve) => systemClock.yield(resolve));
}

/** Sends as soon as there is room. */
async function put(mesh: Mesh, envelope: Envelope): Promise<void> {
  for (;;) {
    try {
      return mesh.send(envelope);
    } catch (error) {
      if (!(error instanceof Full)) throw error;
      await turn();
    }
  }
}

function numbered(count: number, length: number): Uint8Array {
  const payload = new Uint8Array(length);
  new DataView(payload.buffer).setUint32(0, count);
  return payload;
}

function numberOf({ payload }: Envelope): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}

test("1,000,000 messages in both directions arrive in order, none is lost, while connections come and go", async () => {
  const CONNECTIONS = 10;
  const EACH = 50_000;
  const server = new Mesh();
  const listener = await serving(server);
  const client = meshed();
  const ids = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => client.add(await tcp().connect(listener.endpoint))),
  );

  const receive = async (mesh: Mesh): Promise<Map<string, number>> => {
    const next = new Map<string, number>();
    for (let left = CONNECTIONS * EACH; left > 0;) {
      const envelope = await mesh.recv();
      if (envelope.payload.length < 8) continue;
      const expected = next.get(envelope.id) ?? 0;
      if (numberOf(envelope) !== expected) throw new Error(`${numberOf(envelope)} came instead of ${expected}`);
      next.set(envelope.id, expected + 1);
      left--;
    }
    return next;
  };
  const send = async (mesh: Mesh, to: readonly string[]): Promise<void> => {
    for (let i = 0; i < EACH; i++) for (const id of to) await put(mesh, { id, payload: numbered(i, 8 + (i % 100)) });
  };

  await expect.poll(() => server.ids.length).toBe(CONNECTIONS);
  const serverIds = server.ids;
  let isOver = false;
  const comeAndGo = async (): Promise<number> => {
    let count = 0;
    for (; !isOver; count++) {
      const id = client.add(await tcp().connect(listener.endpoint));
      await put(client, { id, payload: Uint8Array.of(1) });
      await turn();
      client.remove(id).abort();
    }
    return count;
  };
  const coming = comeAndGo();
  const [atServer, atClient] = await Promise.all([
    receive(server),
    receive(client),
    send(client, ids),
    send(server, serverIds),
  ]);
  isOver = true;
  expect(await coming).toBeGreaterThan(2);
  for (const counts of [atServer, atClient]) expect([...counts.values()]).toEqual(Array(CONNECTIONS).fill(EACH));
}, 60_000);

describe.each(Object.entries(EVERY_TRANSPORT))("over %s", (_, subject) => {
  test("messages go both ways, a loss is told on the other side, and nothing is left", async () => {
    const { transport, endpoint, dispose } = await subject();
    const right = meshed();
    const listener = await transport.listen(endpoint, (connection: Connection) => void right.add(connection, "left"));
    onTestFinished(async () => {
      await listener.close();
      await dispose?.();
    });
    const left = meshed();
    left.add(await transport.connect(listener.endpoint), "right");
    for (const length of [0, 1, 100, 65_536, 1_000_000]) {
      left.send({ id: "right", payload: new Uint8Array(length).fill(3) });
      const { id, payload } = await right.recv();
      expect([id, payload.length, payload.every((byte) => byte === 3)]).toEqual(["left", length, true]);
      right.send({ id, payload });
      expect((await left.recv()).payload).toHaveLength(length);
    }
    const lost = new Promise<string>((resolve) => right.on("disconnected", ({ reason }) => resolve(reason.code)));
    await left.close();
    expect(await lost).toBe("ended");
  });
});

describe("a stranger", () => {
  test("that sends half a message and stops holds nobody up", async () => {
    const server = new Mesh();
    const listener = await serving(server);
    const { port } = new URL(listener.endpoint.replace("tcp:", "http:"));
    const halves = Array.from({ length: 50 }, () => connectSocket(Number(port), "127.0.0.1"));
    onTestFinished(() => halves.forEach((socket) => socket.destroy()));
    for (const socket of halves) socket.on("error", () => {}).write(Uint8Array.of(200, 0, 0, 0, 1, 2, 3));
    const client = meshed();
    const id = client.add(await tcp().connect(listener.endpoint));
    await expect.poll(() => server.ids.length).toBe(51);
    const startedAt = systemClock.now();
    for (let i = 0; i < 100; i++) {
      client.send({ id, payload: numbered(i, 100) });
      const envelope = await server.recv();
      expect(numberOf(envelope)).toBe(i);
      server.send(envelope);
      await client.recv();
    }
    expect((systemClock.now() - startedAt) / 100).toBeLessThan(20);
  });

  test("that leaves in the middle of a message is told as gone, and what it said before is received", async () => {
    const server = new Mesh();
    const listener = await serving(server);
    const lost = new Promise<string>((resolve) => server.on("disconnected", ({ reason }) => resolve(reason.code)));
    const { port } = new URL(listener.endpoint.replace("tcp:", "http:"));
    const socket = connectSocket(Number(port), "127.0.0.1");
    socket.end(Uint8Array.of(1, 0, 0, 0, 7, 9, 0, 0, 0, 1));
    expect((await server.recv()).payload).toEqual(Uint8Array.of(7));
    expect(await lost).toBe("ended");
    expect(server.ids).toEqual([]);
  });
});

test("one connection that is stuck is full, and the others go on", async () => {
  const server = new Mesh({ outgoingMax: 100 });
  const listener = await serving(server);
  const stuck = await tcp().connect(listener.endpoint);
  onTestFinished(() => stuck.abort());
  stuck.pause();
  stuck.open({ received: () => {}, drained: () => {}, ended: () => {}, closed: () => {} });
  await expect.poll(() => server.ids.length).toBe(1);
  const [stuckId = ""] = server.ids;
  const fill = async (): Promise<void> => {
    for (;;) {
      server.send({ id: stuckId, payload: new Uint8Array(50_000) });
      await turn();
    }
  };
  await expect(fill()).rejects.toBeInstanceOf(Full);
  const client = meshed();
  client.add(await tcp().connect(listener.endpoint), "server");
  await expect.poll(() => server.ids.length).toBe(2);
  const other = server.ids.find((id) => id !== stuckId) as string;
  for (let i = 0; i < 1000; i++) {
    await put(server, { id: other, payload: numbered(i, 1000) });
    expect(numberOf(await client.recv())).toBe(i);
  }
  expect(() => server.send({ id: "nobody", payload: new Uint8Array(1) })).toThrow(NotFound);
});

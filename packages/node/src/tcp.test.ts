import { createServer, Server, connect as connectSocket, type AddressInfo, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Connection, ConnectionEvents, TransportError, TransportListenOptions } from "@troupe/core";
import { tcp } from "./tcp.js";

const hasIpv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === "::1"));

const IGNORED: ConnectionEvents = {
  received: () => undefined,
  drained: () => undefined,
  ended: () => undefined,
  closed: () => undefined,
};

/** Listens on a free port until the test is over; what is accepted can be awaited. */
async function listening(endpoint = "tcp://127.0.0.1:0", options?: TransportListenOptions) {
  let accepted!: (connection: Connection) => void;
  const next = new Promise<Connection>((resolve) => (accepted = resolve));
  const listener = await tcp().listen(endpoint, accepted, options);
  onTestFinished(() => listener.close());
  return { listener, next };
}

/** A server of bare sockets, for what a transport of ours would not do. */
async function bareServer(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on("error", () => undefined));
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("tcp()", () => {
  test("buffered is 0 right after a write() that the system took whole", async () => {
    const { listener, next } = await listening();
    const dialled = await tcp().connect(listener.endpoint);
    const accepted = await next;
    dialled.open(IGNORED);
    accepted.open(IGNORED);
    for (const size of [1, 1000, 65_536, 100_000]) {
      expect(dialled.write(new Uint8Array(size))).toBe(true);
      expect(dialled.buffered).toBe(0);
    }
    dialled.abort();
    accepted.abort();
  });

  test("port 0 is resolved in the listener's endpoint, and both ends name each other", async () => {
    const { listener, next } = await listening();
    expect(listener.endpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/);
    const dialled = await tcp().connect(listener.endpoint);
    const accepted = await next;
    expect(dialled.remoteEndpoint).toBe(listener.endpoint);
    expect(accepted.localEndpoint).toBe(listener.endpoint);
    expect(accepted.remoteEndpoint).toBe(dialled.localEndpoint);
    dialled.abort();
    accepted.abort();
  });

  test("a listener on any address names the one that was dialled", async () => {
    const { listener, next } = await listening("tcp://0.0.0.0:0");
    const dialled = await tcp().connect(listener.endpoint.replace("0.0.0.0", "127.0.0.1"));
    const accepted = await next;
    expect(accepted.localEndpoint).toBe(dialled.remoteEndpoint);
    dialled.abort();
    accepted.abort();
  });

  test.runIf(hasIpv6)("IPv6 addresses are taken and given in brackets", async () => {
    const { listener, next } = await listening("tcp://[::1]:0");
    expect(listener.endpoint).toMatch(/^tcp:\/\/\[::1\]:\d+$/);
    const dialled = await tcp().connect(listener.endpoint);
    const accepted = await next;
    expect(dialled.localEndpoint).toMatch(/^tcp:\/\/\[::1\]:\d+$/);
    dialled.abort();
    accepted.abort();
  });

  test("what the other side sent before a reset is received, and the reset is not taken for an end", async () => {
    const sockets: Socket[] = [];
    const endpoint = await bareServer((socket) => sockets.push(socket));
    const dialled = await tcp().connect(endpoint);
    const log: string[] = [];
    const over = new Promise<void>((resolve) => {
      dialled.pause();
      dialled.open({
        received: (bytes) => void log.push(`received ${bytes.length}`),
        drained: () => void log.push("drained"),
        ended: () => void log.push("ended"),
        closed: (error) => void (log.push(`closed ${error?.code}`), resolve()),
      });
    });
    await new Promise<void>((resolve) => sockets[0]?.write(new Uint8Array(5), () => resolve()));
    await new Promise<void>((resolve) => sockets[0]?.once("close", resolve).resetAndDestroy());
    dialled.resume();
    await over;
    expect(log).toEqual(["received 5", "closed connection-reset"]);
  });

  test("a socket that resets before accept opened it is told as closed once it is opened", async () => {
    const { listener, next } = await listening();
    const socket = connectSocket(Number(listener.endpoint.split(":").at(-1)), "127.0.0.1");
    const accepted = await next;
    await new Promise<void>((resolve) => socket.once("close", resolve).resetAndDestroy());
    const error = await new Promise((resolve) => accepted.open({ ...IGNORED, closed: resolve }));
    expect(error).toMatchObject({ code: "connection-reset", endpoint: accepted.remoteEndpoint });
  });

  test("connectionsMax 0 accepts nobody", async () => {
    const accepted: Connection[] = [];
    const listener = await tcp().listen("tcp://127.0.0.1:0", (each) => accepted.push(each), { connectionsMax: 0 });
    onTestFinished(() => listener.close());
    const dialled = await tcp().connect(listener.endpoint);
    await new Promise<void>((resolve) => dialled.open({ ...IGNORED, ended: resolve, closed: () => resolve() }));
    dialled.abort();
    expect(accepted).toEqual([]);
  });

  test("an error of accepting goes to onError as accept-failed, and the listener goes on", async () => {
    const listen = vi.spyOn(Server.prototype, "listen");
    const errors: TransportError[] = [];
    const { listener, next } = await listening("tcp://127.0.0.1:0", { onError: (error) => errors.push(error) });
    (listen.mock.contexts[0] as Server).emit("error", new Error("accept EMFILE"));
    expect(errors).toEqual([expect.objectContaining({ code: "accept-failed", endpoint: listener.endpoint })]);
    expect(errors[0]?.message).toContain("accept EMFILE");
    const dialled = await tcp().connect(listener.endpoint);
    (await next).abort();
    dialled.abort();
  });

  test("connect() to where no connection can be made rejects with connect-failed, and says why", async () => {
    const endpoint = "tcp://255.255.255.255:80";
    const attempt = tcp().connect(endpoint);
    await expect(attempt).rejects.toMatchObject({ code: "connect-failed", endpoint });
    await expect(attempt).rejects.toThrow(/255\.255\.255\.255:80 could not be reached: .*E[A-Z]+/);
  });

  test("listen() on an address of another host rejects with listen-failed, and says why", async () => {
    const attempt = tcp().listen("tcp://192.0.2.1:0", () => undefined);
    await expect(attempt).rejects.toMatchObject({ code: "listen-failed", endpoint: "tcp://192.0.2.1:0" });
    await expect(attempt).rejects.toThrow("EADDRNOTAVAIL");
  });

  test.each(["tcp://127.0.0.1", "tcp://:80", "tcp://127.0.0.1:80/path", "tcp://127.0.0.1:0"])(
    "connect() to %s rejects with endpoint-invalid",
    async (endpoint) => {
      await expect(tcp().connect(endpoint)).rejects.toMatchObject({ code: "endpoint-invalid", endpoint });
    },
  );
});

// `connect`, `listen` and `link` of Node.js: the endpoint chooses the transport, and every refusal names it.

import { createConnection, createServer, type AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { call, defineService, ServiceMap } from "@troupe/core";
import { connect, link, listen } from "@troupe/node";

const Echo = defineService("echo", { back: call<string, string>() });
const services = new ServiceMap().add(Echo, { back: (input) => input });

/** An endpoint of 127.0.0.1 where nobody listens, as far as one can tell. */
async function nobody(): Promise<string> {
  const listener = await listen("tcp://127.0.0.1:0");
  await listener.close();
  return listener.endpoint;
}

test.each(["tcp://127.0.0.1:0", "memory://endpoints-test"])("listen() and connect() talk over %s", async (endpoint) => {
  await using listener = await listen(endpoint, { services });
  await using peer = await connect(listener.endpoint);
  expect(await peer.address(Echo).call("back", "there")).toBe("there");
  expect(peer.remote.endpoint).toBe(listener.endpoint);
});

describe("listen()", () => {
  test("on a port in use rejects with address-in-use, naming the endpoint, and leaves the other listener alone", async () => {
    await using listener = await listen("tcp://127.0.0.1:0", { services });
    const { endpoint } = listener;
    await expect(listen(endpoint)).rejects.toMatchObject({ name: "TransportError", code: "address-in-use", endpoint });
    await expect(listen(endpoint)).rejects.toThrow(endpoint);
    await using peer = await connect(endpoint);
    expect(await peer.address(Echo).call("back", "still here")).toBe("still here");
  });

  test("on a port that was just freed by close() succeeds, though its connections have only just ended", async () => {
    const listener = await listen("tcp://127.0.0.1:0");
    const peer = await connect(listener.endpoint);
    await listener.close();
    await peer.closed;
    await using again = await listen(listener.endpoint);
    expect(again.endpoint).toBe(listener.endpoint);
  });

  test("closed while somebody who says nothing is being greeted ends that connection", async () => {
    const listener = await listen("tcp://127.0.0.1:0");
    const socket = createConnection(Number(new URL(listener.endpoint.replace("tcp:", "http:")).port), "127.0.0.1");
    const ended = new Promise((resolve) => socket.on("end", resolve));
    socket.on("error", () => {});
    await new Promise((greeted) => socket.once("data", greeted));
    await listener.close();
    await ended;
    socket.destroy();
    expect(listener.peers).toEqual([]);
  });
});

describe("connect()", () => {
  test("where nobody listens rejects with connect-refused, naming the endpoint", async () => {
    const endpoint = await nobody();
    await expect(connect(endpoint)).rejects.toMatchObject({
      name: "TransportError",
      code: "connect-refused",
      endpoint,
    });
    await expect(connect(endpoint)).rejects.toThrow(endpoint);
  });

  test.each([
    ["carrier-pigeon://roof", "scheme-unknown"],
    ["127.0.0.1:80", "endpoint-invalid"],
    ["tcp://127.0.0.1", "endpoint-invalid"],
    ["tcp://127.0.0.1:0", "endpoint-invalid"],
    ["tcp://127.0.0.1:65536", "endpoint-invalid"],
  ])("to %s rejects with %s, naming the endpoint", async (endpoint, code) => {
    await expect(connect(endpoint)).rejects.toMatchObject({ name: "TransportError", code, endpoint });
    await expect(connect(endpoint)).rejects.toThrow(endpoint);
  });

  test("to somebody who says nothing is cancelled by its signal, and its socket is ended", async () => {
    const server = createServer();
    onTestFinished(() => void server.close());
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const ended = new Promise<void>((resolve) => {
      server.on("connection", (socket) =>
        socket
          .on("error", () => {})
          .on("close", () => resolve())
          .resume(),
      );
    });
    const controller = new AbortController();
    const endpoint = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const dialling = connect(endpoint, { signal: controller.signal });
    server.once("connection", () => controller.abort());
    await expect(dialling).rejects.toMatchObject({ code: "cancelled", endpoint });
    await ended;
  });
});

describe("link()", () => {
  test.each([
    ["carrier-pigeon://roof", "scheme-unknown"],
    ["127.0.0.1:80", "endpoint-invalid"],
    ["tcp://127.0.0.1:65536", "endpoint-invalid"],
  ])("to %s throws %s at once, naming the endpoint", (endpoint, code) => {
    expect(() => link(endpoint)).toThrow(expect.objectContaining({ name: "TransportError", code, endpoint }));
  });

  test("to an endpoint without a port, which only TCP knows to be needed, is closed with endpoint-invalid", async () => {
    const up = link("tcp://127.0.0.1");
    const error = new Promise((resolve) => up.on("closed", (event) => resolve(event.error)));
    await expect(up.address(Echo).call("back", "")).rejects.toMatchObject({ code: "closed" });
    expect(await error).toMatchObject({ code: "endpoint-invalid", endpoint: "tcp://127.0.0.1" });
    expect(up.state).toBe("closed");
  });
});

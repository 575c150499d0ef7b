import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import type { Connection, TransportError } from "@troupe/core";
import { webSocket, WEB_SOCKET_TAKEN_BYTES_MAX, type NodeWebSocketOptions } from "./index.js";

/** The next connection that is accepted, and where. */
async function accepting(options: NodeWebSocketOptions = {}, endpoint = "ws://127.0.0.1:0/troupe") {
  let took!: (connection: Connection) => void;
  const next = new Promise<Connection>((resolve) => (took = resolve));
  const listener = await webSocket(options).listen(endpoint, took);
  onTestFinished(() => listener.close());
  return { listener, next };
}

function closed(connection: Connection): Promise<TransportError | undefined> {
  return new Promise((resolve) => {
    connection.open({ received: () => {}, drained: () => {}, ended: () => {}, closed: resolve });
  });
}

/** A server of HTTP that runs already. */
async function running(): Promise<{ http: Server; port: number }> {
  const http = createServer((_request, response) => void response.end("a page"));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void http.close());
  return { http, port: (http.address() as AddressInfo).port };
}

describe("webSocket()", () => {
  test("a text message ends its connection as message-foreign, and the other side is told with code 1003", async () => {
    const { listener, next } = await accepting();
    const bare = new WebSocket(listener.endpoint);
    const code = new Promise<number>((resolve) => bare.on("close", resolve));
    bare.on("open", () => bare.send("hello"));
    expect(await closed(await next)).toMatchObject({ code: "message-foreign" });
    expect(await code).toBe(1003);
  });

  test("a message that is too long ends its connection", async () => {
    const { listener, next } = await accepting();
    const bare = new WebSocket(listener.endpoint);
    bare.on("error", () => {});
    bare.on("open", () => bare.send(new Uint8Array(WEB_SOCKET_TAKEN_BYTES_MAX + 1)));
    expect(await closed(await next)).toMatchObject({ code: "connection-reset" });
  });

  test("one that is closed without the empty message has been lost", async () => {
    const { listener, next } = await accepting();
    const bare = new WebSocket(listener.endpoint);
    bare.on("open", () => bare.close(1000));
    expect(await closed(await next)).toMatchObject({ code: "connection-reset" });
  });

  test("what the request said is known: its path with the query, its origin and its headers", async () => {
    const { listener, next } = await accepting({ origins: ["https://app.example"] });
    const bare = new WebSocket(`${listener.endpoint}?room=7`, {
      origin: "https://app.example",
      headers: { cookie: "session=abc" },
    });
    bare.on("error", () => {});
    onTestFinished(() => bare.terminate());
    const connection = await next;
    expect(connection.upgrade).toMatchObject({ path: "/troupe?room=7", origin: "https://app.example" });
    expect(connection.upgrade?.headers["cookie"]).toBe("session=abc");
    connection.abort();
  });

  test("a running server goes on with what it does, and each path has its own listener", async () => {
    const { http, port } = await running();
    const one = await accepting({ server: http }, `ws://127.0.0.1:${port}/one`);
    const two = await accepting({ server: http }, `ws://127.0.0.1:${port}/two`);
    expect(one.listener.endpoint).toBe(`ws://127.0.0.1:${port}/one`);
    (await webSocket().connect(two.listener.endpoint)).abort();
    (await two.next).abort();
    (await webSocket().connect(one.listener.endpoint)).abort();
    (await one.next).abort();
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("a page");
    await expect(accepting({ server: http }, `ws://127.0.0.1:${port}/one`)).rejects.toMatchObject({
      code: "address-in-use",
    });
    await one.listener.close();
    await two.listener.close();
    expect(http.listenerCount("upgrade")).toBe(0);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("a page");
  });

  test("a path that nobody listens on is answered with 404, also on a running server", async () => {
    const { http, port } = await running();
    for (const { listener } of [await accepting(), await accepting({ server: http }, `ws://127.0.0.1:${port}/one`)]) {
      const endpoint = listener.endpoint.replace(/\/\w+$/, "/other");
      const dialling = webSocket().connect(endpoint);
      await expect(dialling).rejects.toMatchObject({ code: "connect-failed", endpoint });
      await expect(dialling).rejects.toThrow(/404/);
    }
  });

  test("who asks for a page is told that there are WebSockets only", async () => {
    const { listener } = await accepting();
    const response = await fetch(listener.endpoint.replace("ws:", "http:"));
    expect(response.status).toBe(426);
  });

  test("a server that does not listen cannot be listened on", async () => {
    const attempt = webSocket({ server: createServer() }).listen("ws://127.0.0.1:80/", () => {});
    await expect(attempt).rejects.toMatchObject({ code: "listen-failed" });
  });
});

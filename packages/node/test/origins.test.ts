// Which pages may open a WebSocket: only those that are listed, and they are refused before the upgrade.

import { request, type IncomingMessage } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect, listen, webSocket, type Origins } from "@troupe/node";

const LISTED = ["https://app.example", "http://localhost:8080", "https://Shop.Example:443/", "null"];

/** Asks for an upgrade, and returns the status and what followed it. */
async function upgrade(
  endpoint: string,
  headers: Record<string, string | string[]>,
): Promise<{ status: number; bytes: number }> {
  const asking = request(endpoint.replace("ws:", "http:"), {
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      ...headers,
    },
  });
  asking.end();
  return await new Promise((resolve, reject) => {
    asking.on("error", reject);
    asking.on("response", (response: IncomingMessage) => {
      let bytes = 0;
      response.on("data", (piece: Buffer) => (bytes += piece.length));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, bytes }));
    });
    asking.on("upgrade", (response, socket, head) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, bytes: head.length });
    });
  });
}

async function listening(origins: Origins | undefined): Promise<{ endpoint: string; failures: Error[] }> {
  const listener = await listen("ws://127.0.0.1:0/troupe", { webSocket: origins === undefined ? {} : { origins } });
  onTestFinished(() => listener.close());
  const failures: Error[] = [];
  listener.on("failed", ({ error }) => failures.push(error));
  return { endpoint: listener.endpoint, failures };
}

describe("origins", () => {
  test.each([
    ["https://app.example", 101],
    ["http://localhost:8080", 101],
    ["https://shop.example", 101],
    ["null", 101],
    [undefined, 101],
    ["http://app.example", 403],
    ["https://app.example:8443", 403],
    ["https://app.example:443", 403],
    ["https://app.example/", 403],
    ["https://app.example.evil.example", 403],
    ["https://evil.example/https://app.example", 403],
    ["https://evilapp.example", 403],
    ["https://sub.app.example", 403],
    ["https://app.example@evil.example", 403],
    ["HTTPS://APP.EXAMPLE", 403],
    ["app.example", 403],
    ["http://localhost", 403],
    ["http://localhost:80801", 403],
    ["http://127.0.0.1:8080", 403],
    ["file://", 403],
    ["", 403],
    ["*", 403],
    ["https://app.example, https://evil.example", 403],
    ["https://app.example https://evil.example", 403],
  ])("of a page from %s the answer is %d", async (origin, status) => {
    const { endpoint, failures } = await listening(LISTED);
    const answer = await upgrade(endpoint, origin === undefined ? {} : { origin });
    expect(answer.status).toBe(status);
    if (status === 101) return;
    expect(answer.bytes).toBe(0);
    expect(failures).toMatchObject([{ code: "origin-refused" }]);
  });

  test("without a list no page may, not even from the server's own host, but what is no browser may", async () => {
    const { endpoint } = await listening(undefined);
    expect(await upgrade(endpoint, { origin: "https://app.example" })).toMatchObject({ status: 403 });
    expect(await upgrade(endpoint, { origin: new URL(endpoint.replace("ws:", "http:")).origin })).toMatchObject({
      status: 403,
    });
    const peer = await connect(endpoint);
    expect(await peer.close()).toMatchObject({ code: "closed" });
  });

  test("who wants everybody says so", async () => {
    const { endpoint } = await listening("any");
    expect(await upgrade(endpoint, { origin: "https://evil.example" })).toMatchObject({ status: 101 });
  });

  test.each(["app.example", "https://app.example/path", "https://user@app.example", "*", "https://*.app.example"])(
    "%s is no origin that a browser sends: listing it throws",
    (origin) => {
      expect(() => webSocket({ origins: [origin] })).toThrow(expect.objectContaining({ code: "option-invalid" }));
    },
  );
});

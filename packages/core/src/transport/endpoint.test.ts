import { describe, expect, test } from "vitest";
import { ENDPOINT_LENGTH_MAX, findTransport, formatEndpoint, memory, parseEndpoint, schemeOf } from "./index.js";

describe("parseEndpoint()", () => {
  test.each([
    ["tcp://127.0.0.1:0", "tcp", "127.0.0.1", 0, ""],
    ["tcp://example.org:65535", "tcp", "example.org", 65_535, ""],
    ["tcp://[::1]:80", "tcp", "::1", 80, ""],
    ["tcp://[fe80::1%eth0]:80", "tcp", "fe80::1%eth0", 80, ""],
    ["udp://[::]", "udp", "::", undefined, ""],
    ["wss://example.org/a/b?c=d:e", "wss", "example.org", undefined, "/a/b?c=d:e"],
    ["ws://example.org:8080?token=1", "ws", "example.org", 8080, "?token=1"],
    ["unix:///run/a.sock", "unix", "", undefined, "/run/a.sock"],
    ["memory://Some-Name_1", "memory", "Some-Name_1", undefined, ""],
    ["message-port://", "message-port", "", undefined, ""],
  ])("%s is split into its parts, and put together again", (endpoint, scheme, host, port, path) => {
    expect(parseEndpoint(endpoint)).toEqual({ scheme, host, port, path });
    expect(formatEndpoint(parseEndpoint(endpoint))).toBe(endpoint);
  });

  test("the scheme is in lower case whatever was written, the name is not", () => {
    expect(parseEndpoint("TCP://Host:1")).toEqual({ scheme: "tcp", host: "Host", port: 1, path: "" });
  });

  test.each([
    ["", "scheme"],
    ["127.0.0.1:80", "scheme"],
    ["tcp:127.0.0.1:80", "scheme"],
    ["://host", "scheme"],
    ["1tcp://host", "scheme"],
    ["tcp://host:65536", "port"],
    ["tcp://host:-1", "port"],
    ["tcp://host:", "port"],
    ["tcp://host:80:80", "port"],
    ["tcp://host:8e1", "port"],
    ["tcp://::1:80", "port"],
    ["tcp://[::1]80", "port"],
    ["tcp://[::1:80", "brackets"],
    ["tcp://::1]:80", "port"],
    ["tcp://a]b:80", "brackets"],
    ["tcp://[host]:80", "IPv6"],
    ["tcp://[]:80", "IPv6"],
    ["tcp://user:secret@host:80", "user names"],
    ["tcp://host :80", "blanks"],
    ["tcp://host:80\n", "blanks"],
    ["tcp://ho\u0000st:80", "blanks"],
  ])("%j throws endpoint-invalid, naming it and saying what is wrong: %s", (endpoint, word) => {
    const attempt = (): unknown => parseEndpoint(endpoint);
    expect(attempt).toThrow(expect.objectContaining({ code: "endpoint-invalid", endpoint }));
    expect(attempt).toThrow(`"${endpoint}"`);
    expect(attempt).toThrow(word);
  });

  test("one that is too long is refused, and the error is not as long", () => {
    const endpoint = `tcp://${"a".repeat(1_000_000)}:1`;
    expect(() => parseEndpoint(endpoint)).toThrow(expect.objectContaining({ code: "endpoint-invalid" }));
    try {
      parseEndpoint(endpoint);
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(ENDPOINT_LENGTH_MAX + 200);
    }
  });
});

describe("findTransport()", () => {
  const transports = [memory(), { ...memory(), schemes: ["ws", "wss"] }];

  test("it is the one that takes the scheme", () => {
    expect(findTransport(transports, "WSS://host")).toBe(transports[1]);
    expect(schemeOf("WSS://host")).toBe("wss");
  });

  test("without one it throws scheme-unknown, naming the endpoint and the schemes that are known", () => {
    const attempt = (): unknown => findTransport(transports, "tcp://host:1");
    expect(attempt).toThrow(expect.objectContaining({ code: "scheme-unknown", endpoint: "tcp://host:1" }));
    expect(attempt).toThrow(/tcp:\/\/host:1.*memory, ws, wss/);
    expect(() => findTransport([], "tcp://host:1")).toThrow("no transport was given");
  });

  test("what is no endpoint throws endpoint-invalid", () => {
    expect(() => findTransport(transports, "host")).toThrow(expect.objectContaining({ code: "endpoint-invalid" }));
  });
});

import { describe, expect, test } from "vitest";
import { callTimeoutMs, CALL_TIMEOUT_MS } from "./address.js";
import { RemoteError, toRemoteError } from "./error.js";
import type { Schema } from "./schema.js";
import { call, defineService, NAME_BYTES_MAX, send, SERVICE_MESSAGES_MAX } from "./service.js";

const TEXT: Schema<string, string> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value: String(value) }) },
};

describe("defineService()", () => {
  test("takes names of up to NAME_BYTES_MAX bytes, and refuses empty and longer ones with service-invalid", () => {
    const invalid = expect.objectContaining({ code: "service-invalid" });
    expect(defineService("é".repeat(NAME_BYTES_MAX / 2), {}).name).toHaveLength(NAME_BYTES_MAX / 2);
    expect(() => defineService("é".repeat(NAME_BYTES_MAX / 2) + "x", {})).toThrow(invalid);
    expect(() => defineService("", {})).toThrow(invalid);
    expect(() => defineService("service", { "": send() })).toThrow(invalid);
  });

  test("refuses more than SERVICE_MESSAGES_MAX messages with service-invalid", () => {
    const messages = Object.fromEntries(Array.from({ length: SERVICE_MESSAGES_MAX + 1 }, (_, i) => [`m${i}`, send()]));
    expect(() => defineService("service", messages)).toThrow(expect.objectContaining({ code: "service-invalid" }));
  });

  test("refuses names that do not fit one announcement, and what is no message, with service-invalid", () => {
    const invalid = expect.objectContaining({ code: "service-invalid" });
    const long = Array.from({ length: 2100 }, (_, i) => [`m${i}`.padEnd(NAME_BYTES_MAX, "x"), send()]);
    expect(() => defineService("service", Object.fromEntries(long))).toThrow(invalid);
    expect(() => defineService("service", { a: 1 as never })).toThrow(invalid);
  });

  test("the service does not change when the object it was made from does", () => {
    const messages: Record<string, ReturnType<typeof send>> = { a: send() };
    const service = defineService("service", messages);
    messages["b"] = send();
    expect(Object.keys(service.messages)).toEqual(["a"]);
    expect(Object.isFrozen(service) && Object.isFrozen(service.messages)).toBe(true);
  });

  test("call() and send() keep the schemas they are given", () => {
    expect(call({ input: TEXT, output: TEXT })).toMatchObject({ kind: "call", input: TEXT, output: TEXT });
    expect(call()).toMatchObject({ kind: "call", input: undefined, output: undefined });
    expect(send(TEXT)).toMatchObject({ kind: "send", input: TEXT });
    expect(send({ input: TEXT })).toMatchObject({ kind: "send", input: TEXT });
  });
});

describe("toRemoteError()", () => {
  test("keeps the path out of what an operating system says", () => {
    const thrown = Object.assign(new Error("ENOENT: no such file, open 'secret/place'"), {
      code: "ENOENT",
      syscall: "open",
      path: "secret/place",
    });
    expect(toRemoteError(thrown)).toMatchObject({ code: "ENOENT", message: "open failed", data: undefined });
  });

  test("keeps code, message and data of an error, and the error as its cause", () => {
    const thrown = Object.assign(new TypeError("too big"), { code: "overflow", data: { max: 1 } });
    expect(toRemoteError(thrown)).toMatchObject({
      code: "overflow",
      message: "too big",
      data: { max: 1 },
      cause: thrown,
    });
    expect(toRemoteError(Object.assign(new Error("x"), { code: 7 }))).toMatchObject({ code: "handler-failed" });
  });

  test("passes a RemoteError on as it is", () => {
    const error = new RemoteError("busy", "later");
    expect(toRemoteError(error)).toBe(error);
  });

  test.each([
    ["a text", "plain", "plain"],
    ["undefined", undefined, "undefined"],
    ["an object without a text", Object.create(null), "the handler failed"],
    ["an instance of a class of its own", new (class Secret {})(), "the handler failed"],
    ["a text with a stack behind it", "no\n    at run (file.ts:1:2)", "no"],
    ["an error with a stack in its message", new Error("no\n    at run (file.ts:1:2)"), "no"],
    [
      "an error that throws when it is read",
      Object.defineProperty(new Error("x"), "data", {
        get: () => {
          throw new Error("no");
        },
      }),
      "the handler threw a value that cannot be read",
    ],
  ])("makes a handler-failed of %s", (_, thrown, message) => {
    expect(toRemoteError(thrown)).toMatchObject({ code: "handler-failed", message });
  });
});

test("callTimeoutMs() never gives Infinity, and refuses what is no number", () => {
  expect([undefined, {}, { timeoutMs: Infinity }].map(callTimeoutMs)).toEqual(Array(3).fill(CALL_TIMEOUT_MS));
  expect([5, 0, -1].map((timeoutMs) => callTimeoutMs({ timeoutMs }))).toEqual([5, 0, 0]);
  expect(() => callTimeoutMs({ timeoutMs: NaN })).toThrow(expect.objectContaining({ code: "option-invalid" }));
});

// What a caller learns of a handler that failed: a code, a message and data, and nothing else of where it happened.

import { describe, expect, test } from "vitest";
import { ActorError, call, defineService, RemoteError, send, type Schema, type SchemaResult } from "../actor/index.js";
import { peers } from "../testing/index.js";
import { ServiceMap } from "./index.js";

const Fail = defineService("fail", { it: call<void, unknown>(), tell: send(), ok: call<void, string>() });

/** What the caller of a handler that throws `thrown` gets; afterwards the connection must still serve. */
async function caught(thrown: unknown): Promise<RemoteError & { readonly maybeExecuted?: boolean }> {
  const services = new ServiceMap().add(Fail, {
    it: async () => {
      throw thrown;
    },
    tell() {},
    ok: () => "ok",
  });
  await using harness = await peers({ right: { services } });
  const fail = harness.left.address(Fail);
  const error = await fail.call("it").then(
    () => expect.fail("it was answered"),
    (error: RemoteError) => error,
  );
  expect(error).toBeInstanceOf(RemoteError);
  expect(await fail.call("ok")).toBe("ok");
  return error;
}

describe("a handler that throws", () => {
  test("reaches its caller as RemoteError with code, message and data", async () => {
    const error = await caught(Object.assign(new Error("no such book"), { code: "not-found", data: { isbn: 12 } }));
    expect(error).toMatchObject({ code: "not-found", message: "no such book", data: { isbn: 12 } });
  });

  test("an error without a code has handler-failed", async () => {
    expect(await caught(new TypeError("oops"))).toMatchObject({
      code: "handler-failed",
      message: "oops",
      data: undefined,
    });
  });

  test("a RemoteError crosses as it is, and is no failure of the handler", async () => {
    const failed: unknown[] = [];
    const services = new ServiceMap().add(Fail, {
      it: () => {
        throw new RemoteError("sold-out", "come back tomorrow", [1, 2]);
      },
      tell() {},
      ok: () => "",
    });
    await using harness = await peers({ right: { services } });
    harness.right.on("failed", (event) => failed.push(event));
    const error = { code: "sold-out", message: "come back tomorrow", data: [1, 2] };
    await expect(harness.left.address(Fail).call("it")).rejects.toMatchObject(error);
    expect(failed).toEqual([]);
  });

  test.each([
    ["a text", "just a text", "just a text"],
    ["a number", 42, "42"],
    ["undefined", undefined, "undefined"],
    ["null", null, "null"],
    ["a symbol", Symbol("s"), "Symbol(s)"],
    ["an object without a prototype", Object.create(null), "the handler failed"],
    ["a function", () => 1, expect.any(String)],
  ])("%s instead of an error: handler-failed with what can be said of it", async (_, thrown, message) => {
    expect(await caught(thrown)).toMatchObject({ code: "handler-failed", message });
  });

  test("an error whose properties throw when they are read does no harm", async () => {
    const hostile = Object.defineProperty(new Error("x"), "code", {
      get() {
        throw new Error("gotcha");
      },
    });
    expect(await caught(hostile)).toMatchObject({ code: "handler-failed" });
  });

  test("no stack, class name, path or cause crosses", async () => {
    class SecretDatabaseError extends Error {
      override name = "SecretDatabaseError";
      password = "hunter2";
    }
    const cause = new Error("the cause stays at home");
    const error = await caught(new SecretDatabaseError("query failed", { cause }));
    const { cause: crossed, data } = error;
    expect([crossed, data]).toEqual([undefined, undefined]);
    const everything = JSON.stringify(Object.entries(error)) + error.message + String(error.stack);
    for (const secret of ["SecretDatabaseError", "hunter2", "stays at home"]) expect(everything).not.toContain(secret);
    expect(error.name).toBe("RemoteError");
  });

  test("a huge message, code or data is cut: an error is never more than 4 KiB", async () => {
    const error = await caught(
      Object.assign(new Error("m".repeat(1_000_000)), { code: "c".repeat(1_000_000), data: "d".repeat(1_000_000) }),
    );
    expect(error.message.length).toBeGreaterThan(100);
    expect(error.message.length).toBeLessThanOrEqual(4096);
    expect(error.code.length).toBeLessThanOrEqual(128);
    expect(error.data).toBeUndefined();
    const small = await caught(Object.assign(new Error("m"), { data: "d".repeat(3000) }));
    expect(small.data).toBe("d".repeat(3000));
  });

  test("a long message of signs that take two units each is cut, and arrives", async () => {
    for (const shift of ["", "x"]) {
      const error = await caught(new Error(shift + "🙂".repeat(3000)));
      expect(error.code).toBe("handler-failed");
      expect(error.message.startsWith(`${shift}🙂`)).toBe(true);
      // A sign that is cut in half is replaced, since no reader would take it.
      expect(error.message).toMatch(/^x?(🙂)+\ufffd?$/u);
    }
  });

  test("data that cannot be sent is left out, code and message arrive", async () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    for (const data of [cycle, () => 1, Symbol("s")]) {
      const error = await caught(Object.assign(new Error("told"), { code: "odd", data }));
      expect(error).toMatchObject({ code: "odd", message: "told", data: undefined });
    }
  });

  test("synchronously or in a promise, in a call or in a send, is an event on its own side", async () => {
    const services = new ServiceMap().add(Fail, {
      it: () => {
        throw new Error("in a call");
      },
      tell: () => {
        throw new Error("in a send");
      },
      ok: async () => Promise.reject(new Error("in a promise")),
    });
    await using harness = await peers({ right: { services } });
    const failed: string[] = [];
    harness.right.on("failed", ({ service, message, error }) =>
      failed.push(`${service}.${message}: ${(error as Error).message}`),
    );
    const fail = harness.left.address(Fail);
    await expect(fail.call("it")).rejects.toMatchObject({ message: "in a call" });
    await expect(fail.call("ok")).rejects.toMatchObject({ message: "in a promise" });
    await fail.send("tell");
    await harness.flush();
    expect(failed).toEqual(["fail.it: in a call", "fail.ok: in a promise", "fail.tell: in a send"]);
  });

  test("an error of another layer keeps its code: a caller of ours that timed out tells its caller so", async () => {
    expect(await caught(new ActorError("mailbox-full", "no room"))).toMatchObject({
      name: "RemoteError",
      code: "mailbox-full",
    });
  });
});

describe("an answer", () => {
  const Odd = defineService("odd", {
    thenable: call<void, unknown>(),
    unsendable: call<void, unknown>(),
    huge: call<void, unknown>(),
  });

  test("that is a thenable is waited for; one that cannot be sent or is too long is an error to its caller", async () => {
    const services = new ServiceMap().add(Odd, {
      thenable: () => ({ then: (resolve: (value: string) => void) => resolve("later") }),
      unsendable: () => Symbol("s"),
      huge: () => "x".repeat(9000),
    });
    await using harness = await peers({ left: { limits: { messageBytesMax: 8192 } }, right: { services } });
    const failed: string[] = [];
    harness.right.on("failed", ({ message }) => failed.push(message));
    const odd = harness.left.address(Odd);
    expect(await odd.call("thenable")).toBe("later");
    await expect(odd.call("unsendable")).rejects.toMatchObject({ name: "RemoteError", code: "payload-unsupported" });
    await expect(odd.call("huge")).rejects.toMatchObject({ name: "RemoteError", code: "payload-too-long" });
    expect(failed).toEqual(["unsendable", "huge"]);
    expect(await odd.call("thenable")).toBe("later");
  });
});

describe("schemas", () => {
  /** The least that is a validator. */
  function schema<T>(validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>): Schema<T, T> {
    return { "~standard": { version: 1, vendor: "by-hand", validate } };
  }
  const whole = schema<number>((value) =>
    Number.isInteger(value) ? { value: value as number } : { issues: [{ message: "is no whole number", path: ["n"] }] },
  );
  const later = schema<number>(async (value) => ({ value: (value as number) * 2 }));
  const Checked = defineService("checked", {
    square: call({ input: whole, output: whole }),
    half: call({ input: whole, output: whole }),
    doubled: call({ input: later, output: whole }),
    note: send(whole),
  });
  const seen: unknown[] = [];
  const services = (): ServiceMap =>
    new ServiceMap().add(Checked, {
      square: (n) => n * n,
      half: (n) => n / 2,
      doubled: (n) => n,
      note: (n) => void seen.push(n),
    });

  test("check inputs on the handler's side: a wrong one is refused with its issues, and the handler never runs", async () => {
    await using harness = await peers({ right: { services: services() } });
    const checked = harness.left.address(Checked);
    expect(await checked.call("square", 12)).toBe(144);
    await expect(checked.call("square", "12" as never)).rejects.toMatchObject({
      name: "RemoteError",
      code: "input-invalid",
      message: "n: is no whole number",
      data: { issues: [{ path: ["n"], message: "is no whole number" }] },
    });
  });

  test("check outputs before they leave", async () => {
    await using harness = await peers({ right: { services: services() } });
    expect(await harness.left.address(Checked).call("half", 4)).toBe(2);
    await expect(harness.left.address(Checked).call("half", 3)).rejects.toMatchObject({ code: "output-invalid" });
  });

  test("may be asynchronous, and what they give back is what the handler gets", async () => {
    await using harness = await peers({ right: { services: services() } });
    expect(await harness.left.address(Checked).call("doubled", 21)).toBe(42);
  });

  test("keep a wrong send from its handler, and the sender's credit comes back", async () => {
    seen.length = 0;
    await using harness = await peers({ right: { services: services(), limits: { sendsMax: 1 } } });
    for (const n of [1, 1.5, 2]) await harness.left.address(Checked).send("note", n);
    await harness.flush();
    expect(seen).toEqual([1, 2]);
  });
});

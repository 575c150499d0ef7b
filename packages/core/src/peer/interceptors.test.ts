// What is done around messages on either side of a connection.

import { describe, expect, test } from "vitest";
import {
  call,
  defineService,
  intercept,
  RemoteError,
  retry,
  send,
  spawn,
  stream,
  validated,
  type Interceptor,
  type Schema,
} from "../actor/index.js";
import { peers, SeededRandom, VirtualClock } from "../testing/index.js";
import { PeerError, ServiceMap } from "./index.js";

const Shop = defineService("shop", {
  price: call<string, number>({ idempotent: true }),
  order: call<string, string>(),
  visited: send<string>(),
  items: stream<number, string>(),
});

function shop(visits: string[] = [], interceptors: readonly Interceptor[] = []): ServiceMap {
  return new ServiceMap({ interceptors }).add(Shop, {
    price: (item) => item.length,
    order: (item, { metadata }) => `${item} for ${metadata["user"] ?? "nobody"}`,
    visited: (line) => void visits.push(line),
    *items(to) {
      for (let i = 0; i < to; i++) yield `item ${i}`;
    },
  });
}

/** Writes down what passes, before and after. */
function logger(log: string[], name: string): Interceptor {
  return async ({ side, message, kind }, next) => {
    log.push(`${name} ${side} ${kind} ${message}`);
    const result = await next();
    log.push(`${name} done`);
    return result;
  };
}

describe("interceptors", () => {
  test("run around calls, sends and streams on both sides, the first one outermost", async () => {
    const log: string[] = [];
    const services = shop([], [logger(log, "c"), logger(log, "d")]);
    await using harness = await peers({ right: { services } });
    const address = intercept(harness.left.address(Shop), logger(log, "a"), logger(log, "b"));
    expect(await address.call("price", "tea")).toBe(3);
    expect(log).toEqual([
      "a caller call price",
      "b caller call price",
      "c handler call price",
      "d handler call price",
      "d done",
      "c done",
      "b done",
      "a done",
    ]);
    log.length = 0;
    await address.send("visited", "me");
    const items: string[] = [];
    for await (const item of address.stream("items", 2)) items.push(item);
    expect(items).toEqual(["item 0", "item 1"]);
    expect(log.filter((line) => line.startsWith("a"))).toEqual([
      "a caller send visited",
      "a done",
      "a caller stream items",
      "a done",
    ]);
  });

  test("carry metadata from caller to handler, where one authenticates", async () => {
    const authenticate: Interceptor = ({ metadata }, next) => {
      if (metadata["token"] !== "secret") throw new RemoteError("unauthenticated", "who are you?");
      return next({ metadata: { user: "ada" } });
    };
    await using harness = await peers({ right: { services: shop([], [authenticate]) } });
    const address = harness.left.address(Shop);
    await expect(address.call("order", "tea")).rejects.toMatchObject({ code: "unauthenticated" });
    const token: Interceptor = (message, next) => next({ metadata: { ...message.metadata, token: "secret" } });
    expect(await intercept(address, token).call("order", "tea")).toBe("tea for ada");
    await expect(address.stream("items", 1).next()).rejects.toMatchObject({ code: "unauthenticated" });
    expect((await intercept(address, token).stream("items", 1).next()).value).toBe("item 0");
  });

  test("see the handler's context, change inputs, and answer in its place", async () => {
    const seen: unknown[] = [];
    const services = shop(
      [],
      [
        ({ context, input, message }, next) => {
          seen.push((context as { peer: { remote: { name: string } } }).peer.remote.name);
          return message === "price" ? 42 : next({ input: `more ${String(input)}` });
        },
      ],
    );
    await using harness = await peers({ left: { name: "ada" }, right: { services } });
    const address = harness.left.address(Shop);
    expect(await address.call("price", "tea")).toBe(42);
    expect(await address.call("order", "tea")).toBe("more tea for nobody");
    expect(seen).toEqual(["ada", "ada"]);
  });

  test("are around an actor of this program as well, and without any the address is the same", async () => {
    await using actor = spawn(Shop, () => ({ price: () => 1, order: () => "", visited() {}, items: () => [] }));
    const log: string[] = [];
    expect(await intercept(actor, logger(log, "a")).call("price", "x")).toBe(1);
    expect(log).toEqual(["a caller call price", "a done"]);
    expect(intercept(actor)).toBe(actor);
    expect(intercept(actor, logger(log, "a")).trySend("visited", "x")).toBe(true);
  });
});

describe("retry()", () => {
  function flaky(failures: number, error: Error): { readonly interceptor: Interceptor; readonly tried: () => number } {
    let tried = 0;
    return {
      interceptor: (_, next) => {
        if (++tried <= failures) throw error;
        return next();
      },
      tried: () => tried,
    };
  }
  const lost = new PeerError("connection-lost", "gone", { maybeExecuted: true });

  test("tries what is idempotent again, after pauses by chance that grow", async () => {
    const clock = new VirtualClock();
    const { interceptor, tried } = flaky(2, lost);
    await using actor = spawn(Shop, () => ({ price: () => 7, order: () => "", visited() {}, items: () => [] }));
    const random = new SeededRandom(1);
    const address = intercept(actor, retry({ clock, random, delayMs: 100 }), interceptor);
    const asked = address.call("price", "tea");
    await clock.flush();
    expect(tried()).toBe(1);
    await clock.advance(100);
    await clock.advance(200);
    expect(await asked).toBe(7);
    expect(tried()).toBe(3);
    expect(clock.pending).toBe(0);
  });

  test.each<[string, Error, "price" | "order"]>([
    ["not what is not idempotent", lost, "order"],
    ["not what its handler refused", new RemoteError("unknown-item", "no"), "price"],
    ["not what has taken too long", new PeerError("timeout", "late"), "price"],
  ])("%s", async (_, error, message) => {
    const { interceptor, tried } = flaky(1, error);
    await using actor = spawn(Shop, () => ({ price: () => 7, order: () => "", visited() {}, items: () => [] }));
    const address = intercept(actor, retry({ clock: new VirtualClock() }), interceptor);
    await expect(address.call(message, "tea")).rejects.toBe(error);
    expect(tried()).toBe(1);
  });

  test("gives up at the caller's deadline, at its signal, and after the last attempt", async () => {
    const clock = new VirtualClock();
    await using actor = spawn(Shop, () => ({ price: () => 7, order: () => "", visited() {}, items: () => [] }));
    const always = flaky(100, lost);
    const random = new SeededRandom(1);
    const address = intercept(actor, retry({ attempts: 3, clock, random, delayMs: 10 }), always.interceptor);
    const last = expect(address.call("price", "tea")).rejects.toBe(lost);
    await clock.advance(1000);
    await last;
    expect(always.tried()).toBe(3);
    await expect(address.call("price", "tea", { timeoutMs: 0.001 })).rejects.toBe(lost);
    const controller = new AbortController();
    const aborted = expect(address.call("price", "tea", { signal: controller.signal })).rejects.toBe(lost);
    await clock.flush();
    controller.abort();
    await aborted;
    expect(clock.pending).toBe(0);
  });
});

describe("validated()", () => {
  const digits: Schema<string, number> = {
    "~standard": {
      version: 1,
      vendor: "by-hand",
      validate: (value) =>
        typeof value === "string" && /^\d+$/.test(value)
          ? { value: Number(value) }
          : { issues: [{ message: "no digits", path: ["text"] }] },
    },
  };
  const Parser = defineService("parser", {
    twice: call({ input: digits, output: digits }),
    each: stream({ output: digits }),
  });

  test("refuses an input before it leaves, and an output before its caller gets it; each schema is applied once", async () => {
    const inputs: number[] = [];
    const services = new ServiceMap().add(
      Parser,
      {
        twice: (n) => {
          inputs.push(Number(n));
          return String(n) === "13" ? "thirteen" : `${n}${n}`;
        },
        *each() {
          yield "1";
          yield "two";
        },
      },
      { validate: false },
    );
    await using harness = await peers({ right: { services } });
    const parser = validated(harness.left.address(Parser));
    await expect(parser.call("twice", "no")).rejects.toMatchObject({
      code: "input-invalid",
      message: "text: no digits",
    });
    expect(inputs).toEqual([]);
    expect(await parser.call("twice", "4")).toBe(44);
    await expect(parser.call("twice", "13")).rejects.toMatchObject({ code: "output-invalid" });
    const each = parser.stream("each");
    expect(await each.next()).toEqual({ done: false, value: 1 });
    await expect(each.next()).rejects.toMatchObject({
      code: "output-invalid",
      data: { issues: [{ path: ["outputs", 1, "text"] }] },
    });
  });
});

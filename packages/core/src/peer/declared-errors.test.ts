// The errors that a contract declares: checked where they are thrown, told apart where they arrive.

import { describe, expect, test } from "vitest";
import { call, defineService, failureOf, spawn, stream, type Address, type Schema } from "../actor/index.js";
import { RemoteError } from "../actor/index.js";
import { peers } from "../testing/index.js";
import { ServiceMap } from "./index.js";

const item: Schema<{ item: string }> = {
  "~standard": {
    version: 1,
    vendor: "by-hand",
    validate: (value) =>
      typeof (value as { item?: unknown } | undefined)?.item === "string"
        ? { value: value as { item: string } }
        : { issues: [{ message: "is no text", path: ["item"] }] },
  },
};
const later: Schema<number> = {
  "~standard": { version: 1, vendor: "by-hand", validate: async (value) => ({ value: (value as number) * 2 }) },
};

const Shop = defineService("shop", {
  price: call({ output: later, errors: { unknown: item, later } }),
  byTypes: call<string, number, never, { sold: { until: number } }>(),
  items: stream({ errors: { unknown: item } }),
});

let thrown: () => unknown = () => undefined;
const handlers = {
  price(): never {
    throw thrown();
  },
  byTypes(): never {
    throw thrown();
  },
  *items(): Generator<never> {
    throw thrown();
  },
};

describe.each<[string, () => Promise<{ shop: Address<typeof Shop> } & AsyncDisposable>]>([
  [
    "behind a peer",
    async () => {
      const harness = await peers({ right: { services: new ServiceMap().add(Shop, handlers) } });
      return { shop: harness.left.address(Shop), [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
    },
  ],
  [
    "of an actor of this program",
    async () => {
      const shop = spawn(Shop, () => handlers);
      return { shop, [Symbol.asyncDispose]: () => shop.close() };
    },
  ],
])("a declared error %s", (_, make) => {
  async function caught(ask: (shop: Address<typeof Shop>) => Promise<unknown>): Promise<unknown> {
    await using place = await make();
    return await ask(place.shop).catch((error: unknown) => error);
  }

  test("arrives with its code, its message and its data as its schema made it", async () => {
    thrown = () => new RemoteError("unknown", "we have no tea", { item: "tea" });
    const error = await caught((shop) => shop.call("price"));
    expect(error).toMatchObject({ name: "RemoteError", code: "unknown", message: "we have no tea" });
    const failure = failureOf(Shop, "price", error);
    expect(failure).toEqual({ code: "unknown", data: { item: "tea" }, message: "we have no tea" });
    thrown = () => new RemoteError("later", "wait", 21);
    expect(failureOf(Shop, "price", await caught((shop) => shop.call("price")))).toMatchObject({
      code: "later",
      data: 42,
    });
  });

  test("with data that its schema refuses arrives as output-invalid, which names it", async () => {
    thrown = () => new RemoteError("unknown", "we have no tea", { item: 5 });
    const error = await caught((shop) => shop.call("price"));
    expect(error).toMatchObject({ code: "output-invalid", message: "errors.unknown.item: is no text" });
    expect(failureOf(Shop, "price", error)).toBeUndefined();
  });

  test("ends a stream", async () => {
    thrown = () => new RemoteError("unknown", "none", { item: "tea" });
    const error = await caught((shop) => shop.stream("items").next());
    expect(failureOf(Shop, "items", error)).toMatchObject({ code: "unknown", data: { item: "tea" } });
  });

  test("of types alone is every error that has no code of Troupe's own", async () => {
    thrown = () => new RemoteError("sold", "sold out", { until: 5 });
    const error = await caught((shop) => shop.call("byTypes", "tea"));
    expect(failureOf(Shop, "byTypes", error)?.data.until).toBe(5);
    thrown = () => new Error("broken");
    expect(failureOf(Shop, "byTypes", await caught((shop) => shop.call("byTypes", "tea")))).toBeUndefined();
  });

  test("is none of an undeclared code, and others arrive as they are", async () => {
    thrown = () => new RemoteError("else", "else", 1);
    const error = await caught((shop) => shop.call("price"));
    expect(error).toMatchObject({ code: "else", data: 1 });
    expect(failureOf(Shop, "price", error)).toBeUndefined();
    expect(failureOf(Shop, "price", new Error("no"))).toBeUndefined();
  });
});

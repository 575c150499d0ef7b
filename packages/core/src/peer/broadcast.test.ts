// One value for many subscribers, here and over connections.

import { describe, expect, test, vi } from "vitest";
import { Broadcast, defineService, stream, type BroadcastOptions } from "../actor/index.js";
import { peers } from "../testing/index.js";
import { troupeCbor } from "../wire/index.js";
import { ServiceMap } from "./index.js";

interface Price {
  readonly of: string;
  readonly value: number;
}

const Prices = defineService("prices", { all: stream<void, Price>() });

function providing(prices: Broadcast<Price>): ServiceMap {
  return new ServiceMap().add(Prices, { all: () => prices.subscribe() });
}

/** Takes so many values out of a subscription. */
async function taken<T>(values: AsyncIterable<T>, count: number): Promise<T[]> {
  const list: T[] = [];
  if (count === 0) return list;
  for await (const value of values) if (list.push(value) === count) break;
  return list;
}

const price = (of: string, value: number): Price => ({ of, value });

describe("a broadcast", () => {
  test("gives every subscriber what is published from then on, in order, and encodes it once", async () => {
    const prices = new Broadcast<Price>();
    const services = providing(prices);
    const harnesses = await Promise.all(Array.from({ length: 5 }, () => peers({ right: { services } })));
    const readers = harnesses.map(({ left }) => taken(left.address(Prices).stream("all"), 100));
    const here = taken(prices.subscribe(), 100);
    await expect.poll(() => prices.subscribers).toBe(6);
    const encode = vi.spyOn(troupeCbor, "encode");
    for (let i = 0; i < 100; i++) prices.publish(price("a", i));
    const expected = Array.from({ length: 100 }, (_, i) => price("a", i));
    for (const reader of readers) expect(await reader).toEqual(expected);
    expect(await here).toEqual(expected);
    expect(encode).toHaveBeenCalledTimes(100);
    for (const harness of harnesses) await harness[Symbol.asyncDispose]();
    expect(prices.subscribers).toBe(0);
  });

  test("loses a subscriber with its connection, with its consumer, and with its signal", async () => {
    const prices = new Broadcast<Price>();
    const services = providing(prices);
    const harness = await peers({ right: { services } });
    const lost = expect(taken(harness.left.address(Prices).stream("all"), 1)).rejects.toMatchObject({
      code: "connection-lost",
    });
    const controller = new AbortController();
    const aborted = taken(prices.subscribe({ signal: controller.signal }), 1);
    const left = prices.subscribe();
    await expect.poll(() => prices.subscribers).toBe(3);
    harness.cut();
    controller.abort();
    await left.return?.();
    await lost;
    expect(await aborted).toEqual([]);
    await expect.poll(() => prices.subscribers).toBe(0);
    await harness[Symbol.asyncDispose]();
  });

  test("that is closed gives out what waits, and ends", async () => {
    const prices = new Broadcast<Price>();
    await using harness = await peers({ right: { services: providing(prices) } });
    const all = taken(harness.left.address(Prices).stream("all"), Infinity);
    const before = prices.subscribe();
    await expect.poll(() => prices.subscribers).toBe(2);
    prices.publish(price("a", 1));
    prices.close();
    expect(await all).toEqual([price("a", 1)]);
    expect(await taken(before, Infinity)).toEqual([price("a", 1)]);
    expect(await taken(prices.subscribe(), Infinity)).toEqual([]);
  });
});

/** What a subscriber gets that takes nothing until ten values of two kinds were published. */
async function slow(options: BroadcastOptions<Price>, count: number): Promise<{ got: Price[]; dropped: number }> {
  const prices = new Broadcast<Price>(options);
  const subscription = prices.subscribe();
  for (let i = 0; i < 10; i++) prices.publish(price(i % 2 === 0 ? "even" : "odd", i));
  const { dropped } = subscription;
  return { got: await taken(subscription, count), dropped };
}

describe("a subscriber that is slow", () => {
  test("loses the oldest values, and knows how many", async () => {
    const { got, dropped } = await slow({ capacity: 4 }, 4);
    expect(got.map(({ value }) => value)).toEqual([6, 7, 8, 9]);
    expect(dropped).toBe(6);
  });

  test("gets the newest of each key", async () => {
    const { got, dropped } = await slow({ capacity: 4, key: ({ of }) => of }, 2);
    expect(got).toEqual([price("even", 8), price("odd", 9)]);
    expect(dropped).toBe(8);
  });

  test("of more keys than there is room for loses the oldest", async () => {
    const { got } = await slow({ capacity: 3, key: ({ value }) => value }, 3);
    expect(got.map(({ value }) => value)).toEqual([7, 8, 9]);
  });

  test("is disconnected, if that is what is wanted, here and elsewhere", async () => {
    await expect(slow({ capacity: 4, overflow: "disconnect" }, 4)).rejects.toMatchObject({ code: "subscriber-slow" });
    const prices = new Broadcast<Price>({ capacity: 4, overflow: "disconnect" });
    await using harness = await peers({
      left: { limits: { streamItems: 2 } },
      right: { services: providing(prices) },
    });
    const values = harness.left.address(Prices).stream("all");
    const first = values.next();
    await expect.poll(() => prices.subscribers).toBe(1);
    for (let i = 0; i < 100; i++) {
      prices.publish(price("a", i));
      await harness.flush();
    }
    expect(prices.subscribers).toBe(0);
    expect(await first).toMatchObject({ value: price("a", 0) });
    await expect(taken({ [Symbol.asyncIterator]: () => values }, 100)).rejects.toMatchObject({
      code: "subscriber-slow",
    });
  });

  test("changes nothing for the others", async () => {
    const prices = new Broadcast<Price>({ capacity: 10 });
    await using harness = await peers({ left: { limits: { streamItems: 1 } }, right: { services: providing(prices) } });
    const stuck = harness.left.address(Prices).stream("all");
    void stuck.next();
    const quick = prices.subscribe();
    await expect.poll(() => prices.subscribers).toBe(2);
    for (let i = 0; i < 1000; i++) {
      prices.publish(price("a", i));
      expect((await quick.next()).value).toEqual(price("a", i));
    }
    expect(quick.dropped).toBe(0);
    await stuck.return?.();
  });

  test.each([
    { capacity: 0 },
    { capacity: NaN },
    { overflow: "conflate" as const },
    { key: String, overflow: "disconnect" as const },
  ])("%o throws option-invalid", (options) => {
    expect(() => new Broadcast(options)).toThrow(expect.objectContaining({ code: "option-invalid" }));
  });
});

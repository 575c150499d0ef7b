// One publisher's values on their way to those who are fast, slow, frozen, late or gone, without any connection.

import { describe, expect, test } from "vitest";
import type { ItemSource } from "../actor/index.js";
import { VirtualClock } from "../testing/index.js";
import { Feed, type FeedOptions } from "./feed.js";

describe("feed", () => {
  function feed(options: Partial<FeedOptions> = {}) {
    const clock = new VirtualClock();
    const made = new Feed({
      clock,
      keep: 0,
      capacity: 4,
      bytesMax: 1000,
      slow: "drop-oldest",
      blockMs: 100,
      matched: () => {},
      failed: () => {},
      ...options,
    });
    return { clock, feed: made };
  }

  async function all(subscription: ReturnType<Feed["subscribe"]>, count: number): Promise<number[]> {
    const sequences: number[] = [];
    for (let i = 0; i < count; i++)
      sequences.push(((await subscription.next()).value as readonly [number, unknown])[0]);
    return sequences;
  }

  /** Takes a value as a connection does: as bytes. */
  async function encoded(source: ItemSource, bytes: number): Promise<void> {
    const { value } = (await source.next()) as {
      value: { encoded(format: unknown, encode: () => Uint8Array): unknown };
    };
    value.encoded("f", () => new Uint8Array(bytes));
  }

  test("a slow subscriber misses the oldest, exactly counted, and a fast one nothing", async () => {
    const { feed: made } = feed();
    const [slow, fast] = [made.subscribe(undefined, 0), made.subscribe(undefined, 0)];
    const seen: number[] = [];
    for (let n = 1; n <= 10; n++) {
      await made.publish(n);
      seen.push(...(await all(fast, 1)));
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await all(slow, 4)).toEqual([7, 8, 9, 10]);
    expect(made.stats).toEqual({ published: 10, dropped: 6, disconnected: 0 });
  });

  test("a slow subscriber is disconnected when that was asked for", async () => {
    const { feed: made } = feed({ slow: "disconnect" });
    const slow = made.subscribe(undefined, 0);
    for (let n = 1; n <= 5; n++) await made.publish(n);
    await expect(slow.next()).rejects.toMatchObject({ code: "subscriber-slow" });
    expect(made.stats.disconnected).toBe(1);
    expect(made.subscribers).toBe(0);
  });

  test("a slow subscriber is waited for as long as it takes, but no longer than that", async () => {
    const { feed: made, clock } = feed({ slow: "block" });
    const slow = made.subscribe(undefined, 0);
    for (let n = 1; n <= 3; n++) await made.publish(n);
    let isDone = false;
    const blocked = made.publish(4).then(() => (isDone = true));
    await clock.flush();
    expect(isDone).toBe(false);
    await all(slow, 1);
    await blocked;
    const late = made.publish(5);
    await clock.advance(100);
    await late;
    expect(await all(slow, 3)).toEqual([3, 4, 5]);
    expect(made.stats.dropped).toBe(1);
  });

  test("a publisher goes on at once when the last one is there again, also if it has missed something meanwhile", async () => {
    const { feed: made, clock } = feed({ slow: "block" });
    const slow = made.subscribe(undefined, 0);
    for (let n = 1; n <= 3; n++) await made.publish(n);
    let isDone = false;
    void made.publish(4).then(() => (isDone = true));
    // Somebody publishes without waiting: the first ones are gone.
    void made.publish(5);
    void made.publish(6);
    expect(await all(slow, 4)).toEqual([3, 4, 5, 6]);
    await clock.flush();
    expect(isDone).toBe(true);
  });

  test("who was waited for in vain is waited for again when it has taken something, and not before", async () => {
    const { feed: made, clock } = feed({ slow: "block" });
    const frozen = made.subscribe(undefined, 0);
    for (let n = 1; n <= 3; n++) await made.publish(n);
    const waiting = made.publish(4);
    await clock.advance(100);
    await waiting;
    // Without any time going by.
    for (let n = 5; n <= 1000; n++) await made.publish(n);
    expect(await all(frozen, 1)).toEqual([997]);
    let isDone = false;
    void made.publish(1001).then(() => (isDone = true));
    await clock.flush();
    expect(isDone).toBe(false);
    await all(frozen, 1);
    await clock.flush();
    expect(isDone).toBe(true);
    expect(made.stats.dropped).toBe(996);
  });

  test("somebody is waited for as well when it is behind by too many bytes, and no longer than that", async () => {
    const { feed: made, clock } = feed({ slow: "block", capacity: 100, bytesMax: 100 });
    const slow = made.subscribe(undefined, 0);
    const value = new Uint8Array(30);
    // Four of them are more than 100 bytes.
    for (let n = 1; n <= 3; n++) await made.publish(value);
    let isDone = false;
    const fourth = made.publish(value).then(() => (isDone = true));
    await clock.flush();
    expect(isDone).toBe(false);
    expect(await all(slow, 1)).toEqual([1]);
    await fourth;
    const fifth = made.publish(value);
    await clock.advance(100);
    await fifth;
    expect(await all(slow, 3)).toEqual([3, 4, 5]);
    expect(made.stats.dropped).toBe(1);
  });

  test("who comes back goes on where it was, as far as that is kept", async () => {
    const { feed: made } = feed({ keep: 4 });
    for (let n = 1; n <= 6; n++) await made.publish(n);
    expect(await all(made.subscribe(4, 0), 2)).toEqual([5, 6]);
    expect(await all(made.subscribe(1, 0), 4)).toEqual([3, 4, 5, 6]);
    expect(await all(made.subscribe(undefined, 2), 2)).toEqual([5, 6]);
    expect(await all(made.subscribe(undefined, 100), 4)).toEqual([3, 4, 5, 6]);
  });

  test("bytes are bounded as well as values", async () => {
    const { feed: made } = feed({ capacity: 100, bytesMax: 100 });
    const slow = made.subscribe(undefined, 0);
    const source = made.subscribe(undefined, 0).shared();
    for (let n = 1; n <= 10; n++) {
      await made.publish(n);
      await encoded(source, 30);
    }
    expect(await all(slow, 1)).toEqual([8]);
  });

  test.each([
    ["bytes", new Uint8Array(1000)],
    ["text", "x".repeat(1000)],
    ["an object", { name: "x".repeat(500), more: [new Uint8Array(500)] }],
  ])("values that nobody has encoded yet are bounded by what they will take: %s", async (_what, value) => {
    const { feed: made } = feed({ capacity: 100, bytesMax: 10_000 });
    const slow = made.subscribe(undefined, 0);
    for (let n = 1; n <= 50; n++) await made.publish(value);
    const [[first = 0] = []] = [await all(slow, 1)];
    expect(first).toBeGreaterThan(40);
    expect(made.stats.dropped).toBe(first - 1);
  });

  test("bytes that nobody holds any more do not count", async () => {
    const { feed: made } = feed({ capacity: 100, bytesMax: 2000 });
    for (let round = 0; round < 100; round++) {
      const source = made.subscribe(undefined, 0).shared();
      await made.publish(round);
      await encoded(source, 30);
      await source.return?.();
      await made.publish("nobody");
    }
    const late = made.subscribe(undefined, 0);
    for (let n = 1; n <= 50; n++) await made.publish(n);
    expect(await all(late, 50)).toHaveLength(50);
    expect(made.stats.dropped).toBe(0);
  });

  test("a feed that is closed ends its subscriptions once what was published is taken", async () => {
    const { feed: made } = feed();
    const subscription = made.subscribe(undefined, 0);
    await made.publish("last");
    made.close();
    expect((await subscription.next()).value).toEqual([1, "last"]);
    expect((await subscription.next()).done).toBe(true);
    expect((await made.subscribe(undefined, 0).next()).done).toBe(true);
  });

  test("whoever leaves a closed feed before the end has missed what is left, and before it is closed nothing", async () => {
    const { feed: made } = feed({ capacity: 10 });
    const [gone, cut] = [made.subscribe(undefined, 0), made.subscribe(undefined, 0)];
    for (let n = 1; n <= 5; n++) await made.publish(n);
    await gone.return();
    expect(await all(cut, 2)).toEqual([1, 2]);
    made.close();
    await cut.return();
    await cut.return();
    expect(made.stats.dropped).toBe(3);
  });
});

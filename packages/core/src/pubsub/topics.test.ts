// Publishers and subscribers of one host, over memory transport and virtual time: who gets what, who is waited for, and who
// is told that it does not fit.

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { SeededRandom, SelfDrivenClock, VirtualClock } from "../testing/index.js";
import { memory, type Transport } from "../transport/index.js";
import type { ItemSource } from "../actor/index.js";
import { connect } from "../peer/index.js";
import { ENDS_MAX } from "./announcement.js";
import { domainOf } from "./beacon.js";
import { Feed, type FeedOptions } from "./feed.js";
import { ParticipantProtocol } from "./protocol.js";
import { defineTopic, startParticipant, type Participant, type TopicEvent, type TopicSubscription } from "./index.js";

const Pose = defineTopic<{ x: number }>("pose");
const Kept = defineTopic<number>("kept", { history: { keep: 3 } });

class Ground implements AsyncDisposable {
  readonly virtual = new VirtualClock();
  readonly clock = new SelfDrivenClock(this.virtual);
  readonly random = new SeededRandom(4);
  readonly transports = [memory({ isPrivate: true, clock: this.clock })];
  readonly programs: Participant[] = [];

  async program(host = "host", known: readonly string[] = []): Promise<Participant> {
    const name = `p${this.programs.length}`;
    const participant = await startParticipant({
      name,
      transports: this.transports,
      localEndpoint: `memory://${host}`,
      adminEndpoint: `memory://admin-${host}-${name}`,
      dataEndpoints: [`memory://data-${host}-${name}`],
      known,
      clock: this.clock,
      random: this.random,
    });
    this.programs.push(participant);
    return participant;
  }

  flush(): Promise<void> {
    return this.virtual.advance(50);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = Promise.all(this.programs.map((each) => each.close()));
    await this.virtual.advance(20_000);
    await closing;
    await this.virtual.advance(20_000);
    expect(this.virtual.pending).toBe(0);
  }
}

async function taken<T>(subscription: TopicSubscription<T>, count: number): Promise<T[]> {
  const values: T[] = [];
  while (values.length < count) {
    const { value } = await subscription.next();
    if (value === undefined) break;
    values.push(value.value);
  }
  return values;
}

describe("topics", () => {
  test("the second program of a host joins the first, and values go from one to the other in order", async () => {
    await using ground = new Ground();
    const [one, two] = [await ground.program(), await ground.program()];
    expect([one.isHost, two.isHost]).toEqual([true, false]);
    expect(two.participant).toBe(one.id);
    const publisher = two.publisher(Pose);
    const subscription = one.subscribe(Pose);
    await ground.flush();
    expect([publisher.matched, subscription.matched]).toEqual([1, 1]);
    for (let x = 0; x < 100; x++) await publisher.publish({ x });
    expect(await taken(subscription, 100)).toEqual(Array.from({ length: 100 }, (_, x) => ({ x })));
    const next = subscription.next();
    await publisher.publish({ x: 100 });
    expect((await next).value).toMatchObject({
      value: { x: 100 },
      sequence: 101,
      missed: 0,
      source: { participant: one.id, program: two.id },
    });
  });

  test("participants of two hosts exchange who is there, once, and values go directly", async () => {
    await using ground = new Ground();
    const near = await ground.program("near");
    const far = await ground.program("far", ["memory://admin-near-p0"]);
    const third = await ground.program("far");
    await ground.virtual.advance(1000);
    expect(near.participant).not.toBe(far.participant);
    const subscriptions = [near.subscribe(Pose), far.subscribe(Pose)];
    const publisher = third.publisher(Pose);
    await ground.virtual.advance(500);
    expect(publisher.matched).toBe(2);
    await publisher.publish({ x: 7 });
    for (const subscription of subscriptions) expect(await taken(subscription, 1)).toEqual([{ x: 7 }]);
    expect(near.topics).toEqual([{ topic: "pose", publishers: 1, subscribers: 2 }]);
  });

  test("nobody who subscribes, nothing that is kept; and a subscriber who leaves is not counted any more", async () => {
    await using ground = new Ground();
    const [one, two] = [await ground.program(), await ground.program()];
    const publisher = one.publisher(Pose);
    for (let x = 0; x < 10; x++) await publisher.publish({ x });
    const subscription = two.subscribe(Pose);
    await ground.flush();
    expect(publisher.matched).toBe(1);
    await publisher.publish({ x: 10 });
    expect((await subscription.next()).value).toMatchObject({ sequence: 11, missed: 0 });
    subscription.close();
    await ground.flush();
    expect(publisher.matched).toBe(0);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  test("who comes late gets what is kept", async () => {
    await using ground = new Ground();
    const [one, two] = [await ground.program(), await ground.program()];
    const publisher = one.publisher(Kept);
    for (let n = 1; n <= 10; n++) await publisher.publish(n);
    expect(await taken(two.subscribe(Kept), 3)).toEqual([8, 9, 10]);
    expect(await taken(one.subscribe(Kept), 3)).toEqual([8, 9, 10]);
  });

  test("a program that ends takes its publishers with it, and one that was host leaves the place to another", async () => {
    await using ground = new Ground();
    const [host, two, three] = [await ground.program(), await ground.program(), await ground.program()];
    const publisher = two.publisher(Pose);
    const subscription = three.subscribe(Pose);
    await ground.flush();
    const closing = host.close();
    await ground.virtual.advance(2000);
    await closing;
    expect([two.isHost, three.isHost].filter(Boolean)).toHaveLength(1);
    await publisher.publish({ x: 1 });
    expect(await taken(subscription, 1)).toEqual([{ x: 1 }]);
    const late = await ground.program();
    const another = late.subscribe(Pose);
    await ground.virtual.advance(500);
    await publisher.publish({ x: 2 });
    expect(await taken(another, 1)).toEqual([{ x: 2 }]);
    const ending = two.close();
    await ground.virtual.advance(500);
    await ending;
    expect(another.matched).toBe(0);
  });

  test("what was published before a publisher closed still comes", async () => {
    await using ground = new Ground();
    const [one, two] = [await ground.program(), await ground.program()];
    const publisher = one.publisher(Pose);
    const subscription = two.subscribe(Pose);
    await ground.flush();
    for (let x = 0; x < 500; x++) await publisher.publish({ x });
    publisher.close();
    await ground.flush();
    expect(await taken(subscription, 500)).toHaveLength(500);
    expect(subscription.missed).toBe(0);
    await ground.flush();
    expect(subscription.matched).toBe(0);
  });

  test("a value that cannot be sent is missed, told, and in nobody's way", async () => {
    await using ground = new Ground();
    const [one, two] = [await ground.program(), await ground.program()];
    const told: TopicEvent[] = [];
    one.on("unsendable", (event) => told.push(event));
    const publisher = one.publisher(defineTopic<unknown>("any"));
    const subscription = two.subscribe(defineTopic<unknown>("any"));
    await ground.flush();
    for (const value of [1, () => 1, 2, Symbol("s"), 3]) await publisher.publish(value);
    expect(await taken(subscription, 3)).toEqual([1, 2, 3]);
    expect(subscription.missed).toBe(2);
    expect(told).toHaveLength(2);
  });

  test("many subscriptions to one topic all get values, and leave nothing behind when they are closed at once", async () => {
    await using ground = new Ground();
    const [one, two] = [await ground.program(), await ground.program()];
    const publisher = one.publisher(Pose);
    const subscriptions = Array.from({ length: 300 }, () => two.subscribe(Pose));
    await ground.flush();
    expect(publisher.matched).toBe(300);
    await publisher.publish({ x: 1 });
    for (const each of subscriptions) expect(await taken(each, 1)).toEqual([{ x: 1 }]);
    for (const each of subscriptions) each.close();
    for (let i = 0; i < 50; i++) two.subscribe(Pose).close();
    await ground.virtual.advance(1000);
    expect(publisher.matched).toBe(0);
  });

  test("a program has as many publishers and subscribers as others will hear of, and no more", async () => {
    await using ground = new Ground();
    const [one, two] = [await ground.program(), await ground.program()];
    const publishers = Array.from({ length: ENDS_MAX }, (_, index) => one.publisher(defineTopic(`topic ${index}`)));
    await ground.virtual.advance(1000);
    expect(two.topics).toHaveLength(ENDS_MAX);
    expect(() => one.publisher(Pose)).toThrow(expect.objectContaining({ code: "ends-exceeded" }));
    expect(() => one.subscribe(Pose)).toThrow(expect.objectContaining({ code: "ends-exceeded" }));
    for (const each of publishers.slice(1)) each.close();
    one.subscribe(Pose);
    await ground.virtual.advance(1000);
    expect(two.topics).toHaveLength(2);
  });

  test("a stranger from another host cannot speak for a program of this one", async () => {
    await using ground = new Ground();
    const one = await ground.program();
    const options = { transports: ground.transports, clock: ground.clock };
    const stranger = await connect("memory://admin-host-p0", options);
    const introduction = { id: one.id, role: "program" as const, domain: domainOf("default") };
    const introduce = stranger.address(ParticipantProtocol).call("introduce", introduction);
    await expect(introduce).rejects.toMatchObject({ code: "announcement-invalid" });
    await stranger.close();
  });

  test("somebody who comes by the id of a participant that answers is sent away, and changes nothing", async () => {
    await using ground = new Ground();
    const near = await ground.program("near");
    const far = await ground.program("far", ["memory://admin-near-p0"]);
    await ground.virtual.advance(1000);
    const lost: unknown[] = [];
    near.on("lost", (event) => lost.push(event));
    const stranger = await connect("memory://admin-near-p0", { transports: ground.transports, clock: ground.clock });
    const introduction = { id: far.id, role: "participant", domain: domainOf("default") } as const;
    await stranger.address(ParticipantProtocol).call("introduce", introduction);
    await ground.virtual.advance(2000);
    expect(stranger.state).toBe("closed");
    expect(lost).toEqual([]);
    const subscription = near.subscribe(Pose);
    const publisher = far.publisher(Pose);
    await ground.virtual.advance(500);
    await publisher.publish({ x: 1 });
    expect(await taken(subscription, 1)).toEqual([{ x: 1 }]);
  });

  test("a program that cannot take its host's seat says so, and takes it when it can", async () => {
    await using ground = new Ground();
    const [one, two] = [await ground.program(), await ground.program()];
    const failed: (string | undefined)[] = [];
    two.on("joinFailed", ({ error }) => failed.push((error as { code?: string }).code));
    const inTheWay = await (ground.transports[0] as Transport).listen("memory://admin-host-p1", () => {});
    const closing = one.close();
    await ground.virtual.advance(5000);
    await closing;
    expect(two.isHost).toBe(false);
    expect(new Set(failed)).toEqual(new Set(["address-in-use"]));
    await inTheWay.close();
    await ground.virtual.advance(2000);
    expect(two.isHost).toBe(true);
    const third = await ground.program();
    expect(third.participant).toBe(two.id);
  });

  test("where the programs of a host are of another domain, there is no place", async () => {
    await using ground = new Ground();
    await ground.program();
    const refused = startParticipant({
      transports: ground.transports,
      domain: "other",
      localEndpoint: "memory://host",
      dataEndpoints: [],
      clock: ground.clock,
      random: ground.random,
    });
    await expect(refused).rejects.toMatchObject({ code: "participant-away" });
  });

  test("ends that do not fit are told, on both sides, and get nothing from each other", async () => {
    await using ground = new Ground();
    const [one, two] = [await ground.program(), await ground.program()];
    const told: (string | undefined)[] = [];
    for (const each of [one, two]) each.on("incompatible", ({ why }) => told.push(why));
    const publisher = one.publisher(defineTopic<number>("a", { reliability: "best-effort" }));
    const subscription = two.subscribe(defineTopic<number>("a"));
    one.publisher(defineTopic("b", { schema: z.object({ x: z.number() }) }));
    two.subscribe(defineTopic("b", { schema: z.object({ x: z.string() }) }));
    await ground.flush();
    expect(told.sort()).toEqual([
      ...Array<string>(2).fill("the publisher does not wait for anybody, and the subscriber wants every value"),
      ...Array<string>(2).fill("their schemas differ"),
    ]);
    expect([publisher.matched, subscription.matched]).toEqual([0, 0]);
  });

  test("a value that does not fit the schema is not published", async () => {
    await using ground = new Ground();
    const one = await ground.program();
    const publisher = one.publisher(defineTopic("c", { schema: z.object({ x: z.number() }) }));
    expect(() => publisher.publish({ x: "1" } as never)).toThrow(expect.objectContaining({ code: "value-invalid" }));
    publisher.close();
    expect(() => publisher.publish({ x: 1 })).toThrow(expect.objectContaining({ code: "closed" }));
  });

  test("events tell of counterparts as they come and go", async () => {
    await using ground = new Ground();
    const [one, two] = [await ground.program(), await ground.program()];
    const seen: TopicEvent[] = [];
    one.on("matched", (event) => seen.push(event));
    one.publisher(Pose);
    const subscription = two.subscribe(Pose);
    await ground.flush();
    subscription.close();
    await ground.flush();
    expect(seen).toEqual([
      { type: "matched", topic: "pose", role: "publisher", count: 1 },
      { type: "matched", topic: "pose", role: "publisher", count: 0 },
    ]);
  });

  test.each([
    ["", {}],
    ["x".repeat(257), {}],
    ["a", { reliability: "perfect" }],
    ["a", { history: { keep: -1 } }],
  ])("the topic %j %j is refused", (name, options) => {
    expect(() => defineTopic(name, options as never)).toThrow(expect.objectContaining({ code: "topic-invalid" }));
  });
});

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
});

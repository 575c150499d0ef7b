// Publishers and subscribers of one host, over memory transport and virtual time: who gets what, who is waited for, and who
// is told that it does not fit.

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { taken, TopicsGround } from "./topics-ground.js";
import type { Transport } from "../src/transport/index.js";
import { connect } from "../src/peer/index.js";
import { ENDS_MAX } from "../src/pubsub/announcement.js";
import { domainOf } from "../src/pubsub/beacon.js";
import { ParticipantProtocol } from "../src/pubsub/protocol.js";
import { defineTopic, startParticipant, type TopicEvent } from "../src/pubsub/index.js";

const Pose = defineTopic<{ x: number }>("pose");
const Kept = defineTopic<number>("kept", { history: { keep: 3 } });

describe("topics", () => {
  test("the second program of a host joins the first, and values go from one to the other in order", async () => {
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
    const [one, two] = [await ground.program(), await ground.program()];
    const publisher = one.publisher(Kept);
    for (let n = 1; n <= 10; n++) await publisher.publish(n);
    expect(await taken(two.subscribe(Kept), 3)).toEqual([8, 9, 10]);
    expect(await taken(one.subscribe(Kept), 3)).toEqual([8, 9, 10]);
  });

  test("a program that ends takes its publishers with it, and one that was host leaves the place to another", async () => {
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
    const one = await ground.program();
    const options = { transports: ground.transports, clock: ground.clock };
    const stranger = await connect("memory://admin-host-p0", options);
    const introduction = { id: one.id, role: "program" as const, domain: domainOf("default") };
    const introduce = stranger.address(ParticipantProtocol).call("introduce", introduction);
    await expect(introduce).rejects.toMatchObject({ code: "announcement-invalid" });
    await stranger.close();
  });

  test("somebody who comes by the id of a participant that answers is sent away, and changes nothing", async () => {
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
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
    await using ground = new TopicsGround();
    const one = await ground.program();
    const publisher = one.publisher(defineTopic("c", { schema: z.object({ x: z.number() }) }));
    expect(() => publisher.publish({ x: "1" } as never)).toThrow(expect.objectContaining({ code: "value-invalid" }));
    publisher.close();
    expect(() => publisher.publish({ x: 1 })).toThrow(expect.objectContaining({ code: "closed" }));
  });

  test("events tell of counterparts as they come and go", async () => {
    await using ground = new TopicsGround();
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

  test("sixteen hundred publishers and subscribers made in one turn are told of once, and find each other", async () => {
    await using ground = new TopicsGround();
    const [one, two] = [await ground.program(), await ground.program()];
    await ground.flush();
    const before = two.programs[0]?.version ?? 0;
    const topics = Array.from({ length: 800 }, (_, index) => defineTopic<number>(`topic ${index}`));
    const publishers = topics.map((topic) => one.publisher(topic));
    const subscriptions = topics.map((topic) => one.subscribe(topic));
    await ground.virtual.advance(1000);
    expect(two.programs[0]?.version).toBe(before + 1);
    expect(two.topics).toHaveLength(800);
    expect(new Set(publishers.map(({ matched }) => matched))).toEqual(new Set([1]));
    await Promise.all(publishers.map((publisher, index) => publisher.publish(index)));
    expect(await taken(subscriptions[799] as never, 1)).toEqual([799]);
  });

  test("a publisher that comes after the subscriber that it does not fit is told as well", async () => {
    await using ground = new TopicsGround();
    const [one, two] = [await ground.program(), await ground.program()];
    const told: (string | undefined)[] = [];
    for (const each of [one, two]) each.on("incompatible", ({ why }) => told.push(why));
    two.subscribe(defineTopic<number>("a"));
    await ground.flush();
    one.publisher(defineTopic<number>("a", { reliability: "best-effort" }));
    await ground.flush();
    expect(told).toHaveLength(2);
  });

  describe("of a thousand values that were published just before their participant is closed", () => {
    async function flooded(ground: TopicsGround) {
      const [one, two] = [await ground.program(), await ground.program()];
      const publisher = one.publisher(Pose);
      const subscription = two.subscribe(Pose);
      await ground.flush();
      for (let x = 0; x < 1000; x++) void publisher.publish({ x });
      return { one, publisher, subscription };
    }

    test("all come to a subscriber that takes its time", async () => {
      await using ground = new TopicsGround();
      const { one, publisher, subscription } = await flooded(ground);
      const closing = one.close();
      await ground.virtual.advance(3000);
      const values = taken(subscription, 1000);
      await ground.flush();
      expect(await values).toHaveLength(1000);
      await closing;
      expect(publisher.stats).toEqual({ published: 1000, dropped: 0, disconnected: 0 });
    });

    test("those that nobody has taken when the grace is over were dropped, and are counted", async () => {
      await using ground = new TopicsGround();
      const { one, publisher, subscription } = await flooded(ground);
      const closing = one.close({ graceMs: 100 });
      await ground.virtual.advance(1000);
      await closing;
      const { dropped } = publisher.stats;
      expect(dropped).toBeGreaterThan(0);
      const values = taken(subscription, 1000 - dropped);
      await ground.flush();
      expect(await values).toHaveLength(1000 - dropped);
      await ground.flush();
      expect(subscription.matched).toBe(0);
    });
  });
});

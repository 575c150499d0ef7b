// Participants and programs that say what makes no sense, and addresses that are known before anybody is there.

import { describe, expect, test, vi } from "vitest";
import { oneShot, Ring } from "../src/base/index.js";
import { connect, listen, ServiceMap } from "../src/peer/index.js";
import { domainOf } from "../src/pubsub/beacon.js";
import { defineTopic, type Participant, PROGRAMS_PER_SOURCE_MAX } from "../src/pubsub/index.js";
import { ParticipantProtocol, SampleProtocol } from "../src/pubsub/protocol.js";
import type { Transport } from "../src/transport/index.js";
import { taken, TopicsGround } from "./topics-ground.js";

const Pose = defineTopic<{ x: number }>("pose");

function idOf(number: number): string {
  return number.toString(16).padStart(32, "0");
}

function recordOf(number: number, more: object = {}): object {
  return { id: idOf(number), participant: idOf(1), name: "p", endpoints: [], ends: [], version: 1, ...more };
}

/** A participant that says certain things, and then nothing more until it is released. */
function liar(news: readonly unknown[]): { services: ServiceMap; release: () => void } {
  const over = oneShot<void>();
  const services = new ServiceMap().add(ParticipantProtocol, {
    introduce: () => idOf(1),
    roster: async function* () {
      yield* news;
      await over.promise;
    } as never,
    alive: () => {},
  });
  return { services, release: () => over.resolve() };
}

const NONSENSE = [
  null,
  "gone",
  { gone: 7 },
  recordOf(3, { id: "x" }),
  recordOf(3, { ends: [{}] }),
  recordOf(3, { version: -1 }),
];

describe("participants that talk nonsense", () => {
  test("a program leaves out what its participant says wrongly, tells of it, and stays where it is", async () => {
    await using ground = new TopicsGround();
    const { services, release } = liar([recordOf(2), ...NONSENSE, recordOf(4)]);
    const { transports, clock, random } = ground;
    const host = await listen("memory://host", { transports, clock, random, services });
    const program = await ground.program();
    const refused: (string | undefined)[] = [];
    program.on("refused", ({ error }) => refused.push((error as { code?: string }).code));
    await ground.flush();
    expect(program.programs.map(({ id }) => id)).toEqual([idOf(2), idOf(4)]);
    expect(refused).toEqual(NONSENSE.map(() => "announcement-invalid"));
    expect(program.isHost).toBe(false);
    expect(program.participant).toBe(idOf(1));
    release();
    const closing = host.close();
    await ground.virtual.advance(3000);
    await closing;
    expect(program.isHost).toBe(true);
    expect(program.programs).toEqual([]);
  });

  test("a participant of another host that does so is believed in the rest, up to as many programs as one may have", async () => {
    await using ground = new TopicsGround();
    const near = await ground.program("near");
    const refused: string[] = [];
    const lost: unknown[] = [];
    near.on("refused", ({ participant, error }) => refused.push(`${participant} ${error.message}`));
    near.on("lost", (event) => lost.push(event));
    const many = Array.from({ length: PROGRAMS_PER_SOURCE_MAX }, (_, index) => recordOf(10 + index));
    const { services, release } = liar([...NONSENSE, recordOf(2), ...many]);
    const { transports, clock, random } = ground;
    const far = await connect("memory://admin-near-p0", { transports, clock, random, services });
    const introduction = { id: idOf(1), role: "participant", domain: domainOf("default") } as const;
    await far.address(ParticipantProtocol).call("introduce", introduction);
    await ground.virtual.advance(1000);
    expect(near.programs).toHaveLength(PROGRAMS_PER_SOURCE_MAX);
    expect(refused).toHaveLength(NONSENSE.length + 1);
    expect(refused.at(-1)).toBe(`${idOf(1)} there are too many programs`);
    expect(lost).toEqual([]);
    release();
    const closing = far.close();
    await ground.virtual.advance(1000);
    await closing;
    expect(near.programs).toEqual([]);
  });
});

describe("a program that is gone and there again", () => {
  test.each([true, false])(
    "while its values are still being reached is asked for them once: at once %s",
    async (isAtOnce) => {
      await using ground = new TopicsGround();
      const { transports, clock, random } = ground;
      const near = await ground.program("near");
      // Its values are reached only when the test says so.
      const transport = transports[0] as Transport;
      const connectAtOnce = transport.connect.bind(transport);
      const fence = oneShot<void>();
      vi.spyOn(transport, "connect").mockImplementation(async (endpoint, options) => {
        if (endpoint === "memory://values") await fence.promise;
        return connectAtOnce(endpoint, options);
      });
      let streams = 0;
      const over = oneShot<void>();
      const values = new ServiceMap().add(SampleProtocol, {
        samples: async function* () {
          streams++;
          yield [1, { x: 1 }] as const;
          await over.promise;
        },
      });
      const listener = await listen("memory://values", { transports, clock, random, services: values });
      const end = { id: 1, role: "publisher", topic: "pose", reliability: "reliable", keep: 0, shape: "" };
      const publisher = (version: number): object =>
        recordOf(2, { ends: [end], endpoints: ["memory://values"], version });
      const news = new Ring<unknown>();
      const tell = async (...all: unknown[]): Promise<void> => {
        for (const each of all) {
          news.push(each);
          if (!isAtOnce) await ground.virtual.advance(100);
        }
        await ground.virtual.advance(100);
      };
      const services = new ServiceMap().add(ParticipantProtocol, {
        introduce: () => idOf(1),
        roster: async function* (_scope: unknown, { signal }: { signal: AbortSignal }) {
          while (!signal.aborted) {
            const next = news.shift();
            if (next !== undefined) yield next;
            else await new Promise<void>((resolve) => void clock.schedule(10, resolve));
          }
        } as never,
        alive: () => {},
      });
      const far = await connect("memory://admin-near-p0", { transports, clock, random, services });
      const introduction = { id: idOf(1), role: "participant", domain: domainOf("default") } as const;
      await far.address(ParticipantProtocol).call("introduce", introduction);
      const subscription = near.subscribe(Pose);
      await tell(publisher(1), { gone: idOf(2) }, publisher(2));
      fence.resolve();
      await ground.virtual.advance(1000);
      expect(subscription.matched).toBe(1);
      await tell(publisher(3));
      await ground.virtual.advance(1000);
      expect(streams).toBe(1);
      expect(subscription.matched).toBe(1);
      expect(await taken(subscription, 1)).toEqual([{ x: 1 }]);
      over.resolve();
      const closing = Promise.all([far.close({ graceMs: 0 }), listener.close({ graceMs: 0 })]);
      await ground.virtual.advance(1000);
      await closing;
    },
  );
});

describe("a program whose host has somebody who does not answer", () => {
  test("is told so when it starts, and takes the seat when that is free", async () => {
    await using ground = new TopicsGround();
    const inTheWay = await (ground.transports[0] as Transport).listen("memory://host", () => {});
    const given = ground.program().catch((error: unknown) => error);
    await ground.virtual.advance(15_000);
    expect(await given).toMatchObject({ code: "participant-away" });
    await inTheWay.close();
    expect((await ground.program()).isHost).toBe(true);
  });
});

describe("addresses that are known", () => {
  test.each([0, 1])(
    "are dialled again when the connection is lost, whichever side had made it: %i",
    async (leaving) => {
      await using ground = new TopicsGround();
      // Each knows the other: whichever connection stays, one of the two has not made it.
      const names = [
        ["one", "p0"],
        ["two", "p1"],
      ] as const;
      await ground.programNamed(...names[0], ["memory://admin-two-p1"]);
      await ground.programNamed(...names[1], ["memory://admin-one-p0"]);
      await ground.virtual.advance(5000);
      const [gone, stays] = [ground.programs[leaving] as Participant, ground.programs[1 - leaving] as Participant];
      expect([gone.programs.map(({ id }) => id), stays.programs.map(({ id }) => id)]).toEqual([[stays.id], [gone.id]]);
      const found: string[] = [];
      stays.on("found", ({ participant }) => found.push(participant));
      const closing = gone.close();
      await ground.virtual.advance(5000);
      await closing;
      // The one that is there again knows nobody: it is the other one that has to come.
      const again = await ground.programNamed(...(names[leaving] as (typeof names)[0]));
      await ground.virtual.advance(5000);
      expect(found).toEqual([again.id]);
      const subscription = stays.subscribe(Pose);
      const publisher = again.publisher(Pose);
      await ground.virtual.advance(500);
      await publisher.publish({ x: 1 });
      expect(await taken(subscription, 1)).toEqual([{ x: 1 }]);
    },
  );

  test("are not dialled again by whoever it is itself", async () => {
    await using ground = new TopicsGround();
    const connecting = vi.spyOn(ground.transports[0] as Transport, "connect");
    await ground.program("one", ["memory://admin-one-p0"]);
    await ground.virtual.advance(20_000);
    expect(connecting).toHaveBeenCalledTimes(1);
  });
});

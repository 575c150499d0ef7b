// Streams, calls with inputs and long messages, many at once, ended by chance in every way there is, over a line that cuts
// bytes anywhere. Whatever the schedule: everything settles, every producer is closed once, and nothing is left behind.

import { describe, expect, test } from "vitest";
import { call, defineService, send, stream } from "../src/actor/index.js";
import { ServiceMap } from "../src/peer/index.js";
import { peers, SeededRandom, type Harness } from "../src/testing/index.js";

const Work = defineService("work", {
  out: stream<{ count: number; size: number; throwAt: number }, Uint8Array>(),
  both: stream<void, number, Uint8Array>(),
  into: call<{ enough: number }, number, Uint8Array>(),
  long: call<Uint8Array, Uint8Array>(),
  note: send<Uint8Array>(),
});

/** How many producers were begun, and how many were closed, on both sides together. */
class Tally {
  begun = 0;
  closed = 0;

  async *produce(count: number, size: number, throwAt = -1): AsyncGenerator<Uint8Array> {
    this.begun++;
    try {
      for (let i = 0; i < count; i++) {
        if (i === throwAt) throw new RangeError("as agreed");
        yield new Uint8Array(size).fill(i);
      }
    } finally {
      this.closed++;
    }
  }
}

function work(tally: Tally): ServiceMap {
  return new ServiceMap().add(Work, {
    out: ({ count, size, throwAt }) => tally.produce(count, size, throwAt),
    async *both(_, { inputs }) {
      for await (const bytes of inputs) yield bytes.length;
    },
    async into({ enough }, { inputs }) {
      let count = 0;
      for await (const _bytes of inputs) if (++count >= enough) break;
      return count;
    },
    long: (bytes) => bytes,
    note() {},
  });
}

const SIZES = [0, 1, 100, 5000, 70_000, 200_000];

/** One thing that is done, ended as chance will have it. Resolves when it is over, however it ended. */
async function act(random: SeededRandom, harness: Harness, tally: Tally): Promise<void> {
  const address = (random.next() < 0.5 ? harness.left : harness.right).address(Work);
  const size = random.pick(SIZES);
  const count = Math.floor(random.next() * 30);
  const controller = new AbortController();
  const { signal } = controller;
  const leaveAt = random.next() < 0.4 ? Math.floor(random.next() * 10) : Infinity;
  const abortAt = random.next() < 0.3 ? Math.floor(random.next() * 10) : Infinity;
  const consume = async (items: AsyncIterable<unknown>): Promise<void> => {
    let taken = 0;
    for await (const _ of items) {
      taken++;
      if (taken === abortAt) controller.abort("by chance");
      if (taken >= leaveAt) break;
      if (random.next() < 0.2) await harness.clock.flush();
    }
  };
  const inputs = (): AsyncGenerator<Uint8Array> =>
    tally.produce(count, size, random.next() < 0.2 ? Math.floor(random.next() * 5) : -1);
  const kinds: (() => Promise<unknown>)[] = [
    () => consume(address.stream("out", { count, size, throwAt: random.next() < 0.2 ? 3 : -1 }, { signal })),
    () => consume(address.stream("both", undefined, { inputs: inputs(), signal })),
    () => address.call("into", { enough: leaveAt }, { inputs: inputs(), signal }),
    () => address.call("long", new Uint8Array(size * 3), { signal }),
    () => address.send("note", new Uint8Array(size * 2), { signal }),
  ];
  const done = random.pick(kinds)();
  if (random.next() < 0.15) controller.abort("at once");
  await done.catch(() => {});
}

describe.each(Array.from({ length: 25 }, (_, i) => i + 1))("seed %i", (seed) => {
  test("everything settles, and nothing is left behind", async () => {
    const random = new SeededRandom(seed);
    const tally = new Tally();
    const limits = {
      streamItems: 1 + Math.floor(random.next() * 8),
      streamBytes: 1 + Math.floor(random.next() * 100_000),
    };
    const options = { services: work(tally), limits: { ...limits, streamsMax: 3, frameBytesMax: 10_000 } };
    await using harness = await peers({
      left: options,
      right: options,
      pipe: { chunk: () => 1 + Math.floor(random.next() * 30_000) },
    });
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 12 }, () => act(random, harness, tally)));
      await harness.flush();
    }
    expect(tally.closed).toBe(tally.begun);
    harness.demandIdle();
  });

  test("also when the connection is cut in the middle", async () => {
    const random = new SeededRandom(seed + 1000);
    const tally = new Tally();
    const options = { services: work(tally) };
    const harness = await peers({ left: options, right: options });
    const acts = Promise.all(Array.from({ length: 20 }, () => act(random, harness, tally)));
    for (let turns = Math.floor(random.next() * 20); turns > 0; turns--) await Promise.resolve();
    if (random.next() < 0.5) await new Promise<void>((resolve) => setImmediate(resolve));
    harness.cut();
    await acts;
    await harness.flush();
    await harness.advance(1000);
    expect(tally.closed).toBe(tally.begun);
    for (const peer of [harness.left, harness.right]) {
      expect(peer.stats).toMatchObject({ streamsInFlight: 0, callsInFlight: 0, running: 0, abandoned: 0, timers: 0 });
    }
  });
});

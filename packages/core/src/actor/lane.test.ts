import { describe, expect, test } from "vitest";
import { SeededRandom } from "../testing/index.js";
import { ActorError } from "./error.js";
import { BoundedLane, type LaneOptions } from "./lane.js";

const STOPPED = new ActorError("actor-stopped", "no more");

function drained<T>(lane: BoundedLane<T>): T[] {
  const items: T[] = [];
  for (let item = lane.take(); item !== undefined; item = lane.take()) items.push(item);
  return items;
}

describe("BoundedLane", () => {
  test.each<LaneOptions<number>>([
    { capacity: 0 },
    { capacity: 1.5 },
    { capacity: Infinity },
    { parkedMax: -1 },
    { overflow: "drop-newest" as "wait" },
  ])("refuses %j with option-invalid", (options) => {
    expect(() => new BoundedLane(options)).toThrow(expect.objectContaining({ code: "option-invalid" }));
  });

  test("wait: push() resolves when there is room, in order of arrival, and nobody overtakes", async () => {
    const lane = new BoundedLane<number>({ capacity: 1 });
    const order: number[] = [];
    await lane.push(0);
    const pushes = [1, 2, 3].map((item) => lane.push(item).then(() => order.push(item)));
    expect([lane.length, lane.parked]).toEqual([1, 3]);
    expect(lane.take()).toBe(0);
    expect(lane.tryPush(9)).toBe(false);
    await pushes[0];
    expect(order).toEqual([1]);
    expect(drained(lane)).toEqual([1, 2, 3]);
    await Promise.all(pushes);
    expect(order).toEqual([1, 2, 3]);
  });

  test("wait: an aborted push() rejects with cancelled, and its item never arrives", async () => {
    const lane = new BoundedLane<number>({ capacity: 1 });
    await lane.push(0);
    const controller = new AbortController();
    const aborted = lane.push(1, { signal: controller.signal });
    const next = lane.push(2, { signal: new AbortController().signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: "cancelled", maybeExecuted: false });
    await expect(lane.push(3, { signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
    expect(drained(lane)).toEqual([0, 2]);
    await next;
  });

  test("wait: an abort after push() was let in leaves the item where it is", async () => {
    const lane = new BoundedLane<number>({ capacity: 1 });
    await lane.push(0);
    const controller = new AbortController();
    const second = lane.push(1, { signal: controller.signal });
    lane.take();
    controller.abort();
    await second;
    expect(drained(lane)).toEqual([1]);
  });

  test("wait: beyond parkedMax push() rejects with mailbox-full", async () => {
    const lane = new BoundedLane<number>({ capacity: 1, parkedMax: 1 });
    await lane.push(0);
    const parked = lane.push(1);
    await expect(lane.push(2)).rejects.toMatchObject({ code: "mailbox-full" });
    expect(drained(lane)).toEqual([0, 1]);
    await parked;
  });

  test("reject: push() rejects with mailbox-full and tryPush() is false when full", async () => {
    const lane = new BoundedLane<number>({ capacity: 2, overflow: "reject" });
    await lane.push(0);
    await lane.push(1);
    await expect(lane.push(2)).rejects.toMatchObject({ code: "mailbox-full" });
    expect(lane.tryPush(3)).toBe(false);
    expect(drained(lane)).toEqual([0, 1]);
  });

  test("drop-oldest: every push gets in, and dropped counts exactly what was handed to onDropped", async () => {
    const dropped: number[] = [];
    const lane = new BoundedLane<number>({
      capacity: 3,
      overflow: "drop-oldest",
      onDropped: (item) => void dropped.push(item),
    });
    for (let i = 0; i < 10; i++) await lane.push(i);
    expect([lane.length, lane.parked, lane.dropped]).toEqual([3, 0, 7]);
    expect(dropped).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(drained(lane)).toEqual([7, 8, 9]);
  });

  test("drop-oldest: a push inside onDropped does not break the bound", () => {
    let retries = 2;
    const lane: BoundedLane<number> = new BoundedLane<number>({
      capacity: 2,
      overflow: "drop-oldest",
      onDropped: (item) => {
        if (retries-- > 0) lane.tryPush(item + 100);
      },
    });
    for (let i = 0; i < 3; i++) lane.tryPush(i);
    expect(lane.length).toBe(2);
    expect(lane.dropped).toBe(3);
    expect(drained(lane)).toEqual([100, 101]);
  });

  test("discard() makes room at once, for those who wait too", async () => {
    const lane = new BoundedLane<number>({ capacity: 2 });
    await lane.push(0);
    await lane.push(1);
    const third = lane.push(2);
    lane.discard(0);
    await third;
    expect(lane.length).toBe(2);
    expect(drained(lane)).toEqual([1, 2]);
  });

  test("discard() of most of a long lane leaves the others, in order", () => {
    const lane = new BoundedLane<number>({ capacity: 2000 });
    const random = new SeededRandom(7);
    const items = Array.from({ length: 1000 }, (_, i) => i);
    for (const item of items) lane.tryPush(item);
    const kept = items.filter(() => random.next() < 0.1);
    for (const item of items) if (!kept.includes(item)) lane.discard(item);
    expect(lane.length).toBe(kept.length);
    lane.tryPush(1000);
    expect(drained(lane)).toEqual([...kept, 1000]);
  });

  test("pause() keeps everything from take() until resume()", () => {
    const lane = new BoundedLane<number>();
    lane.tryPush(0);
    lane.pause();
    expect(lane.take()).toBe(undefined);
    expect(lane.length).toBe(1);
    lane.resume();
    expect(lane.take()).toBe(0);
  });

  test("close() refuses those who wait and those who come, and what is inside can still be taken", async () => {
    const lane = new BoundedLane<number>({ capacity: 1 });
    await lane.push(0);
    const parked = lane.push(1);
    lane.close(STOPPED);
    await expect(parked).rejects.toBe(STOPPED);
    expect(lane.tryPush(2)).toBe(false);
    await expect(lane.push(3)).rejects.toBe(STOPPED);
    expect(drained(lane)).toEqual([0]);
  });

  test("clear() hands over everything that nobody discarded, and lets in those who wait", async () => {
    const lane = new BoundedLane<number>({ capacity: 2 });
    await lane.push(0);
    await lane.push(1);
    const pushes = [2, 3].map((item) => lane.push(item));
    lane.discard(0);
    expect(lane.clear()).toEqual([1, 2]);
    await Promise.all(pushes);
    expect(drained(lane)).toEqual([3]);
  });

  test("random schedules lose nothing, duplicate nothing, keep the order and never exceed the capacity", async () => {
    for (let seed = 1; seed <= 500; seed++) await runSchedule(new SeededRandom(seed));
  });
});

/** Like `expect(actual).toBe(expected)`, without its cost while they agree: it is asked a hundred thousand times. */
function agree<T>(actual: T, expected: T, seed: number): void {
  if (!Object.is(actual, expected)) expect(actual, `seed ${seed}`).toBe(expected);
}

/** Runs one random schedule against a model: an array of what is inside, and one of who waits. */
async function runSchedule(random: SeededRandom): Promise<void> {
  const capacity = 1 + random.integer(80);
  const lane = new BoundedLane<number>({ capacity, parkedMax: 5 });
  let inside: number[] = [];
  let waiting: { item: number; controller: AbortController }[] = [];
  const admitted = new Set<number>();
  const refused = new Set<number>();
  const expectedRefused = new Set<number>();
  const admit = (): void => {
    while (waiting.length > 0 && inside.length < capacity) inside.push((waiting.shift() as { item: number }).item);
  };
  for (let item = 0; item < 300; item++) {
    const choice = random.next();
    if (choice < 0.55) {
      const controller = new AbortController();
      if (inside.length < capacity) inside.push(item);
      else if (waiting.length < 5) waiting.push({ item, controller });
      else expectedRefused.add(item);
      lane.push(item, { signal: controller.signal }).then(
        () => admitted.add(item),
        () => refused.add(item),
      );
    } else if (choice < 0.75) {
      agree(lane.take(), inside.shift(), random.seed);
      admit();
    } else if (choice < 0.9 && inside.length > 0) {
      const gone = random.pick(inside);
      inside = inside.filter((other) => other !== gone);
      lane.discard(gone);
      admit();
    } else if (waiting.length > 0) {
      const gone = random.pick(waiting);
      waiting = waiting.filter((other) => other !== gone);
      expectedRefused.add(gone.item);
      gone.controller.abort();
    }
    agree(lane.length, inside.length, random.seed);
    agree(lane.parked, waiting.length, random.seed);
  }
  const rest = [...inside, ...waiting.map(({ item }) => item)];
  expect(drained(lane), `seed ${random.seed}`).toEqual(rest);
  for (let i = 0; i < 4; i++) await undefined;
  expect(refused, `seed ${random.seed}`).toEqual(expectedRefused);
  for (const item of rest) expect(admitted.has(item)).toBe(true);
}

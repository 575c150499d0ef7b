// A consumer that stands still stops its producer and nobody else; so does one that is slow, and one that never reads.

import { expect, test } from "vitest";
import { call, defineService, stream } from "../actor/index.js";
import { fence, peers } from "../testing/index.js";
import { ServiceMap } from "./index.js";

const Source = defineService("source", {
  blocks: stream<{ size: number }, Uint8Array>(),
  take: call<void, number, Uint8Array>(),
  small: call<number, number>(),
});

function source(state: { made: number }): ServiceMap {
  return new ServiceMap().add(Source, {
    async *blocks({ size }) {
      for (;;) {
        state.made++;
        yield new Uint8Array(size);
      }
    },
    take: (_, { signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(0))),
    small: (n) => n,
  });
}

test("a consumer that stands still is at most 64 items of 64 KiB behind, and calls beside it are answered", async () => {
  const state = { made: 0 };
  await using harness = await peers({ right: { services: source(state) } });
  const target = harness.left.address(Source);
  const blocks = target.stream("blocks", { size: 65_536 });
  await blocks.next();
  await harness.flush();
  const { made } = state;
  expect(made).toBeLessThanOrEqual(64);
  for (let i = 0; i < 1000; i++) expect(await target.call("small", i)).toBe(i);
  await harness.advance(30_000);
  expect(state.made).toBe(made);
  expect(harness.right.stats.bytesPending).toBe(0);
  await blocks.return?.();
  await harness.flush();
});

test("a thousand small items are ahead of nobody who does not read, and come when somebody does", async () => {
  const state = { made: 0 };
  await using harness = await peers({
    left: { limits: { streamItems: 10, streamBytes: 100_000 } },
    right: { services: source(state) },
  });
  const blocks = harness.left.address(Source).stream("blocks", { size: 1 });
  for (let taken = 1; taken <= 1000; taken++) {
    expect((await blocks.next()).done).toBe(false);
    // Ten have credit, and one is held until it has.
    expect(state.made - taken).toBeLessThanOrEqual(11);
  }
  await blocks.return?.();
  await harness.flush();
});

test("a handler that never reads its inputs stops the caller's producer", async () => {
  const state = { made: 0 };
  await using harness = await peers({ right: { services: source(state) } });
  let given = 0;
  const inputs = (function* () {
    for (;;) {
      given++;
      yield new Uint8Array(65_536);
    }
  })();
  const controller = new AbortController();
  const asked = harness.left.address(Source).call("take", undefined, { inputs, signal: controller.signal });
  const rejected = expect(asked).rejects.toMatchObject({ code: "cancelled" });
  await harness.flush();
  const before = given;
  expect(before).toBeLessThanOrEqual(64);
  await harness.advance(20_000);
  expect(given).toBe(before);
  controller.abort();
  await rejected;
  await harness.flush();
});

test("one stalled stream of many holds up no other", async () => {
  const state = { made: 0 };
  await using harness = await peers({ right: { services: source(state) } });
  const target = harness.left.address(Source);
  const stalled = Array.from({ length: 50 }, () => target.stream("blocks", { size: 10_000 }));
  await Promise.all(stalled.map((each) => each.next()));
  const running = target.stream("blocks", { size: 10_000 });
  for (let i = 0; i < 500; i++) expect((await running.next()).value).toHaveLength(10_000);
  await Promise.all([running, ...stalled].map((each) => each.return?.()));
  await harness.flush();
});

test("more streams than the other side takes at once wait for their turn", async () => {
  const gate = fence();
  const Held = defineService("held", { wait: stream<number, number>() });
  const services = new ServiceMap().add(Held, {
    async *wait(n) {
      await gate.pass();
      yield n;
    },
  });
  await using harness = await peers({ right: { services, limits: { streamsMax: 2 } } });
  const held = harness.left.address(Held);
  const firsts = [1, 2, 3, 4, 5].map((n) => held.stream("wait", n).next());
  await harness.flush();
  expect(gate.waiting).toBe(2);
  expect(harness.left.stats.waiting).toBe(3);
  gate.open();
  // Each gives its place to the next one when it is over.
  expect(await firsts[0]).toEqual({ done: false, value: 1 });
  const rest = [3, 4, 5].map((n) => held.stream("wait", n));
  await harness.flush();
  expect(harness.left.stats.streamsInFlight).toBeLessThanOrEqual(2);
  await Promise.all([...firsts]);
  await Promise.all(rest.map((each) => each.return?.()));
});

test("a lost connection ends a stream once with connection-lost, after what has arrived, and its handler's finally runs", async () => {
  let finished = 0;
  const Held = defineService("held", { wait: stream<void, number>() });
  const services = new ServiceMap().add(Held, {
    async *wait(_, { signal }) {
      try {
        yield 1;
        yield 2;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      } finally {
        finished++;
      }
    },
  });
  await using harness = await peers({ right: { services } });
  const waiting = harness.left.address(Held).stream("wait");
  expect(await waiting.next()).toEqual({ done: false, value: 1 });
  await harness.flush();
  harness.cut();
  await harness.flush();
  expect(await waiting.next()).toEqual({ done: false, value: 2 });
  await expect(waiting.next()).rejects.toMatchObject({ code: "connection-lost" });
  expect(await waiting.next()).toEqual({ done: true, value: undefined });
  expect(finished).toBe(1);
});

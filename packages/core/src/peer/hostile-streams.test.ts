// A side that breaks the rules of streams and parts: the one operation fails, and the next thousand messages are unharmed.

import { describe, expect, test } from "vitest";
import { call, defineService, send, stream } from "../actor/index.js";
import { fence, peers, siege, type Attack } from "../testing/index.js";
import { FrameKind } from "../wire/index.js";
import { ServiceMap } from "./index.js";

const Target = defineService("target", {
  echo: call<unknown, unknown>(),
  count: stream<number, number>(),
  total: call<void, number, number>(),
  wait: call(),
  note: send<unknown>(),
});
const ECHO = { service: 0, message: 0, amount: 10_000 };
const COUNT = { service: 0, message: 1 };
const TOTAL = { service: 0, message: 2, amount: 10_000 };
const WAIT = { service: 0, message: 3, amount: 10_000 };

function target(): ServiceMap {
  return new ServiceMap().add(Target, {
    echo: (input) => input,
    *count(to) {
      for (let i = 0; i < to; i++) yield i;
    },
    async total(_, { inputs }) {
      let sum = 0;
      for await (const n of inputs) sum += n;
      return sum;
    },
    wait: (_, { signal }) => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
    note() {},
  });
}

/** The next thousand calls on the same connection are answered. */
async function expectUnharmed({ raw }: Attack): Promise<void> {
  for (let id = 100_000; id < 101_000; id++) {
    raw.write({ kind: FrameKind.call, id, ...ECHO }, id);
    expect(await raw.next(FrameKind.reply)).toMatchObject({ id, value: id });
  }
}

describe("a caller that", () => {
  test("allows more outputs than 32 bits can count has that stream fail", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack([], { limits: limits({ streamItems: 2 }) });
    attack.raw.write({ kind: FrameKind.stream, id: 1, ...COUNT }, 1000);
    await attack.raw.next(FrameKind.item);
    attack.raw.write({ kind: FrameKind.allow, id: 1, message: 10, amount: 0xffff_ffff });
    expect(await attack.raw.next(FrameKind.error)).toMatchObject({
      id: 1,
      value: ["credit-invalid", expect.any(String)],
    });
    await expectUnharmed(attack);
  });

  test("allows, ends and cancels what was never opened or is over is ignored", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    attack.raw.write({ kind: FrameKind.stream, id: 1, ...COUNT }, 1);
    await attack.raw.next(FrameKind.reply);
    for (const id of [1, 77]) {
      attack.raw.write({ kind: FrameKind.allow, id, message: 10, amount: 10 });
      attack.raw.write({ kind: FrameKind.input, id }, 1);
      attack.raw.write({ kind: FrameKind.inputsEnd, id });
      attack.raw.write({ kind: FrameKind.cancel, id });
    }
    await expectUnharmed(attack);
  });

  test("sends inputs to a plain call has that call fail", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    attack.raw.write({ kind: FrameKind.call, id: 1, ...WAIT }, undefined);
    attack.raw.write({ kind: FrameKind.input, id: 1 }, 5);
    const { id } = await attack.raw.next(FrameKind.reply);
    expect(id).toBe(1);
    await expectUnharmed(attack);
  });

  test("sends inputs after their end is ignored", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    attack.raw.write({ kind: FrameKind.call, id: 1, ...TOTAL, hasInputs: true }, undefined);
    attack.raw.write({ kind: FrameKind.input, id: 1 }, 5);
    attack.raw.write({ kind: FrameKind.inputsEnd, id: 1 });
    attack.raw.write({ kind: FrameKind.input, id: 1 }, 7);
    expect(await attack.raw.next(FrameKind.reply)).toMatchObject({ id: 1, value: 5 });
    await expectUnharmed(attack);
  });

  test("sends more inputs than were allowed has that call fail", async () => {
    await using stage = await siege({
      services: new ServiceMap().add(Target, { ...handlersOf(), total: () => new Promise<number>(() => {}) }),
      limits: { streamItems: 4 },
    });
    const attack = await stage.attack();
    attack.raw.write({ kind: FrameKind.call, id: 1, ...TOTAL, hasInputs: true }, undefined);
    for (let i = 0; i < 5; i++) attack.raw.write({ kind: FrameKind.input, id: 1 }, i);
    await stage.advance(1000, attack.raw);
    expect(attack.raw.take(FrameKind.inputsStop)).toHaveLength(1);
    await expectUnharmed(attack);
  });

  test("opens more streams than were allowed has those refused", async () => {
    await using stage = await siege({ services: target(), limits: { streamsMax: 1 } });
    const attack = await stage.attack([], { limits: limits({ streamItems: 1 }) });
    attack.raw.write({ kind: FrameKind.stream, id: 1, ...COUNT }, 10);
    attack.raw.write({ kind: FrameKind.stream, id: 2, ...COUNT }, 10);
    expect(await attack.raw.next(FrameKind.refuse)).toMatchObject({
      id: 2,
      value: ["credit-exceeded", expect.any(String)],
    });
    await expectUnharmed(attack);
  });

  test("never reads its stream costs nobody anything", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack([], { limits: limits({ streamItems: 0, streamBytes: 0 }) });
    for (let id = 1; id <= 100; id++) attack.raw.write({ kind: FrameKind.stream, id, ...COUNT }, 1e6);
    await stage.advance(10_000, attack.raw);
    expect(attack.raw.take(FrameKind.item)).toEqual([]);
    expect(attack.victim.stats.bytesPending).toBe(0);
    await expectUnharmed(attack);
  });

  test.each([
    ["that is no map", [1, 2]],
    ["of numbers", { a: 1 }],
    ["that is too long", { a: "x".repeat(9000) }],
    ["of megabytes, as much as a frame can say", { a: "x".repeat(65_000) }],
  ])("says metadata %s has that call refused", async (_, value) => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    const metadata = attack.raw.encode(value);
    attack.raw.write({ kind: FrameKind.call, id: 1, ...ECHO, metadata }, 1);
    expect(await attack.raw.next(FrameKind.refuse)).toMatchObject({
      id: 1,
      value: ["metadata-invalid", expect.any(String)],
    });
    await expectUnharmed(attack);
  });
});

describe("a provider that", () => {
  const THEIRS = [
    { name: "target", messages: Object.entries(Target.messages).map(([name, { kind }]) => [name, kind]) },
  ];

  test("sends items after the end, or for what was never opened, is reported and ignored", async () => {
    await using stage = await siege();
    const attack = await stage.attack(THEIRS as never);
    const items = attack.victim.address(Target).stream("count", 1);
    const first = items.next();
    const { id } = await attack.raw.next(FrameKind.stream);
    attack.raw.write({ kind: FrameKind.item, id }, 0);
    expect(await first).toEqual({ done: false, value: 0 });
    attack.raw.write({ kind: FrameKind.reply, id }, undefined);
    attack.raw.write({ kind: FrameKind.item, id }, 1);
    attack.raw.write({ kind: FrameKind.item, id: 4711 }, 1);
    await stage.flush();
    expect(await items.next()).toEqual({ done: true, value: undefined });
    expect(attack.events).toMatchObject([
      { type: "refused", direction: "incoming", error: { code: "stream-unknown" } },
      { type: "refused", direction: "incoming", error: { code: "stream-unknown" } },
    ]);
    expect(attack.victim.state).toBe("open");
  });

  test("sends more items than were allowed has that stream cancelled", async () => {
    await using stage = await siege({ limits: { streamItems: 3 } });
    const attack = await stage.attack(THEIRS as never);
    const items = attack.victim.address(Target).stream("count", 1);
    const first = items.next();
    const { id } = await attack.raw.next(FrameKind.stream);
    for (let i = 0; i < 5; i++) attack.raw.write({ kind: FrameKind.item, id }, i);
    expect(await first).toEqual({ done: false, value: 0 });
    await stage.flush();
    await expect(items.next()).rejects.toMatchObject({ code: "credit-exceeded" });
    expect(await attack.raw.next(FrameKind.cancel)).toMatchObject({ id });
    attack.raw.write({ kind: FrameKind.reply, id }, undefined);
    await stage.flush();
    expect(attack.victim.stats.streamsInFlight).toBe(0);
  });

  test("sends an item that may not travel has that stream cancelled, and its consumer is told why", async () => {
    await using stage = await siege();
    const attack = await stage.attack(THEIRS as never);
    const items = attack.victim.address(Target).stream("count", 1);
    const first = items.next();
    const { id } = await attack.raw.next(FrameKind.stream);
    attack.raw.forward({ kind: FrameKind.item, id }, Uint8Array.of(0x9f, 0xff));
    await expect(first).rejects.toMatchObject({ code: "payload-invalid" });
    expect(await items.next()).toEqual({ done: true, value: undefined });
    expect(await attack.raw.next(FrameKind.cancel)).toMatchObject({ id });
    attack.raw.write({ kind: FrameKind.reply, id }, undefined);
    await stage.flush();
  });
});

describe("a side that sends parts", () => {
  const head = (kind: number, id: number): number[] => [0, 0, 0, kind, id, 0, 0, 0];

  test.each<[string, (attack: Attack) => void, string]>([
    [
      "of what has not begun",
      ({ raw }) => raw.forward({ kind: FrameKind.part, id: 9 }, new Uint8Array(5)),
      "frame-malformed",
    ],
    ["and drops what has not begun", ({ raw }) => raw.write({ kind: FrameKind.drop, id: 9 }), "frame-malformed"],
    [
      "of a message that is longer than messageBytesMax",
      ({ raw }) => raw.forward({ kind: FrameKind.begin, id: 1, amount: 0xffff_ffff }, new Uint8Array(5)),
      "frame-too-long",
    ],
    [
      "that reach beyond their end",
      ({ raw }) => raw.forward({ kind: FrameKind.begin, id: 1, amount: 10 }, new Uint8Array(11)),
      "frame-malformed",
    ],
    [
      "of a frame that is no message",
      ({ raw }) => raw.forward({ kind: FrameKind.begin, id: 1, amount: 8 }, Uint8Array.from(head(FrameKind.ping, 1))),
      "frame-malformed",
    ],
    [
      "beyond its credit",
      ({ raw }) => {
        raw.forward({ kind: FrameKind.begin, id: 1, amount: 1_000_000 }, new Uint8Array(200_000));
        raw.forward({ kind: FrameKind.part, id: 1 }, new Uint8Array(10));
      },
      "credit-exceeded",
    ],
    [
      "twice under one number",
      ({ raw }) => {
        for (let i = 0; i < 2; i++) raw.forward({ kind: FrameKind.begin, id: 1, amount: 100_000 }, new Uint8Array(5));
      },
      "frame-malformed",
    ],
    [
      "of more than it may at once",
      ({ raw }) => {
        for (let id = 1; id < 100; id++)
          raw.forward({ kind: FrameKind.begin, id, amount: 4_000_000 }, new Uint8Array(5));
      },
      "frame-malformed",
    ],
  ])("%s is cut off", async (_, misbehave, code) => {
    await using stage = await siege({
      services: target(),
      limits: code === "credit-exceeded" ? { streamBytes: 200_000 } : {},
    });
    const attack = await stage.attack();
    misbehave(attack);
    if (code === "credit-exceeded") {
      // What was taken is allowed again at once, so that only one who does not count gets there.
      for (let i = 0; i < 20; i++) attack.raw.forward({ kind: FrameKind.part, id: 1 }, new Uint8Array(60_000));
    }
    await stage.flush();
    expect((await attack.raw.next(FrameKind.goodbye)).value).toEqual([
      code === "credit-exceeded" ? expect.stringMatching(/credit-exceeded|frame-malformed/) : code,
      expect.any(String),
    ]);
  });

  test("and does not read them when they come has few answers made for it", async () => {
    let made = 0;
    const services = new ServiceMap().add(Target, { ...handlersOf(), echo: () => (made++, new Uint8Array(1_000_000)) });
    await using stage = await siege({ services, limits: { waitingBytesMax: 2_000_000 } });
    const attack = await stage.attack([], { limits: limits({ messageBytesMax: 4_000_000 }) });
    for (let id = 1; id <= 500; id++) attack.raw.write({ kind: FrameKind.call, id, ...ECHO }, null);
    await stage.advance(1000, attack.raw);
    // Four have begun, and what waits behind them is more than may wait.
    expect(made).toBeLessThanOrEqual(4 + 2 + 1);
    expect(attack.victim.stats.bytesPending).toBeLessThan(8_000_000);
  });

  test("and never ends takes memory for what has arrived, and is gone with its connection", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    for (let id = 1; id <= 16; id++) {
      attack.raw.forward({ kind: FrameKind.begin, id, amount: 4 * 1024 * 1024 }, new Uint8Array(100));
    }
    await expectUnharmed(attack);
  });
});

describe("values that cannot be sent", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const values: [string, () => unknown][] = [
    ["a cycle", () => cycle],
    ["a function", () => () => 1],
    ["a symbol", () => Symbol("s")],
    [
      "a getter that throws",
      () => ({
        get it(): never {
          throw new Error("no");
        },
      }),
    ],
    [
      "a Proxy that throws",
      () =>
        new Proxy(
          {},
          {
            ownKeys() {
              throw new Error("no");
            },
          },
        ),
    ],
  ];
  const Any = defineService("any", { out: stream<number, unknown>(), into: call<void, number, unknown>(), ok: call() });

  test.each(values)("%s as an item ends that stream alone, either way", async (_, value) => {
    const services = new ServiceMap().add(Any, {
      async *out() {
        yield 1;
        yield value();
      },
      async into(__, { inputs }) {
        let count = 0;
        for await (const ___ of inputs) count++;
        return count;
      },
      ok() {},
    });
    await using harness = await peers({ right: { services } });
    const any = harness.left.address(Any);
    const outputs = any.stream("out", 1);
    expect((await outputs.next()).value).toBe(1);
    await expect(outputs.next()).rejects.toMatchObject({ code: "payload-unsupported" });
    let isClosed = false;
    const inputs = (function* () {
      try {
        yield 1;
        yield value();
      } finally {
        isClosed = true;
      }
    })();
    await expect(any.call("into", undefined, { inputs })).rejects.toMatchObject({ code: "payload-unsupported" });
    expect(isClosed).toBe(true);
    for (let i = 0; i < 1000; i++) await any.call("ok");
  });

  test("a header of 1 MB rejects its call, send and stream alone", async () => {
    await using harness = await peers({ right: { services: target() } });
    const address = harness.left.address(Target);
    const metadata = { token: "x".repeat(1024 * 1024) };
    const tooLong = { code: "metadata-too-long" };
    await expect(address.call("echo", 1, { metadata })).rejects.toMatchObject(tooLong);
    await expect(address.send("note", 1, { metadata })).rejects.toMatchObject(tooLong);
    await expect(address.stream("count", 1, { metadata }).next()).rejects.toMatchObject(tooLong);
    for (let i = 0; i < 1000; i++) expect(await address.call("echo", i)).toBe(i);
  });

  test("a producer that ignores its signal is abandoned, and its place is free again", async () => {
    const stuck = fence();
    const Stuck = defineService("stuck", { run: stream<void, number>() });
    const services = new ServiceMap().add(Stuck, {
      async *run() {
        yield 1;
        await stuck.pass();
      },
    });
    await using harness = await peers({ right: { services, limits: { streamsMax: 1 } } });
    const abandoned: string[] = [];
    harness.right.on("abandoned", ({ message }) => abandoned.push(message));
    const run = harness.left.address(Stuck).stream("run");
    await run.next();
    await stuck.reached;
    await run.return?.();
    await harness.advance(1000);
    expect(abandoned).toEqual(["run"]);
    expect(harness.right.stats).toMatchObject({ running: 0, abandoned: 1 });
    expect((await harness.left.address(Stuck).stream("run").next()).value).toBe(1);
    stuck.open();
    await harness.flush();
    expect(harness.right.stats.abandoned).toBe(0);
  });
});

test("a source that cannot be closed is done with when it has given what it owes", async () => {
  const slow = fence();
  const Odd = defineService("odd", { list: stream<void, number>() });
  const services = new ServiceMap().add(Odd, {
    list: () => ({
      [Symbol.asyncIterator]: () => {
        let n = 0;
        return {
          next: async () => {
            if (n > 0) await slow.pass();
            return { done: false, value: n++ };
          },
        };
      },
    }),
  });
  await using harness = await peers({ right: { services } });
  const list = harness.left.address(Odd).stream("list");
  expect((await list.next()).value).toBe(0);
  await slow.reached;
  await list.return?.();
  await harness.advance(1000);
  expect(harness.right.stats).toMatchObject({ running: 0, abandoned: 1 });
  slow.open();
  await harness.flush();
  expect(harness.right.stats.abandoned).toBe(0);
});

function handlersOf() {
  return { echo: (input: unknown) => input, count: () => [], total: () => 0, wait() {}, note() {} };
}

function limits(changes: Readonly<Record<string, number>>): Record<string, number> {
  return {
    frameBytesMax: 1024 * 1024,
    callsMax: 2048,
    callBytesMax: 4 * 1024 * 1024,
    sendsMax: 1024,
    sendBytesMax: 4 * 1024 * 1024,
    watchesMax: 1024,
    streamsMax: 256,
    streamItems: 256,
    streamBytes: 65_536,
    metadataBytesMax: 8192,
    ...changes,
  };
}

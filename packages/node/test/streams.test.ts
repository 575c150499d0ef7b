// What a stream promises, the same wherever its handler is: an actor in this program, behind a peer over every
// transport, an actor behind a peer, and through a link.

import {
  connect,
  defineService,
  call,
  link,
  listen,
  memory,
  ServiceMap,
  spawn,
  stream,
  type Address,
  type Handlers,
  type Schema,
} from "@troupe/core";
import { fence, type TransportSubject } from "@troupe/core/testing";
import { describe, expect, test } from "vitest";
import { tcp } from "../src/index.js";
import { EVERY_TRANSPORT } from "./every-transport.js";

/** A whole number, or why it is none. */
const WHOLE: Schema<number> = {
  "~standard": {
    version: 1,
    vendor: "by-hand",
    validate: (value) =>
      Number.isInteger(value) ? { value: value as number } : { issues: [{ message: "is no whole number" }] },
  },
};

const Numbers = defineService("numbers", {
  count: stream<{ to: number }, number>(),
  list: stream<number[], number>(),
  sums: stream<{ scale: number }, number, number>(),
  total: call<{ scale: number }, number, number>(),
  first: call<void, number, number>(),
  broken: stream<{ after: number }, number, never, { overflow: { at: number } }>(),
  waits: stream<void, number>(),
  later: stream<void, string>(),
  checked: stream({ output: WHOLE, inputs: WHOLE }),
  told: stream<void, string>(),
  blocks: stream<{ size: number; count: number }, Uint8Array>(),
  nothing: stream<void, number>(),
  alive: call<void, string>(),
});

/** What the handlers have seen. */
class Seen {
  finished = 0;
  made = 0;
  aborted: unknown;
  readonly waiting = fence();
}

function handlers(seen: Seen): Handlers<typeof Numbers> {
  return {
    async *count({ to }, { signal }) {
      signal.addEventListener("abort", () => (seen.aborted = signal.reason));
      try {
        for (let i = 0; i < to; i++) {
          seen.made++;
          yield i;
        }
      } finally {
        seen.finished++;
      }
    },
    list: (items) => items,
    async *sums({ scale }, { inputs }) {
      let sum = 0;
      for await (const n of inputs) yield (sum += n * scale);
    },
    async total({ scale }, { inputs }) {
      let sum = 0;
      for await (const n of inputs) sum += n * scale;
      return sum;
    },
    async first(_, { inputs }) {
      for await (const n of inputs) return n;
      return -1;
    },
    async *broken({ after }, { fail }) {
      for (let i = 0; i < after; i++) yield i;
      throw fail("overflow", { at: after }, "too many");
    },
    async *waits(_, { signal }) {
      void seen.waiting.pass();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      seen.aborted = signal.reason;
      yield 1;
    },
    later: () =>
      Promise.resolve(
        (function* () {
          yield "a";
          yield "b";
        })(),
      ),
    async *checked(_, { inputs }) {
      for await (const n of inputs) yield n / 2;
    },
    async *told(_, { metadata }) {
      yield JSON.stringify(metadata);
    },
    *blocks({ size, count }) {
      for (let i = 0; i < count; i++) yield new Uint8Array(size).fill(i);
    },
    nothing: () => [],
    alive: () => "alive",
  };
}

interface Place extends AsyncDisposable {
  readonly numbers: Address<typeof Numbers>;
}

async function behindPeer(subject: TransportSubject, services: ServiceMap): Promise<Place> {
  const { transport, endpoint, dispose } = subject;
  const transports = [transport];
  const listener = await listen(endpoint, { services, transports });
  const peer = await connect(listener.endpoint, { transports });
  return {
    numbers: peer.address(Numbers),
    async [Symbol.asyncDispose]() {
      await expect.poll(() => peer.stats).toMatchObject({ streamsInFlight: 0, callsInFlight: 0, waiting: 0 });
      await peer.close();
      await listener.close();
      await dispose?.();
    },
  };
}

/** One place for each transport. */
const PEERS = Object.entries(EVERY_TRANSPORT).map(([name, subject]) => [
  `a peer over ${name}`,
  async (seen: Seen) => behindPeer(await subject(), new ServiceMap().add(Numbers, handlers(seen))),
]) as [string, (seen: Seen) => Promise<Place>][];

const PLACES: Record<string, (seen: Seen) => Promise<Place>> = {
  "an actor of this program": async (seen) => {
    const numbers = spawn(Numbers, () => handlers(seen));
    return { numbers, [Symbol.asyncDispose]: () => numbers.close() };
  },
  ...Object.fromEntries(PEERS),
  "an actor behind a peer": async (seen) => {
    const actor = spawn(Numbers, () => handlers(seen));
    const place = await behindPeer(
      { transport: memory({ isPrivate: true }), endpoint: "memory://streams" },
      new ServiceMap().add(Numbers, actor),
    );
    return {
      numbers: place.numbers,
      async [Symbol.asyncDispose]() {
        await place[Symbol.asyncDispose]();
        await actor.close();
      },
    };
  },
  "a link over TCP": async (seen) => {
    const transports = [tcp()];
    const services = new ServiceMap().add(Numbers, handlers(seen));
    const listener = await listen("tcp://127.0.0.1:0", { services, transports });
    const up = link(listener.endpoint, { transports });
    return {
      numbers: up.address(Numbers),
      async [Symbol.asyncDispose]() {
        await up.close();
        await listener.close();
      },
    };
  },
};

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Inputs that tell whether they were closed, and how many were asked for. */
function endless(): AsyncGenerator<number> & { readonly asked: () => number; readonly closed: Promise<void> } {
  let asked = 0;
  let close!: () => void;
  const closed = new Promise<void>((resolve) => (close = resolve));
  const inputs = (async function* () {
    try {
      for (;;) yield ++asked;
    } finally {
      close();
    }
  })();
  return Object.assign(inputs, { asked: () => asked, closed });
}

describe.each(Object.entries(PLACES))("a stream of %s", (_, make) => {
  test("gives all outputs in order, and then ends", async () => {
    const seen = new Seen();
    await using place = await make(seen);
    expect(await all(place.numbers.stream("count", { to: 3000 }))).toEqual(Array.from({ length: 3000 }, (_, i) => i));
    expect(seen.finished).toBe(1);
  });

  test("of no outputs ends at once", async () => {
    await using place = await make(new Seen());
    expect(await all(place.numbers.stream("nothing"))).toEqual([]);
  });

  test("takes arrays, sync generators and promises of them from its handler", async () => {
    await using place = await make(new Seen());
    expect(await all(place.numbers.stream("list", [3, 1, 2]))).toEqual([3, 1, 2]);
    expect(await all(place.numbers.stream("later"))).toEqual(["a", "b"]);
  });

  test("begins when the first output is asked for, and not at all if that never happens", async () => {
    const seen = new Seen();
    await using place = await make(seen);
    const unread = place.numbers.stream("count", { to: 10 });
    expect(await place.numbers.call("alive")).toBe("alive");
    expect(seen.made).toBe(0);
    expect(await unread.return?.()).toEqual({ done: true, value: undefined });
    expect(await unread.next()).toEqual({ done: true, value: undefined });
    expect(seen.made).toBe(0);
  });

  test("left by its consumer runs the handler's finally, and others go on", async () => {
    const seen = new Seen();
    await using place = await make(seen);
    for await (const n of place.numbers.stream("count", { to: 1_000_000 })) if (n === 5) break;
    await expect.poll(() => seen.finished).toBe(1);
    expect(seen.made).toBeLessThan(10_000);
    expect(await place.numbers.call("alive")).toBe("alive");
  });

  test("tells the consumer once what its handler threw, after the outputs before it", async () => {
    await using place = await make(new Seen());
    const broken = place.numbers.stream("broken", { after: 3 });
    const got: number[] = [];
    const error = await (async () => {
      for await (const n of broken) got.push(n);
    })().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "RemoteError", code: "overflow", message: "too many", data: { at: 3 } });
    expect(got).toEqual([0, 1, 2]);
    expect(await broken.next()).toEqual({ done: true, value: undefined });
  });

  test("takes inputs while it gives outputs", async () => {
    await using place = await make(new Seen());
    const sums = place.numbers.stream("sums", { scale: 10 }, { inputs: [1, 2, 3] });
    expect(await all(sums)).toEqual([10, 30, 60]);
  });

  test("and a call that takes inputs answers once", async () => {
    await using place = await make(new Seen());
    const inputs = (function* () {
      for (let i = 1; i <= 2000; i++) yield i;
    })();
    expect(await place.numbers.call("total", { scale: 2 }, { inputs })).toBe(2001 * 2000);
    expect(await place.numbers.call("total", { scale: 2 }, { inputs: [] })).toBe(0);
  });

  test("whose handler has enough closes the caller's inputs", async () => {
    await using place = await make(new Seen());
    const inputs = endless();
    expect(await place.numbers.call("first", undefined, { inputs })).toBe(1);
    await inputs.closed;
    const others = endless();
    for await (const sum of place.numbers.stream("sums", { scale: 1 }, { inputs: others })) if (sum > 10) break;
    await others.closed;
  });

  test("whose inputs throw ends with that error", async () => {
    await using place = await make(new Seen());
    const failing = async function* (): AsyncGenerator<number> {
      yield 1;
      throw new RangeError("out of numbers");
    };
    await expect(all(place.numbers.stream("sums", { scale: 1 }, { inputs: failing() }))).rejects.toThrow(
      "out of numbers",
    );
    await expect(place.numbers.call("total", { scale: 1 }, { inputs: failing() })).rejects.toThrow("out of numbers");
    expect(await place.numbers.call("alive")).toBe("alive");
  });

  test("that is cancelled tells both sides why", async () => {
    const seen = new Seen();
    await using place = await make(seen);
    const controller = new AbortController();
    const waiting = place.numbers.stream("waits", undefined, { signal: controller.signal });
    const next = expect(waiting.next()).rejects.toMatchObject({ code: "cancelled" });
    await seen.waiting.reached;
    controller.abort("no longer");
    await next;
    expect(await waiting.next()).toEqual({ done: true, value: undefined });
    await expect.poll(() => seen.aborted).toMatchObject({ code: "cancelled" });
    expect(await place.numbers.call("alive")).toBe("alive");
  });

  test("that takes too long ends with timeout", async () => {
    const seen = new Seen();
    await using place = await make(seen);
    await expect(all(place.numbers.stream("waits", undefined, { timeoutMs: 20 }))).rejects.toMatchObject({
      code: "timeout",
    });
    // An actor behind a peer is told by the peer, which says why.
    await expect
      .poll(() => (seen.aborted as Error | undefined)?.cause ?? seen.aborted)
      .toMatchObject({ code: "timeout" });
  });

  test("names the item that a schema refuses", async () => {
    await using place = await make(new Seen());
    const outputs = place.numbers.stream("checked", undefined, { inputs: [2, 4, 5, 6] });
    expect(await outputs.next()).toEqual({ done: false, value: 1 });
    expect(await outputs.next()).toEqual({ done: false, value: 2 });
    await expect(outputs.next()).rejects.toMatchObject({
      code: "output-invalid",
      data: { issues: [{ path: ["outputs", 2] }] },
    });
    const inputs = place.numbers.stream("checked", undefined, { inputs: [2, 2.5] });
    await expect(all(inputs)).rejects.toMatchObject({
      code: "input-invalid",
      data: { issues: [{ path: ["inputs", 1] }] },
    });
  });

  test("carries metadata to its handler", async () => {
    await using place = await make(new Seen());
    expect(await all(place.numbers.stream("told", undefined, { metadata: { token: "t" } }))).toEqual(['{"token":"t"}']);
    expect(await all(place.numbers.stream("told"))).toEqual(["{}"]);
  });

  test("carries items of any length in order", async () => {
    await using place = await make(new Seen());
    for (const size of [0, 1000, 65_536, 65_537, 300_000]) {
      const blocks = await all(place.numbers.stream("blocks", { size, count: 5 }));
      expect(blocks.map((block) => [block.length, block[0] ?? -1])).toEqual(
        [0, 1, 2, 3, 4].map((i) => [size, size === 0 ? -1 : i]),
      );
    }
  });

  test("runs beside a hundred others", async () => {
    await using place = await make(new Seen());
    const totals = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => (await all(place.numbers.stream("count", { to: i * 7 }))).length),
    );
    expect(totals).toEqual(Array.from({ length: 100 }, (_, i) => i * 7));
  });
});

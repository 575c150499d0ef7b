// Services of others, passed on undecoded: one hop and several, and what happens when somebody on the way is gone.

import { describe, expect, test, vi } from "vitest";
import { call, defineService, RemoteError, Semaphore, send, spawn, stream } from "../actor/index.js";
import { systemClock } from "../base/index.js";
import { Fence, peers, type Harness } from "../testing/index.js";
import { troupeCbor } from "../wire/index.js";
import { byKey, PeerError, Relay, ServiceMap, type Peer, type PeerOptions } from "./index.js";

interface Overdrawn {
  overdrawn: { by: number };
}

const Bank = defineService("bank", {
  add: call<number, number>(),
  show: call<void, number>(),
  log: send<number>(),
  take: call<number, number, never, Overdrawn>(),
  hang: call<void, void>(),
  bytes: call<Uint8Array, Uint8Array>(),
  count: stream<number, number>(),
  sums: stream<number, number, number>(),
  who: call<void, string>(),
  left: call<void, number>(),
});

interface Account {
  readonly services: ServiceMap;
  readonly logged: number[];
  /** Resolves when `hang` has begun, and when it was given up. */
  readonly hanging: Fence;
  readonly aborted: Fence;
  produced: number;
}

function account(name = "only"): Account {
  let total = 0;
  const logged: number[] = [];
  const made: Account = { services: new ServiceMap(), logged, hanging: new Fence(), aborted: new Fence(), produced: 0 };
  made.services.add(Bank, {
    add: (amount) => (total += amount),
    show: () => total,
    log: (amount) => void logged.push(amount),
    take: (amount, { fail }) => {
      if (amount > total) throw fail("overdrawn", { by: amount - total });
      return (total -= amount);
    },
    hang: (_input, { signal }) =>
      new Promise((_resolve, reject) => {
        void made.hanging.pass();
        signal.addEventListener("abort", () => {
          void made.aborted.pass();
          reject(new Error("given up"));
        });
      }),
    bytes: (bytes) => bytes.map((byte) => byte ^ 0xff),
    async *count(to, { signal }) {
      for (let i = 0; i < to && !signal.aborted; i++) {
        made.produced++;
        yield i;
      }
    },
    async *sums(start, { inputs }) {
      let sum = start;
      for await (const input of inputs) yield (sum += input);
    },
    who: () => name,
    left: (_input, { remainingMs }) => remainingMs,
  });
  return made;
}

/** Connections one behind the other: the consumer at the left end of the first, the provider at the right of the last. */
interface Chain extends AsyncDisposable {
  readonly consumer: Peer;
  readonly hops: readonly Harness[];
}

async function chain(services: ServiceMap, relays: number, options: PeerOptions = {}): Promise<Chain> {
  const hops: Harness[] = [];
  let offered = services;
  for (let i = 0; i <= relays; i++) {
    const hop = await peers({ left: options, right: { ...options, services: offered } });
    hops.unshift(hop);
    offered = new ServiceMap().relay(new Relay(hop.left));
  }
  return {
    consumer: (hops[0] as Harness).left,
    hops,
    async [Symbol.asyncDispose]() {
      for (const hop of hops) await hop[Symbol.asyncDispose]();
    },
  };
}

describe.each([1, 3])("a service behind %i relays", (relays) => {
  test("answers calls, takes sends in order, and fails as it declares", async () => {
    const { services, logged } = account();
    await using way = await chain(services, relays);
    const bank = way.consumer.address(Bank);
    expect(way.consumer.remote.services).toEqual(["bank"]);
    expect(await bank.call("add", 5)).toBe(5);
    expect(await bank.call("add", 5)).toBe(10);
    expect(await bank.call("show")).toBe(10);
    for (let i = 0; i < 100; i++) await bank.send("log", i);
    await settle();
    expect(logged).toEqual(Array.from({ length: 100 }, (_, i) => i));
    const failed = bank.call("take", 25);
    await expect(failed).rejects.toMatchObject({ code: "overdrawn", data: { by: 15 } });
    await expect(failed).rejects.toBeInstanceOf(RemoteError);
  });

  test("streams outputs, and inputs, no faster than they are taken", async () => {
    const bankAccount = account();
    await using way = await chain(bankAccount.services, relays, { limits: { streamItems: 4 } });
    const bank = way.consumer.address(Bank);
    const seen: number[] = [];
    for await (const item of bank.stream("count", 50)) seen.push(item);
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i));

    bankAccount.produced = 0;
    const slow = bank.stream("count", 10_000);
    await slow.next();
    await settle();
    // Each connection holds what it allows, and each relay one more.
    expect(bankAccount.produced).toBeLessThan(60);
    await slow.return?.();

    const sums: number[] = [];
    const inputs = [1, 2, 3, 4, 5, 6, 7];
    for await (const sum of bank.stream("sums", 100, { inputs })) sums.push(sum);
    expect(sums).toEqual([101, 103, 106, 110, 115, 121, 128]);
  });

  test("passes on a cancel and the deadline, with what is beside the input", async () => {
    const { services, hanging, aborted } = account();
    await using way = await chain(services, relays);
    const bank = way.consumer.address(Bank);
    expect(await bank.call("left", undefined, { timeoutMs: 1234 })).toBeLessThanOrEqual(1234);
    const controller = new AbortController();
    const cancelled = bank.call("hang", undefined, { signal: controller.signal });
    await hanging.reached;
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: "cancelled" });
    await aborted.reached;

    const late = bank.call("hang", undefined, { timeoutMs: 50 });
    const outcome = expect(late).rejects.toMatchObject({ code: "timeout" });
    for (const hop of [...way.hops].reverse()) await hop.advance(400);
    await outcome;
  });

  test("passes large messages on, and decodes none on the way", async () => {
    const { services } = account();
    await using way = await chain(services, relays);
    const bank = way.consumer.address(Bank);
    const bytes = new Uint8Array(300_000).fill(7);
    expect(await bank.call("bytes", bytes)).toEqual(new Uint8Array(300_000).fill(7 ^ 0xff));

    const encode = vi.spyOn(troupeCbor, "encode");
    const [first] = way.hops as [Harness];
    const middle = first.right;
    expect(middle.remote.services).toEqual([]);
    expect(await bank.call("add", 1)).toBe(1);
    expect(encode.mock.calls.filter(([value]) => typeof value === "number")).toEqual([]);
    encode.mockRestore();
  });
});

describe("an upstream that is lost", () => {
  test("fails what is pending at once, is announced, and its services are gone until it is back", async () => {
    const { services, hanging } = account();
    const relay = new Relay();
    const up = await peers({ right: { services } });
    relay.add(up.left);
    await using down = await peers({ right: { services: new ServiceMap().relay(relay) } });
    const lost: unknown[] = [];
    down.right.on("relayLost", (event) => lost.push(event.services));
    relay.on("relayLost", (event) => lost.push(event.peer));
    const withdrawn: string[] = [];
    down.left.on("withdrawn", ({ service }) => withdrawn.push(service));
    const bank = down.left.address(Bank);
    const pending = bank.call("hang");
    const failed = expect(pending).rejects.toMatchObject({ code: "relay-lost", data: { maybeExecuted: true } });
    await hanging.reached;
    up.cut();
    await failed;
    await settle();
    expect(lost).toEqual([up.left, ["bank"]]);
    expect(withdrawn).toEqual(["bank"]);
    expect(relay.services).toEqual([]);
    await expect(bank.call("show")).rejects.toMatchObject({ code: "unknown-service" });

    await using again = await peers({ right: { services: account().services } });
    relay.add(again.left);
    await settle();
    expect(await bank.call("add", 3)).toBe(3);
  });

  test("ends streams with an error that says so, and watches", async () => {
    const { services } = account();
    const up = await peers({ right: { services } });
    await using down = await peers({ right: { services: new ServiceMap().relay(new Relay(up.left)) } });
    const bank = down.left.address(Bank);
    const items = bank.stream("sums", 0, { inputs: forever() });
    expect((await items.next()).value).toBe(1);
    const watch = bank.watch();
    await settle();
    up.cut();
    const ends = async (): Promise<void> => {
      for await (const _ of items);
    };
    await expect(ends()).rejects.toMatchObject({ code: "relay-lost" });
    expect(["connection-lost", "withdrawn"]).toContain((await watch).reason);
  });

  test("tells who watches an actor behind a relay how it ended", async () => {
    const actor = spawn(Bank, () => ({ ...never(), who: () => "an actor" }));
    await using way = await chain(new ServiceMap().add(Bank, actor), 1);
    const watch = way.consumer.address(Bank).watch();
    await settle();
    await actor.close();
    expect(await watch).toEqual({ reason: "stopped" });
  });

  test("hands over to those that are left, and says nothing of what goes on", async () => {
    const one = await peers({ right: { services: account("one").services } });
    await using two = await peers({ right: { services: account("two").services } });
    await using down = await peers({ right: { services: new ServiceMap().relay(new Relay([one.left, two.left])) } });
    const withdrawn = vi.fn();
    down.left.on("withdrawn", withdrawn);
    const bank = down.left.address(Bank);
    const answers = [await bank.call("who"), await bank.call("who")];
    expect(answers.sort()).toEqual(["one", "two"]);
    await one.left.close();
    await settle();
    expect([await bank.call("who"), await bank.call("who")]).toEqual(["two", "two"]);
    expect(withdrawn).not.toHaveBeenCalled();
    await one[Symbol.asyncDispose]();
  });
});

describe("one of several upstreams", () => {
  async function three(
    relay: Relay,
  ): Promise<{ bank: ReturnType<typeof bankOf>; accounts: Account[] } & AsyncDisposable> {
    const accounts = ["a", "b", "c"].map((name) => account(name));
    const ups = await Promise.all(accounts.map(({ services }) => peers({ right: { services } })));
    for (const { left } of ups) relay.add(left);
    const down = await peers({ right: { services: new ServiceMap().relay(relay) } });
    const dispose = async (): Promise<void> => {
      for (const each of [down, ...ups]) await each[Symbol.asyncDispose]();
    };
    return { bank: bankOf(down.left), accounts, [Symbol.asyncDispose]: dispose };
  }
  const bankOf = (peer: Peer) => peer.address(Bank);

  test("gets its turn", async () => {
    await using stage = await three(new Relay());
    const answers = [];
    for (let i = 0; i < 9; i++) answers.push(await stage.bank.call("who"));
    for (const name of ["a", "b", "c"]) expect(answers.filter((answer) => answer === name)).toHaveLength(3);
  });

  test("gets a message when it has the least to do", async () => {
    await using stage = await three(new Relay([], { choose: "least-loaded" }));
    const controller = new AbortController();
    const hanging = [1, 2].map(() => stage.bank.call("hang", undefined, { signal: controller.signal }));
    await settle();
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await stage.bank.call("who"));
    expect(new Set(answers).size).toBe(1);
    controller.abort();
    await Promise.allSettled(hanging);
  });

  test("gets all messages of a key", async () => {
    await using stage = await three(new Relay([], { choose: byKey(({ metadata }) => metadata.user ?? "") }));
    const byUser = new Map<string, Set<string>>();
    for (let i = 0; i < 60; i++) {
      const user = `user ${i % 20}`;
      const answer = await stage.bank.call("who", undefined, { metadata: { user } });
      byUser.set(user, (byUser.get(user) ?? new Set()).add(answer));
    }
    expect([...byUser.values()].every(({ size }) => size === 1)).toBe(true);
    expect(new Set([...byUser.values()].flatMap((names) => [...names])).size).toBe(3);
  });

  test("is what a function of the user's says, and a function that fails is an error of one message", async () => {
    let pick = 0;
    const seen: unknown[] = [];
    const relay = new Relay([], {
      choose: (candidates, { service, message, kind }) => {
        seen.push([service, message, kind]);
        if (pick === 9) throw new Error("no idea");
        return candidates[pick] as (typeof candidates)[0];
      },
    });
    await using stage = await three(relay);
    expect(await stage.bank.call("who")).toBe("a");
    pick = 2;
    expect(await stage.bank.call("who")).toBe("c");
    pick = 7;
    await expect(stage.bank.call("who")).rejects.toMatchObject({ code: "relay-lost" });
    pick = 9;
    await expect(stage.bank.call("who")).rejects.toMatchObject({ message: "no idea" });
    pick = 0;
    expect(await stage.bank.call("who")).toBe("a");
    expect(seen).toHaveLength(5);
    expect(seen[0]).toEqual(["bank", "who", "call"]);
  });

  test("is not mixed with one of another contract", async () => {
    const Other = defineService("bank", { who: call<void, string>() });
    await using one = await peers({ right: { services: account("one").services } });
    const other = new ServiceMap().add(Other, { who: () => "other" });
    await using two = await peers({ right: { services: other } });
    await using down = await peers({ right: { services: new ServiceMap().relay(new Relay([one.left, two.left])) } });
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await down.left.address(Bank).call("who"));
    expect(answers).toEqual(["one", "one", "one", "one"]);
    one.right.withdraw(Bank);
    await settle();
    expect(await down.left.address(Other).call("who")).toBe("other");
  });
});

describe("what is relayed", () => {
  test("is cancelled when its caller is gone", async () => {
    const { services, hanging, aborted } = account();
    await using up = await peers({ right: { services } });
    const down = await peers({ right: { services: new ServiceMap().relay(new Relay(up.left)) } });
    const lost = expect(down.left.address(Bank).call("hang")).rejects.toMatchObject({ code: "connection-lost" });
    await hanging.reached;
    down.cut();
    await lost;
    await aborted.reached;
    await down[Symbol.asyncDispose]();
  });

  test("is withdrawn from whoever was offered it when its upstream is removed, and that is no loss", async () => {
    await using up = await peers({ right: { services: account().services } });
    const relay = new Relay(up.left);
    const lost = vi.fn();
    relay.on("relayLost", lost);
    await using down = await peers({ right: { services: new ServiceMap().relay(relay) } });
    expect(relay.remove(up.left)).toBe(true);
    expect(relay.remove(up.left)).toBe(false);
    await settle();
    expect(down.left.remote.services).toEqual([]);
    relay.add(up.left);
    await settle();
    expect(down.left.remote.services).toEqual(["bank"]);
    relay.close();
    await settle();
    expect(down.left.remote.services).toEqual([]);
    expect(lost).not.toHaveBeenCalled();
  });

  test("is what was asked for, and nothing that is handled here", async () => {
    const Clock = defineService("clock", { now: call<void, number>() });
    const upstream = account("upstream").services.add(Clock, { now: () => 1 });
    await using up = await peers({ right: { services: upstream } });
    const only = new ServiceMap().relay(new Relay(up.left, { services: [Bank] }));
    await using down = await peers({ right: { services: only } });
    expect(down.left.remote.services).toEqual(["bank"]);
    const own = new ServiceMap().relay(new Relay(up.left)).add(Clock, { now: () => 2 });
    await using mixed = await peers({ right: { services: own } });
    expect(await mixed.left.address(Clock).call("now")).toBe(2);
    up.right.withdraw(Clock);
    await settle();
    expect(await mixed.left.address(Clock).call("now")).toBe(2);
  });

  test("takes no permit", async () => {
    const backpressure = new Semaphore(1);
    const { services, hanging } = account();
    await using up = await peers({ right: { services } });
    await using down = await peers({ right: { services: new ServiceMap().relay(new Relay(up.left)), backpressure } });
    const controller = new AbortController();
    const pending = down.left.address(Bank).call("hang", undefined, { signal: controller.signal });
    await hanging.reached;
    expect(await down.left.address(Bank).call("who")).toBe("only");
    expect(backpressure.available).toBe(1);
    controller.abort();
    await expect(pending).rejects.toBeInstanceOf(PeerError);
  });

  test("does not come back to where it came from", async () => {
    // Two relays that offer each other everything that they are offered.
    const [first, second] = [new Relay(), new Relay()];
    await using between = await peers({
      left: { services: new ServiceMap().relay(first) },
      right: { services: new ServiceMap().relay(second) },
    });
    first.add(between.left);
    second.add(between.right);
    const up = await peers({ right: { services: account().services } });
    first.add(up.left);
    await settle();
    expect([first.services, second.services]).toEqual([["bank"], ["bank"]]);
    await using down = await peers({ right: { services: new ServiceMap().relay(second) } });
    expect(await down.left.address(Bank).call("who")).toBe("only");
    up.cut();
    await settle();
    // Neither goes on believing it of the other.
    expect([first.services, second.services]).toEqual([[], []]);
    await expect(down.left.address(Bank).call("who")).rejects.toMatchObject({ code: "unknown-service" });
    await up[Symbol.asyncDispose]();
  });

  test("comes through sixteen relays, and not through seventeen", async () => {
    await using far = await chain(account().services, 16);
    expect(await far.consumer.address(Bank).call("who")).toBe("only");
    await using farther = await chain(account().services, 17);
    expect(farther.consumer.remote.services).toEqual([]);
  });
});

/** Resolves when nothing is on its way any more, on any connection. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => systemClock.yield(resolve));
}

async function* forever(): AsyncGenerator<number> {
  yield 1;
  await new Promise(() => {});
}

/** Handlers for what a test does not ask. */
function never(): Record<"add" | "show" | "log" | "take" | "hang" | "bytes" | "count" | "sums" | "left", () => never> {
  const fails = (): never => {
    throw new Error("not asked");
  };
  return {
    add: fails,
    show: fails,
    log: fails,
    take: fails,
    hang: fails,
    bytes: fails,
    count: fails,
    sums: fails,
    left: fails,
  };
}

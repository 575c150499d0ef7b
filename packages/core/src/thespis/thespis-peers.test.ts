// Two peers that speak the format of thespis_remote: what it carries, what it does not, and how it ends.

import { expect, test, vi } from "vitest";
import { call, defineService, RemoteError, Semaphore, send, stream } from "../actor/index.js";
import { PeerError, ServiceMap, type PeerEvent, type PeerOptions } from "../peer/index.js";
import { Fence, peers, type Harness } from "../testing/index.js";
import { type WireError } from "../wire/index.js";
import { THESPIS_CALLS_MAX, thespisCbor } from "./index.js";

const Remotes = defineService("remotes", {
  add: call<number, void>({ thespis: { namespace: "remotes", type: "Add", input: "int", output: "unit" } }),
  addLater: send<number>({ thespis: { namespace: "remotes", type: "Add", input: "int" } }),
  show: call<void, number>({ thespis: { namespace: "remotes", type: "Show", input: "unit", output: "int" } }),
  blob: call<Uint8Array, Uint8Array>({
    thespis: { namespace: "remotes", type: "Blob", input: "bytes", output: "bytes" },
  }),
  hang: call<void, number>({ thespis: { namespace: "remotes", type: "Hang" } }),
  fail: call<void, void>({ thespis: { namespace: "remotes", type: "Fail" } }),
  count: stream<number, number>({ thespis: { namespace: "remotes", type: "Count" } }),
  sum: call<void, number, number>({ thespis: { namespace: "remotes", type: "Sum" } }),
  native: call<void, void>(),
});

const Chat = defineService("chat", {
  notice: send<string>({ thespis: { namespace: "chat", type: "Notice" } }),
  name: call<void, string>({ thespis: { namespace: "chat", type: "Name" } }),
});

function counter() {
  let total = 0;
  const hanging = new Fence();
  const services = new ServiceMap().add(Remotes, {
    add: (amount) => void (total += amount),
    addLater: (amount) => void (total += amount),
    show: () => total,
    blob: (bytes) => bytes.map((byte) => byte ^ 0xff),
    async hang() {
      await hanging.pass();
      return total;
    },
    fail: () => {
      throw new Error("a secret");
    },
    async *count(to) {
      for (let i = 0; i < to; i++) yield i;
    },
    sum: () => 0,
    native: () => {},
  });
  return { services, hanging, total: () => total };
}

function speaking(options: { left?: PeerOptions; right?: PeerOptions }): Promise<Harness> {
  return peers({
    left: { wireFormat: thespisCbor, ...options.left },
    right: { wireFormat: thespisCbor, ...options.right },
  });
}

test("calls are answered and sends arrive, in both directions over one connection", async () => {
  const right = counter();
  const notices: string[] = [];
  const mine = new ServiceMap().add(Chat, { notice: (text) => void notices.push(text), name: () => "bob" });
  await using harness = await speaking({ left: { services: mine }, right: { services: right.services } });
  const remotes = harness.left.address(Remotes);
  await remotes.call("add", 5);
  await remotes.send("addLater", 5);
  expect(await remotes.call("show")).toBe(10);
  expect(await remotes.call("blob", Uint8Array.of(1, 2, 255))).toEqual(Uint8Array.of(254, 253, 0));
  const chat = harness.right.address(Chat);
  expect(await chat.call("name")).toBe("bob");
  await chat.send("notice", "hello");
  await harness.flush();
  expect(notices).toEqual(["hello"]);
});

test("a handler calls back over the connection that its call came by", async () => {
  const Asking = defineService("asking", {
    greet: call<void, string>({ thespis: { namespace: "asking", type: "Greet" } }),
  });
  const services = new ServiceMap().add(Asking, {
    greet: async (_input, { peer }) => `hello ${await peer.address(Chat).call("name")}`,
  });
  const mine = new ServiceMap().add(Chat, { notice: () => {}, name: () => "bob" });
  await using harness = await speaking({ left: { services: mine }, right: { services } });
  expect(await harness.left.address(Asking).call("greet")).toBe("hello bob");
});

test("integers outside 32 bits arrive, as bigints where a number could not be trusted", async () => {
  const Big = defineService("big", {
    same: call<number | bigint, number | bigint>({ thespis: { namespace: "big", type: "Same" } }),
  });
  const services = new ServiceMap().add(Big, { same: (value) => value });
  await using harness = await speaking({ right: { services } });
  const big = harness.left.address(Big);
  for (const value of [5_000_000_000, -5_000_000_000, 2 ** 53 - 1, 2n ** 64n - 1n, -(2n ** 63n), 0.5]) {
    expect(await big.call("same", value)).toBe(value);
  }
});

test("what the format does not carry is an error of the caller's, and the connection goes on", async () => {
  const right = counter();
  await using harness = await speaking({ right: { services: right.services } });
  const remotes = harness.left.address(Remotes);
  const codeOf = async (promise: Promise<unknown>): Promise<unknown> => {
    const error = await promise.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return (error as WireError | undefined)?.code;
  };
  expect(await codeOf(remotes.stream("count", 3).next())).toBe("format-unsupported");
  const inputs = (async function* () {
    yield 1;
  })();
  expect(await codeOf(remotes.call("sum", undefined, { inputs }))).toBe("format-unsupported");
  expect(await codeOf(remotes.call("show", undefined, { metadata: { trace: "1" } }))).toBe("metadata-too-long");
  expect(await codeOf(remotes.watch())).toBe("watches-full");
  expect(await codeOf(remotes.call("native"))).toBe("thespis-unmapped");
  expect(await codeOf(remotes.call("add", 1.5))).toBe("payload-unsupported");
  expect(await codeOf(remotes.send("addLater", 0.5))).toBe("payload-unsupported");
  expect(await remotes.call("show")).toBe(0);
});

test("errors arrive as one of the six, without a word of what was inside", async () => {
  const Unprovided = defineService("unprovided", {
    nothing: call<void, void>({ thespis: { namespace: "unprovided", type: "Nothing" } }),
    notice: call<string, void>({ thespis: { namespace: "chat", type: "Notice" } }),
    addText: call<string, void>({ thespis: { namespace: "remotes", type: "Add" } }),
  });
  const right = counter();
  right.services.add(Chat, { notice: () => {}, name: () => "" });
  const refused: PeerEvent[] = [];
  await using harness = await speaking({ right: { services: right.services } });
  harness.right.on("refused", (event) => refused.push(event));
  const unprovided = harness.left.address(Unprovided);
  await expect(unprovided.call("nothing")).rejects.toMatchObject({ code: "unknown-service" });
  await expect(unprovided.call("addText", "five")).rejects.toMatchObject({ code: "payload-invalid" });
  await expect(unprovided.call("notice", "?")).rejects.toMatchObject({ code: "unknown-message" });
  const failed = harness.left.address(Remotes).call("fail");
  await expect(failed).rejects.toBeInstanceOf(RemoteError);
  await expect(failed).rejects.toMatchObject({ code: "internal" });
  await expect(failed).rejects.not.toThrow(/secret/);
  expect(refused).toHaveLength(3);
});

test("a call that takes too long fails here, and its place is free again although no answer comes", async () => {
  const right = counter();
  await using harness = await speaking({ right: { services: right.services } });
  const remotes = harness.left.address(Remotes);
  const late = remotes.call("hang", undefined, { timeoutMs: 10 });
  const given = expect(late).rejects.toMatchObject({ code: "timeout", maybeExecuted: true });
  await harness.advance(10);
  await given;
  await harness.flush();
  expect(harness.left.stats.callsInFlight).toBe(0);
  const controller = new AbortController();
  const cancelled = expect(remotes.call("hang", undefined, { signal: controller.signal })).rejects.toMatchObject({
    code: "cancelled",
  });
  controller.abort();
  await cancelled;
  await harness.flush();
  expect(harness.left.stats.callsInFlight).toBe(0);
  // The late answers come, and are ignored.
  right.hanging.open();
  await harness.flush();
  expect(harness.left.stats.framesIgnored).toBe(2);
  expect(await remotes.call("show")).toBe(0);
});

test("calls that come without end are parked, while answers get through", async () => {
  const Flood = defineService("flood", {
    wait: call<number, string>({ thespis: { namespace: "flood", type: "Wait" } }),
  });
  const gate = new Fence();
  const services = new ServiceMap().add(Flood, {
    wait: async (_n, { peer }) => {
      await gate.pass();
      return peer.address(Chat).call("name");
    },
  });
  const mine = new ServiceMap().add(Chat, { notice: () => {}, name: () => "bob" });
  await using harness = await speaking({
    left: { services: mine },
    right: { services, limits: { callsMax: 4 }, backpressure: new Semaphore(2) },
  });
  const flood = harness.left.address(Flood);
  const answers = Array.from({ length: 3 * THESPIS_CALLS_MAX }, (_, n) => flood.call("wait", n));
  await harness.flush();
  expect(harness.left.stats.callsInFlight).toBe(THESPIS_CALLS_MAX);
  expect(harness.right.stats.running).toBeLessThanOrEqual(4);
  gate.open();
  const all = await Promise.all(answers);
  expect(new Set(all)).toEqual(new Set(["bob"]));
});

test("sends that come without end wait for the handler, and none is lost", async () => {
  const seen: number[] = [];
  const gate = new Fence();
  const Log = defineService("log", { line: send<number>({ thespis: { namespace: "log", type: "Line" } }) });
  const services = new ServiceMap().add(Log, {
    async line(n) {
      await gate.pass();
      seen.push(n);
    },
  });
  await using harness = await speaking({ right: { services, limits: { sendsMax: 16 } } });
  const log = harness.left.address(Log);
  for (let n = 0; n < 1000; n++) await log.send("line", n);
  await harness.flush();
  expect(harness.right.stats.running).toBe(16);
  gate.open();
  await vi.waitFor(async () => {
    await harness.flush();
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });
});

test("far more sends than any window holds pass, since what nobody confirms counts as taken", async () => {
  let count = 0;
  const Log = defineService("log", { line: send<string>({ thespis: { namespace: "log", type: "Line" } }) });
  const services = new ServiceMap().add(Log, { line: () => void count++ });
  await using harness = await speaking({ right: { services } });
  const log = harness.left.address(Log);
  for (let n = 0; n < 5000; n++) await log.send("line", "x".repeat(100));
  await vi.waitFor(async () => {
    await harness.flush();
    expect(count).toBe(5000);
  });
  expect(harness.left.stats.sendsInFlight).toBeLessThan(256);
});

test("an end without a word is an orderly one, and calls that wait are told", async () => {
  const right = counter();
  await using harness = await speaking({ right: { services: right.services } });
  await harness.left.close();
  expect(await harness.right.closed).toMatchObject({ by: "remote", code: "closed" });
  await expect(harness.left.address(Remotes).call("show")).rejects.toBeInstanceOf(PeerError);
});

test("a service that is provided later is there, and one that is withdrawn is not", async () => {
  const right = counter();
  await using harness = await speaking({});
  const remotes = harness.left.address(Remotes);
  await expect(remotes.call("show")).rejects.toMatchObject({ code: "unknown-service" });
  harness.right.provide(right.services);
  expect(await remotes.call("show")).toBe(0);
  harness.right.withdraw(Remotes);
  await expect(remotes.call("show")).rejects.toMatchObject({ code: "unknown-service" });
});

test("the same type cannot be provided twice", async () => {
  const right = counter();
  const Same = defineService("same", { add: call<number, void>({ thespis: { namespace: "remotes", type: "Add" } }) });
  await using harness = await speaking({ right: { services: right.services } });
  expect(() => harness.right.provide(new ServiceMap().add(Same, { add: () => {} }))).toThrow(
    expect.objectContaining({ code: "thespis-unmapped" }),
  );
});

test("whoever decides who may come in decides before anything is read", async () => {
  const right = counter();
  await using harness = await speaking({ right: { authorize: () => right.services } });
  expect(await harness.left.address(Remotes).call("show")).toBe(0);
});

test("silence is no sign of death", async () => {
  const right = counter();
  await using harness = await speaking({ right: { services: right.services } });
  await harness.advance(24 * 3_600_000);
  expect(await harness.left.address(Remotes).call("show")).toBe(0);
});

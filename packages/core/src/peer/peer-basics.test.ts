// Two peers that talk: both ends equal, every message in a task of its own, sends in order.

import { expect, test } from "vitest";
import { call, defineService, send, type Address } from "../actor/index.js";
import { fence, peers } from "../testing/index.js";
import { ServiceMap, type Peer } from "./index.js";

const Sum = defineService("sum", { add: call<number>(), show: call<void, number>() });
const Work = defineService("work", { do: call<string, string>() });
const Log = defineService("log", { line: send<number>(), other: send<number>() });

function sums(): ServiceMap {
  let sum = 0;
  return new ServiceMap().add(Sum, { add: (n) => void (sum += n), show: () => sum });
}

test("add twice, then show gives 10, over a 64-byte pipe; a local close ends both sides", async () => {
  await using harness = await peers({ right: { services: sums() }, pipe: { bufferBytes: 64 } });
  const sum = harness.left.address(Sum);
  await sum.call("add", 5);
  await sum.call("add", 5);
  expect(await sum.call("show")).toBe(10);
  expect(await harness.left.close()).toEqual({ by: "local", code: "closed" });
  expect(await harness.right.closed).toEqual({ by: "remote", code: "closed" });
});

test("frames that arrive byte by byte are put together again, both ways", async () => {
  await using harness = await peers({ right: { services: sums() }, pipe: { chunk: () => 1 } });
  const sum = harness.left.address(Sum);
  await sum.call("add", 41);
  await sum.call("add", 1);
  expect(await sum.call("show")).toBe(42);
});

test("state that two addresses of one service change by call is seen through either", async () => {
  await using harness = await peers({ right: { services: sums() } });
  const [one, two] = [harness.left.address(Sum), harness.left.address(Sum)];
  await one.call("add", 5);
  await two.call("add", 5);
  expect([await one.call("show"), await two.call("show")]).toEqual([10, 10]);
});

test("both sides provide the same service and call each other's at once, with equal ConnIDs", async () => {
  const provide = (name: string): ServiceMap => new ServiceMap().add(Work, { do: async (input) => `${name} ${input}` });
  await using harness = await peers({ left: { services: provide("left") }, right: { services: provide("right") } });
  const calls = Array.from({ length: 100 }, (_, i) => [
    harness.left.address(Work).call("do", `${i}`),
    harness.right.address(Work).call("do", `${i}`),
  ]).flat();
  const expected = Array.from({ length: 100 }, (_, i) => [`right ${i}`, `left ${i}`]).flat();
  expect(await Promise.all(calls)).toEqual(expected);
});

test("while B's call is handled, A calls B back over the same connection and answers with the result", async () => {
  const ofLeft = new ServiceMap().add(Work, { do: (input) => `left has seen ${input}` });
  const ofRight = new ServiceMap().add(Work, {
    do: async (input, { peer }) => `right was told: ${await peer.address(Work).call("do", input)}`,
  });
  await using harness = await peers({ left: { services: ofLeft }, right: { services: ofRight } });
  expect(await harness.left.address(Work).call("do", "it")).toBe("right was told: left has seen it");
});

test("calls that call back and forth 20 levels deep are all answered", async () => {
  const Deep = defineService("deep", { descend: call<number, number>() });
  const descend = (level: number, { peer }: { readonly peer: Peer }): number | Promise<number> =>
    level === 0
      ? 0
      : peer
          .address(Deep)
          .call("descend", level - 1)
          .then((depth) => depth + 1);
  const services = new ServiceMap().add(Deep, { descend });
  await using harness = await peers({ left: { services }, right: { services } });
  expect(await harness.left.address(Deep).call("descend", 20)).toBe(20);
});

test("each message runs in its own task: a slow handler does not hold up a fast one, and answers come in any order", async () => {
  const gate = fence();
  const answered: string[] = [];
  const services = new ServiceMap().add(Work, {
    do: async (input) => {
      if (input === "slow") await gate.pass();
      return input;
    },
  });
  await using harness = await peers({ right: { services } });
  const work = harness.left.address(Work);
  const doIt = (input: string): Promise<unknown> => work.call("do", input).then((answer) => answered.push(answer));
  const slow = doIt("slow");
  await gate.reached;
  await Promise.all([doIt("fast 1"), doIt("fast 2")]);
  expect(answered).toEqual(["fast 1", "fast 2"]);
  gate.open();
  await slow;
  expect(answered).toEqual(["fast 1", "fast 2", "slow"]);
});

test("answers reach the calls they belong to when handlers end in the opposite order", async () => {
  const gates = Array.from({ length: 50 }, () => fence());
  const Nth = defineService("nth", { get: call<number, string>() });
  const services = new ServiceMap().add(Nth, {
    get: async (n) => {
      await gates[n]?.pass();
      return `answer ${n}`;
    },
  });
  await using harness = await peers({ right: { services } });
  const calls = gates.map((_, n) => harness.left.address(Nth).call("get", n));
  await gates.at(-1)?.reached;
  for (const gate of gates.toReversed()) gate.open();
  expect(await Promise.all(calls)).toEqual(gates.map((_, n) => `answer ${n}`));
});

test("sends to one service begin in the order in which they were sent, with credit and without", async () => {
  const seen: number[] = [];
  const services = new ServiceMap().add(Log, { line: (n) => void seen.push(n), other: (n) => void seen.push(n) });
  await using harness = await peers({ right: { services, limits: { sendsMax: 7 } }, pipe: { bufferBytes: 64 } });
  const log = harness.left.address(Log);
  const count = 1000;
  await Promise.all(Array.from({ length: count }, (_, n) => log.send(n % 3 === 0 ? "other" : "line", n)));
  await harness.flush();
  expect(seen).toEqual(Array.from({ length: count }, (_, n) => n));
});

test("sends and calls to one service arrive in the order in which they were made", async () => {
  const Mixed = defineService("mixed", { tell: send<number>(), ask: call<number>() });
  const seen: number[] = [];
  const services = new ServiceMap().add(Mixed, { tell: (n) => void seen.push(n), ask: (n) => void seen.push(n) });
  await using harness = await peers({ right: { services, limits: { sendsMax: 3, callsMax: 2 } } });
  const mixed = harness.left.address(Mixed);
  const made = Array.from({ length: 300 }, (_, n) => (n % 4 === 0 ? mixed.call("ask", n) : mixed.send("tell", n)));
  await Promise.all(made);
  await harness.flush();
  expect(seen).toEqual(Array.from({ length: 300 }, (_, n) => n));
});

test("sends from two sides in one connection do not wait for each other", async () => {
  const seen: string[] = [];
  const note = (side: string): ServiceMap =>
    new ServiceMap().add(Log, { line: (n) => void seen.push(`${side} ${n}`), other() {} });
  await using harness = await peers({ left: { services: note("left") }, right: { services: note("right") } });
  await Promise.all([harness.left.address(Log).send("line", 1), harness.right.address(Log).send("line", 2)]);
  await harness.flush();
  expect(seen.sort()).toEqual(["left 2", "right 1"]);
});

test("the remote closes: the observer sees closed by remote, and a later call fails with ConnectionLost closed", async () => {
  await using harness = await peers({ right: { services: sums() } });
  const sum = harness.left.address(Sum);
  await harness.right.close();
  expect(await harness.left.closed).toEqual({ by: "remote", code: "closed" });
  await expect(sum.call("show")).rejects.toMatchObject({
    name: "ConnectionLost",
    code: "closed",
    maybeExecuted: false,
  });
});

test("each side knows the other by id, name and services once the greeting is complete", async () => {
  const id = "0123456789abcdef0123456789abcdef";
  await using harness = await peers({ left: { id, name: "the left one" }, right: { services: sums() } });
  expect(harness.right.remote).toMatchObject({ id, name: "the left one", services: [] });
  expect(harness.left.remote).toMatchObject({ id: harness.right.id, name: "", services: ["sum"] });
  expect(harness.left.id).toBe(id);
  expect(harness.right.id).toMatch(/^[0-9a-f]{32}$/);
  expect([harness.left.state, harness.right.state]).toEqual(["open", "open"]);
});

test("handlers learn which connection a message came over", async () => {
  const seen: Peer[] = [];
  const services = new ServiceMap().add(Log, { line: (_, { peer }) => void seen.push(peer), other() {} });
  await using one = await peers({ right: { services } });
  await using two = await peers({ right: { services } });
  for (const harness of [one, two]) {
    await harness.left.address(Log).send("line", 1);
    await harness.flush();
  }
  expect(seen[0]).toBe(one.right);
  expect(seen[1]).toBe(two.right);
});

test("an address made before the service is provided works as soon as it is", async () => {
  await using harness = await peers();
  const sum: Address<typeof Sum> = harness.left.address(Sum);
  await expect(sum.call("show")).rejects.toMatchObject({ code: "unknown-service", maybeExecuted: false });
  harness.right.provide(sums());
  await harness.flush();
  expect(await sum.call("show")).toBe(0);
});

test("a value comes out as it went in: nested, binary, big, empty and undefined", async () => {
  const Echo = defineService("echo", { back: call<unknown, unknown>() });
  await using harness = await peers({ right: { services: new ServiceMap().add(Echo, { back: (value) => value }) } });
  const echo = harness.left.address(Echo);
  const values = [undefined, null, 0, 1.5, "ä🙂", [], {}, { a: [{ b: new Uint8Array([1, 2, 3]) }] }, 2n ** 80n, true];
  for (const value of values) expect(await echo.call("back", value)).toEqual(value);
});

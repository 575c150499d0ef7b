import { expect, test } from "vitest";
import { call, defineService } from "../actor/index.js";
import { peers } from "../testing/index.js";
import { ServiceMap } from "./index.js";

const Store = defineService("store", { put: call<Uint8Array, number>(), get: call<number, Uint8Array>() });

function store(): ServiceMap {
  return new ServiceMap().add(Store, { put: (bytes) => bytes.length, get: (length) => new Uint8Array(length) });
}

test("frames of several MiB travel both ways when both sides allow them", async () => {
  const limits = { frameBytesMax: 8 * 1024 * 1024 };
  const pipe = { chunk: () => 65_536 };
  await using harness = await peers({ left: { limits }, right: { limits, services: store() }, pipe });
  const target = harness.left.address(Store);
  const length = 5 * 1024 * 1024;
  expect(await target.call("put", new Uint8Array(length))).toBe(length);
  expect((await target.call("get", length)).length).toBe(length);
});

test("a message of exactly the default limit travels, one byte more rejects its call alone", async () => {
  await using harness = await peers({ right: { services: store() } });
  const target = harness.left.address(Store);
  const length = 64 * 1024 * 1024 - 16 - 5;
  const fits = new Uint8Array(length);
  expect(await target.call("put", fits)).toBe(length);
  await expect(target.call("put", new Uint8Array(length + 1))).rejects.toMatchObject({ code: "payload-too-long" });
  expect(await target.call("put", fits)).toBe(length);
});

test("a service of 4096 messages is provided from the greeting on, also to a side that takes shorter frames", async () => {
  const names = Array.from({ length: 4096 }, (_, i) => `the message with the number ${i}`);
  const Long = defineService("long", Object.fromEntries(names.map((name) => [name, call<number, number>()])));
  const handlers = Object.fromEntries(names.map((name, index) => [name, (n: number) => n + index]));
  const services = new ServiceMap().add(Long, handlers);
  await using harness = await peers({ left: { limits: { frameBytesMax: 8192 } }, right: { services } });
  expect(await harness.left.address(Long).call("the message with the number 4095", 1)).toBe(4096);
});

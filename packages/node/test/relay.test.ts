// Relays between real programs and over several transports: who is killed, who stops reading, and what the others see.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { call, defineService, send, ServiceMap, stream } from "@troupe/core";
import { Relay } from "@troupe/core/network";
import { connect, link, listen } from "@troupe/node";
import { Work } from "./fixtures/work.js";
import { program } from "./program.js";

test("a killed upstream fails its pending calls at once, and the other one goes on", async () => {
  const [one, two] = [program("work-server"), program("work-server")];
  const links = [link(await one.line()), link(await two.line())];
  const relay = new Relay(links);
  await Promise.all(links.map((each) => each.ready()));
  await using listener = await listen("tcp://127.0.0.1:0", { services: new ServiceMap().relay(relay) });
  const lost = new Promise((resolve) => relay.on("relayLost", ({ services }) => resolve(services)));
  await using client = await connect(listener.endpoint);
  const work = client.address(Work);
  expect(await work.call("quick", 1)).toBe(1);
  const pending = Promise.allSettled(
    Array.from({ length: 40 }, () => work.call("hold", undefined, { timeoutMs: 600 })),
  );
  await work.call("quick", 2);
  one.process.kill("SIGKILL");
  expect(await lost).toContain("work");
  const codes = (await pending).map(
    (outcome) => outcome.status === "rejected" && (outcome.reason as { code: string }).code,
  );
  expect(new Set(codes)).toEqual(new Set(["relay-lost", "timeout"]));
  for (let i = 0; i < 20; i++) expect(await work.call("quick", i)).toBe(i);
  two.process.kill("SIGKILL");
  await expect.poll(() => client.remote.services).not.toContain("work");
  relay.close();
  await Promise.all(links.map((each) => each.close()));
});

const Store = defineService("store", {
  put: send<number>(),
  blocks: stream<number, Uint8Array>(),
  echo: call<Uint8Array, Uint8Array>(),
});

test("three hops over a Unix socket, TCP and a WebSocket carry everything in order, and hold little for a slow reader", async () => {
  const folder = mkdtempSync(join(tmpdir(), "relay-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const received: number[] = [];
  let made = 0;
  const services = new ServiceMap().add(Store, {
    put: (value) => void received.push(value),
    async *blocks(count) {
      for (; made < count; made++) yield new Uint8Array(64 * 1024).fill(made);
    },
    echo: (bytes) => bytes,
  });
  await using provider = await listen(`unix://${folder}/store.sock`, { services });
  await using first = await connect(provider.endpoint);
  await using middle = await listen("tcp://127.0.0.1:0", { services: new ServiceMap().relay(new Relay(first)) });
  await using second = await connect(middle.endpoint);
  await using last = await listen("ws://127.0.0.1:0", { services: new ServiceMap().relay(new Relay(second)) });
  await using client = await connect(last.endpoint);
  const store = client.address(Store);

  for (let i = 0; i < 20_000; i++) await store.send("put", i);
  await store.call("echo", new Uint8Array(0));
  await expect.poll(() => received.length).toBe(20_000);
  expect(received.every((value, index) => value === index)).toBe(true);

  const blocks = store.stream("blocks", 2000);
  await blocks.next();
  // One that reads nothing: whoever makes the blocks stops when each connection holds what it allows.
  for (let before = -1; before !== made;) {
    before = made;
    // Round trips on the same way: what could have been made is made by then.
    for (let i = 0; i < 50; i++) await store.call("echo", new Uint8Array(1));
  }
  expect(made).toBeLessThan(100);
  let count = 1;
  for await (const block of blocks) expect(block[0]).toBe(count++ & 0xff);
  expect(count).toBe(2000);
  const large = new Uint8Array(16 * 1024 * 1024).fill(3);
  expect((await store.call("echo", large)).length).toBe(large.length);
});

// Participants on real sockets and in real processes: first contact, death and return, floods of nonsense, storms.

import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { defineTopic, type Participant } from "@troupe/core/network";
import { startParticipant, type NodeParticipantOptions } from "@troupe/node";
import { program, until, type Program } from "./program.js";

const Count = defineTopic<number>("count", { history: { keep: 100 } });
let nextPort = 20_000 + (process.pid % 20_000);

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "topics-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function participant(port: number, options: NodeParticipantOptions = {}): Promise<Participant> {
  const made = await startParticipant({ folder: folder(), host: "127.0.0.1", beacons: { port }, ...options });
  onTestFinished(() => made.close());
  return made;
}

function event<T>(on: (resolve: (value: T) => void) => unknown): Promise<T> {
  return new Promise((resolve) => void on(resolve));
}

/** How far a subscriber has come, or that something came in disorder. */
function progress(subscriber: Program | undefined): Promise<string> {
  const isProgress = (line: string): boolean => /^(?:at|disorder) /.test(line);
  if (subscriber === undefined) throw new Error("there is no such subscriber");
  return until(subscriber, (line) => line, isProgress);
}

test("two participants find each other by beacons, and values go by reliable UDP", async () => {
  const port = nextPort++;
  const one = await participant(port);
  const found = event((resolve) => one.on("found", resolve));
  const two = await participant(port);
  await found;
  const fellBack: unknown[] = [];
  two.on("fellBack", (each) => fellBack.push(each));
  const publisher = one.publisher(Count);
  const subscription = two.subscribe(Count);
  await expect.poll(() => publisher.matched).toBe(1);
  for (let n = 1; n <= 1000; n++) await publisher.publish(n);
  for (let n = 1; n <= 1000; n++) expect((await subscription.next()).value).toMatchObject({ value: n, missed: 0 });
  expect(fellBack).toEqual([]);
});

test("values go by TCP where UDP does not, and that is said", async () => {
  const port = nextPort++;
  const one = await participant(port);
  const two = await participant(port);
  await expect.poll(() => one.programs.length + two.programs.length).toBe(2);
  const [record] = two.programs;
  const endpoints = record?.endpoints as string[];
  const udp = endpoints.findIndex((endpoint) => endpoint.startsWith("udp:"));
  // Nobody is there.
  endpoints[udp] = "udp://127.0.0.1:9";
  const fellBack = event<{ from: string; to: string }>((resolve) => two.on("fellBack", resolve));
  const publisher = one.publisher(defineTopic<number>("other"));
  void publisher;
  const again = one.publisher(Count);
  await expect.poll(() => two.topics.length).toBe(2);
  (two.programs[0]?.endpoints as string[])[udp] = "udp://127.0.0.1:9";
  const subscription = two.subscribe(Count);
  await expect.poll(() => again.matched, { timeout: 10_000 }).toBe(1);
  await again.publish(5);
  expect((await subscription.next()).value?.value).toBe(5);
  expect(await fellBack).toMatchObject({ from: "udp://127.0.0.1:9", to: expect.stringMatching(/^tcp:/) });
});

test("a killed participant is lost at once, and its successor is found", { timeout: 60_000 }, async () => {
  const port = nextPort++;
  const one = await participant(port);
  const path = folder();
  let running = program("topic-program", "publisher", path, `${port}`);
  await running.line();
  const subscription = one.subscribe(Count);
  expect((await subscription.next()).value?.value).toBeGreaterThan(0);
  const lost = event((resolve) => one.on("lost", resolve));
  const killedAt = performance.now();
  running.process.kill("SIGKILL");
  await lost;
  expect(performance.now() - killedAt).toBeLessThan(1000);
  running = program("topic-program", "publisher", path, `${port}`);
  const [, id = ""] = (await running.line()).split(" ");
  await expect
    .poll(async () => (await subscription.next()).value?.source.program, { timeout: 20_000, interval: 0 })
    .toBe(id);
});

test("a participant that leaves says so, and is gone at once", async () => {
  const port = nextPort++;
  const one = await participant(port);
  const two = await participant(port);
  await expect.poll(() => one.programs.length).toBe(1);
  const lost = event<{ participant: string }>((resolve) => one.on("lost", resolve));
  await two.close();
  expect((await lost).participant).toBe(two.id);
  expect(one.programs).toEqual([]);
});

test(
  "a frozen participant is suspected and lost, and is found again when it goes on",
  { timeout: 60_000 },
  async () => {
    const port = nextPort++;
    const one = await participant(port);
    const running = program("topic-program", "idle", folder(), `${port}`);
    const [, id = ""] = (await running.line()).split(" ");
    await expect.poll(() => one.programs.length, { timeout: 10_000 }).toBe(1);
    const seen: { type: string; at: number }[] = [];
    for (const type of ["suspected", "lost", "found"] as const) {
      one.on(type, () => seen.push({ type, at: performance.now() }));
    }
    const frozenAt = performance.now();
    running.process.kill("SIGSTOP");
    await expect.poll(() => seen.map(({ type }) => type), { timeout: 15_000 }).toEqual(["suspected", "lost"]);
    const [suspectedMs = 0, lostMs = 0] = seen.map(({ at }) => at - frozenAt);
    expect(suspectedMs).toBeGreaterThan(2000);
    expect(suspectedMs).toBeLessThan(4500);
    expect(lostMs).toBeGreaterThan(4500);
    expect(lostMs).toBeLessThan(8000);
    running.process.kill("SIGCONT");
    await expect.poll(() => one.programs.map((each) => each.id), { timeout: 15_000 }).toEqual([id]);
  },
);

test(
  "subscribers in several processes get everything in order while others are killed and frozen",
  { timeout: 90_000 },
  async () => {
    const port = nextPort++;
    const publisher = program("topic-program", "publisher", folder(), `${port}`);
    await publisher.line();
    const subscribers = [1, 2, 3].map(() => program("topic-program", "subscriber", folder(), `${port}`));
    for (const each of subscribers) await each.line();
    for (const each of subscribers) expect(await progress(each)).toMatch(/^at \d+ 0$/);
    subscribers[0]?.process.kill("SIGKILL");
    subscribers[1]?.process.kill("SIGSTOP");
    let at = 0;
    while (at < 2000) {
      const line = await progress(subscribers[2]);
      expect(line).toMatch(/^at \d+ 0$/);
      at = Number(line.split(" ")[1]);
    }
    subscribers[1]?.process.kill("SIGCONT");
    for (let i = 0; i < 5; i++) expect(await progress(subscribers[1])).toMatch(/^at \d+ \d+$/);
  },
);

test(
  "nonsense on the port of beacons does no harm: bytes of every length, forged beacons, a flood",
  { timeout: 30_000 },
  async () => {
    const port = nextPort++;
    const one = await participant(port);
    const socket = createSocket("udp4");
    onTestFinished(() => void socket.close());
    const send = (bytes: Uint8Array): Promise<void> =>
      new Promise((resolve) => socket.send(bytes, port, "127.0.0.1", () => resolve()));
    for (const length of [0, 1, 22, 95, 96, 97, 1400, 9000, 65_507]) {
      await send(Buffer.alloc(length, 0x54));
      await send(Buffer.from(Array.from({ length }, (_, index) => (index * 7919) & 0xff)));
    }
    // A thousand participants that are none, at an address where nobody is.
    for (let n = 0; n < 1000; n++) {
      const beacon = Buffer.alloc(96);
      beacon.write("TRPB");
      beacon[4] = 1;
      beacon.writeUInt16BE(9, 6);
      beacon.writeUInt32BE(n, 8);
      await send(beacon);
    }
    for (let n = 0; n < 20_000; n++) socket.send(Buffer.alloc(96, n), port, "127.0.0.1");
    const two = await participant(port);
    await expect.poll(() => one.programs.map(({ id }) => id), { timeout: 10_000 }).toEqual([two.id]);
  },
);

test("a flood of beacons from one address leaves room for those from others", { timeout: 30_000 }, async () => {
  const port = nextPort++;
  const one = await participant(port);
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.2", resolve));
  const beacon = Buffer.alloc(96);
  beacon.write("TRPB");
  beacon[4] = 1;
  beacon.writeUInt16BE(9, 6);
  let sent = 0;
  const flood = setInterval(() => {
    for (let n = 0; n < 500; n++) {
      beacon.writeUInt32BE(sent++, 8);
      socket.send(Buffer.from(beacon), port, "127.0.0.1");
    }
  }, 10);
  onTestFinished(() => clearInterval(flood));
  await expect.poll(() => sent, { timeout: 10_000 }).toBeGreaterThan(20_000);
  const two = await participant(port);
  await expect.poll(() => one.programs.map(({ id }) => id), { timeout: 10_000 }).toEqual([two.id]);
  const publisher = two.publisher(Count);
  const subscription = one.subscribe(Count);
  await expect.poll(() => publisher.matched, { timeout: 10_000 }).toBe(1);
  await publisher.publish(1);
  expect((await subscription.next()).value?.value).toBe(1);
});

test("participants that come and go in a storm are all found, and all forgotten", { timeout: 60_000 }, async () => {
  const port = nextPort++;
  const one = await participant(port);
  for (let round = 0; round < 3; round++) {
    const many = await Promise.all(
      Array.from({ length: 12 }, () => startParticipant({ folder: folder(), host: "127.0.0.1", beacons: { port } })),
    );
    await expect.poll(() => one.programs.length, { timeout: 10_000 }).toBe(12);
    await Promise.all(many.map((each) => each.close()));
    await expect.poll(() => one.programs.length, { timeout: 10_000 }).toBe(0);
  }
});

// Bytes that are given away: between threads they change hands, and elsewhere they are sent like any others.

import { describe, expect, onTestFinished, test } from "vitest";
import { call, defineService, Semaphore, send, stream } from "../actor/index.js";
import { fence, peers, RawPeer } from "../testing/index.js";
import { messagePortConnection, transfer } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import { Peer, ServiceMap, type PeerOptions } from "./index.js";

const LENGTH = 5_000_000;

const Store = defineService("store", {
  put: call<Uint8Array, number>(),
  get: call<number, Uint8Array>(),
  drop: send<Uint8Array>(),
  blocks: stream<number, Uint8Array>(),
  wrapped: call<{ bytes: Uint8Array }, number>(),
});

function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 997) bytes[i] = i;
  return bytes;
}

/** Comparing megabytes is not what an expectation is good at. */
function isPattern(bytes: Uint8Array, length: number): boolean {
  return bytes.length === length && pattern(length).every((byte, i) => byte === bytes[i]);
}

function services(
  dropped: (bytes: Uint8Array) => void = () => {},
  before: () => Promise<void> = async () => {},
): ServiceMap {
  return new ServiceMap().add(Store, {
    put: async (bytes) => (await before(), bytes.length),
    get: (length) => transfer(pattern(length)),
    drop: (bytes) => dropped(bytes),
    *blocks(count) {
      for (let i = 0; i < count; i++) yield transfer(new Uint8Array(LENGTH).fill(i + 1));
    },
    wrapped: ({ bytes }) => bytes.length,
  });
}

/** Two peers with a message channel between them. */
async function overPort(right: PeerOptions): Promise<{ left: Peer; right: Peer }> {
  const { port1, port2 } = new MessageChannel();
  const pair = { left: new Peer(messagePortConnection(port1)), right: new Peer(messagePortConnection(port2), right) };
  await Promise.all([pair.left.opened, pair.right.opened]);
  onTestFinished(async () => {
    await Promise.all([pair.left.close(), pair.right.close()]);
  });
  return pair;
}

describe("bytes that are given away", () => {
  test("change hands over a port, as inputs, answers, sends and items, and are whole on the other side", async () => {
    const dropped: Uint8Array[] = [];
    const { left } = await overPort({ services: services((bytes) => void dropped.push(bytes)) });
    const store = left.address(Store);

    const input = pattern(LENGTH);
    expect(await store.call("put", transfer(input))).toBe(LENGTH);
    expect(input).toHaveLength(0);
    expect(isPattern(await store.call("get", LENGTH), LENGTH)).toBe(true);

    const told = pattern(LENGTH);
    await store.send("drop", transfer(told));
    await store.call("put", new Uint8Array(1));
    expect(dropped.map((bytes) => isPattern(bytes, LENGTH))).toEqual([true]);
    expect(told).toHaveLength(0);

    let sum = 0;
    for await (const block of store.stream("blocks", 10)) sum += block.length * (block[0] as number);
    expect(sum).toBe(LENGTH * 55);
  });

  test("wait for a permit like others", async () => {
    const gate = fence();
    const { left } = await overPort({
      services: services(undefined, () => gate.pass()),
      backpressure: new Semaphore(1),
    });
    const store = left.address(Store);
    const first = store.call("put", transfer(pattern(LENGTH)));
    const second = store.call("put", transfer(pattern(LENGTH + 1)));
    await gate.reached;
    gate.open();
    expect(await Promise.all([first, second])).toEqual([LENGTH, LENGTH + 1]);
  });

  test("are copied where they have their memory not for themselves, are few, or are a part of something", async () => {
    const { left } = await overPort({ services: services() });
    const store = left.address(Store);
    const whole = pattern(LENGTH + 1);
    expect(await store.call("put", transfer(whole.subarray(1)))).toBe(LENGTH);
    expect(whole).toHaveLength(LENGTH + 1);
    const few = pattern(1000);
    expect(await store.call("put", transfer(few))).toBe(1000);
    expect(few).toHaveLength(1000);
    const inside = pattern(LENGTH);
    expect(await store.call("wrapped", { bytes: transfer(inside) })).toBe(LENGTH);
    expect(inside).toHaveLength(LENGTH);
  });

  test("over a transport without shared memory are sent like any others", async () => {
    await using harness = await peers({ right: { services: services() } });
    const store = harness.left.address(Store);
    const bytes = pattern(LENGTH);
    expect(await store.call("put", transfer(bytes))).toBe(LENGTH);
    expect(bytes).toHaveLength(LENGTH);
    expect(isPattern(await store.call("get", LENGTH), LENGTH)).toBe(true);
  });

  test("that nobody speaks of, that are too many, or that do not fit end the connection", async () => {
    const head = Uint8Array.of(0, 0, 0, FrameKind.call, 9, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0, 0x5a, 0, 1, 0, 0);
    const total = head.length + 65_536;
    const attacks: Record<string, (raw: RawPeer, port: MessagePort) => void> = {
      "a part of nothing": (raw) => {
        raw.forward({ kind: FrameKind.begin, id: 1, amount: total }, head);
        raw.forward({ kind: FrameKind.part, id: 1 }, new Uint8Array(0));
      },
      "another length than was announced": (raw, port) => {
        raw.forward({ kind: FrameKind.begin, id: 1, amount: total }, head);
        port.postMessage([new Uint8Array(65_535)]);
        raw.forward({ kind: FrameKind.part, id: 1 }, new Uint8Array(0));
      },
      "another length than the payload says": (raw, port) => {
        raw.forward({ kind: FrameKind.begin, id: 1, amount: total + 1 }, head);
        port.postMessage([new Uint8Array(65_537)]);
        raw.forward({ kind: FrameKind.part, id: 1 }, new Uint8Array(0));
      },
      "gifts without an end": (_, port) => {
        for (let i = 0; i < 1000; i++) port.postMessage([new Uint8Array(1)]);
      },
    };
    for (const [name, attack] of Object.entries(attacks)) {
      const { port1, port2 } = new MessageChannel();
      const peer = new Peer(messagePortConnection(port1), { services: services() });
      const raw = new RawPeer(messagePortConnection(port2));
      await raw.greet();
      attack(raw, port2);
      expect(await peer.closed, name).toMatchObject({ by: "fault", code: "frame-malformed" });
    }
  });
});

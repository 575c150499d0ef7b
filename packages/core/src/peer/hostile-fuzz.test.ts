// Conversations damaged by chance: whatever comes, a peer answers, refuses or ends the connection, and nothing escapes.

import { expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { hostilePayloads, randomValue, rawHello, SeededRandom, siege, type RawPeer } from "../testing/index.js";
import { FrameBuffer, FrameKind, troupeCbor, wholeUpTo } from "../wire/index.js";
import { ServiceMap } from "./index.js";

const SEED = 20_261_122;
const ROUNDS = 1500;

const Target = defineService("target", { echo: call<unknown, unknown>(), note: send<unknown>() });
const KINDS = Object.values(FrameKind);

test(`${ROUNDS} of them harm nobody else and leave nothing`, { timeout: 60_000 }, async () => {
  const random = new SeededRandom(SEED);
  const services = new ServiceMap().add(Target, { echo: (input) => input, note: () => {} });
  await using stage = await siege({ services, limits: { callsMax: 8, sendsMax: 8, watchesMax: 4 } });
  const outcomes = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const raw = await stage.approach();
    let bytes = conversation(random);
    if (random.next() < 0.7) bytes = damaged(random, bytes);
    writeInPieces(random, raw, bytes);
    await stage.flush();
    const goodbye = raw.take(FrameKind.goodbye)[0]?.value;
    outcomes.add(goodbye === undefined ? "goes on" : String((goodbye as unknown[])[0]));
    raw.abort();
    if (round % 100 === 0) {
      await stage.flush();
      await stage.demandWitness();
    }
  }
  // Chance has found its way to all sorts of ends, and none of them is a failure of the peer itself.
  expect(outcomes.size).toBeGreaterThan(8);
  expect(outcomes).not.toContain("internal");
});

/** A greeting and up to 12 frames of any kind, most of which make some sense. */
function conversation(random: SeededRandom): Uint8Array {
  const buffer = new FrameBuffer();
  const write = (kind: number, fields: object, payload: unknown): void => {
    troupeCbor.write(
      buffer,
      { kind, id: 0, service: 0, message: 0, amount: 0, ...fields },
      payload,
      wholeUpTo(1_000_000),
    );
  };
  if (random.next() < 0.95) write(FrameKind.hello, {}, rawHello({ minor: random.integer(2) }));
  for (let count = random.integer(12); count > 0; count--) {
    const kind = random.next() < 0.05 ? random.integer(256) : random.pick(KINDS.slice(1));
    const id = random.next() < 0.9 ? random.integer(8) : random.integer(2 ** 32);
    const service = random.pick([0, 0, 0, 1, 9, 65_535]);
    const message = random.pick([0, 0, 1, 1, 2]);
    const amount = random.pick([0, 1000, 2 ** 32 - 1]);
    const payload = random.pick([
      null,
      ["closed", ""],
      ["code", "message", 1],
      [`s${random.integer(4)}`, "0", [["a", "call"]]],
      randomValue(random, 2),
    ]);
    write(kind, { id, service, message, amount }, payload);
  }
  if (random.next() < 0.2) {
    const hostile = random.pick(hostilePayloads().filter((each) => each.bytes.length < 1000));
    const kind = random.pick([FrameKind.call, FrameKind.send, FrameKind.provide, FrameKind.goodbye]);
    troupeCbor.forward(
      buffer,
      { kind, id: 7, service: 0, message: kind === FrameKind.send ? 1 : 0, amount: 1000 },
      hostile.bytes,
      wholeUpTo(1_000_000),
    );
  }
  return buffer.take();
}

/** One to three faults, most of them behind the hello. */
function damaged(random: SeededRandom, whole: Uint8Array): Uint8Array {
  const bytes = Array.from(whole);
  for (let faults = 1 + random.integer(3); faults > 0; faults--) {
    const from = random.next() < 0.9 ? Math.min(213, bytes.length) : 0;
    const at = from + random.integer(bytes.length - from + 1);
    switch (random.integer(4)) {
      case 0:
        bytes.splice(at, 1, random.integer(256));
        break;
      case 1:
        bytes.splice(at, 1 + random.integer(8));
        break;
      case 2:
        bytes.splice(at, 0, ...random.bytes(1 + random.integer(8)));
        break;
      default:
        bytes.length = at;
    }
  }
  return Uint8Array.from(bytes);
}

function writeInPieces(random: SeededRandom, raw: RawPeer, bytes: Uint8Array): void {
  const longest = random.pick([1, 20, 10_000]);
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random.integer(longest);
    raw.writeBytes(bytes.slice(at, at + length));
    at += length;
  }
}

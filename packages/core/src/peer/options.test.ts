// Mistakes in the options are told to whoever makes them, and to no stranger.

import { describe, expect, test } from "vitest";
import { defineService, send } from "../actor/index.js";
import { VirtualClock } from "../testing/index.js";
import { memory, memoryPair } from "../transport/index.js";
import { connect, listen, Peer, PEER_LIMITS, PEER_NAME_LENGTH_MAX, ServiceMap, type PeerOptions } from "./index.js";

const Note = defineService("note", { note: send<string>() });

function tooMany(): ServiceMap {
  const services = new ServiceMap();
  for (let i = 0; i <= PEER_LIMITS.servicesMax; i++) {
    services.add(defineService(`note${i}`, { note: send<string>() }), { note() {} });
  }
  return services;
}

/** Services of 4,096 messages each. */
function full(count: number, nameLength: number): ServiceMap {
  const services = new ServiceMap();
  for (let i = 0; i < count; i++) {
    const names = Array.from({ length: 4096 }, (_, n) => `m${n}`.padEnd(nameLength, "-"));
    const service = defineService(`full ${i}`, Object.fromEntries(names.map((name) => [name, send()])));
    services.add(service, Object.fromEntries(names.map((name) => [name, () => {}])));
  }
  return services;
}

const MISTAKES: readonly [what: string, options: object][] = [
  ["a name that is too long", { name: "n".repeat(PEER_NAME_LENGTH_MAX + 1) }],
  ["an id that is none", { id: "me" }],
  ["services that are no map", { services: { Note } }],
  ["more services than servicesMax", { services: tooMany() }],
  ["more messages of services than providedMessagesMax", { services: full(5, 1) }],
  ["names of services longer than providedBytesMax", { services: full(3, 100) }],
  ["backpressure that is no semaphore", { backpressure: 5 }],
  ["a limit that is no number", { limits: { callsMax: NaN } }],
  ["frames too short to say why", { limits: { frameBytesMax: 100 } }],
  ["a negative time", { graceMs: -1 }],
  ["a heartbeat that would flood", { heartbeatMs: 1 }],
];

describe.each(MISTAKES)("%s", (_, options) => {
  const clock = new VirtualClock();
  const transports = [memory({ isPrivate: true, clock })];
  const invalid = { name: "PeerError", code: "option-invalid" };

  test("listen() and connect() reject with option-invalid before anything is opened", async () => {
    await expect(listen("memory://here", { transports, clock, ...options })).rejects.toMatchObject(invalid);
    await expect(connect("memory://here", { transports, clock, ...options })).rejects.toMatchObject(invalid);
    expect(clock.pending).toBe(0);
  });
});

describe("a peer that cannot be made", () => {
  const broken: PeerOptions = {
    random: {
      next: () => 0,
      bytes() {
        throw new Error("no randomness");
      },
    },
  };

  test("connect() rejects with the reason and leaves no connection behind", async () => {
    const clock = new VirtualClock();
    const transport = memory({ isPrivate: true, clock });
    let closed = 0;
    const accepting = await transport.listen("memory://here", (connection) => {
      connection.open({ received() {}, drained() {}, ended() {}, closed: () => closed++ });
    });
    const dialling = connect("memory://here", { transports: [transport], clock, ...broken });
    const refused = expect(dialling).rejects.toThrow("no randomness");
    await clock.flush();
    await refused;
    await clock.flush();
    expect([closed, clock.pending]).toEqual([1, 0]);
    await accepting.close();
  });

  test("a listener says so for every stranger, and goes on", async () => {
    const clock = new VirtualClock();
    const transport = memory({ isPrivate: true, clock });
    const listener = await listen("memory://here", { transports: [transport], clock, ...broken });
    const failed: string[] = [];
    listener.on("failed", ({ error }) => failed.push(error.message));
    for (let i = 0; i < 2; i++) {
      const dialling = connect("memory://here", { transports: [transport], clock });
      const lost = expect(dialling).rejects.toMatchObject({ code: "connection-reset" });
      await clock.flush();
      await lost;
    }
    expect(failed).toEqual(["no randomness", "no randomness"]);
    const closing = listener.close();
    await clock.flush();
    await closing;
  });

  test("new Peer() throws what is wrong with its limits", () => {
    const [near] = memoryPair();
    expect(() => new Peer(near, { limits: { callsMax: 0 } })).toThrow(
      expect.objectContaining({ code: "option-invalid" }),
    );
    near.abort();
  });
});

// What a relay does with upstreams and callers that keep to no rules: what they say reaches nobody else.

import { describe, expect, test } from "vitest";
import { call, defineService } from "../actor/index.js";
import { systemClock } from "../base/index.js";
import { peers, RawPeer } from "../testing/index.js";
import { memoryPair } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import { Peer, Relay, ServiceMap } from "./index.js";

const Echo = defineService("echo", { echo: call<number, number>() });
const ECHO = ["echo", "0".repeat(16), [["echo", "call"]]] as const;

/** A relay with an upstream that is played by hand, and a peer behind it. */
async function stage(): Promise<{ raw: RawPeer; down: Peer; relay: Relay } & AsyncDisposable> {
  const [near, far] = memoryPair();
  const raw = new RawPeer(far);
  const up = new Peer(near);
  await Promise.all([raw.greet(), up.opened]);
  const relay = new Relay(up);
  const harness = await peers({ right: { services: new ServiceMap().relay(relay) } });
  return {
    raw,
    relay,
    down: harness.left,
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      up.abort();
    },
  };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => systemClock.yield(resolve));
}

describe("an upstream that keeps to no rules", () => {
  test.each([
    ["a number", 7],
    ["a list", [["x"], { y: 1 }]],
    ["nothing", null],
    ["a text that is no list of ids", "short"],
    ["a text that is too long", "f".repeat(1000)],
  ])("may give %s as the way to a service", async (_what, path) => {
    await using at = await stage();
    at.raw.write({ kind: FrameKind.provide, id: 0 }, [...ECHO, 0, path]);
    await settle();
    expect(at.relay.services).toEqual(["echo"]);
    expect(at.down.remote.services).toEqual(["echo"]);
  });

  test("announces so many long names that they could not be announced again: it is not relayed", async () => {
    await using at = await stage();
    const messages = Array.from({ length: 4000 }, (_, i) => [`${i}`.padStart(200, "m"), "call"]);
    at.raw.write({ kind: FrameKind.provide, id: 0 }, ["wide", "0".repeat(16), messages]);
    at.raw.write({ kind: FrameKind.provide, id: 1 }, ECHO);
    await settle();
    expect(at.down.remote.services).toEqual(["echo"]);
  });

  test("comes and goes with its services a thousand times: in the end there is what there is", async () => {
    await using at = await stage();
    for (let slot = 0; slot < 1000; slot++) {
      at.raw.write({ kind: FrameKind.provide, id: slot }, ECHO);
      at.raw.write({ kind: FrameKind.withdraw, id: slot });
    }
    at.raw.write({ kind: FrameKind.provide, id: 1000 }, ECHO);
    await settle();
    expect(at.down.remote.services).toEqual(["echo"]);
    const pending = at.down.address(Echo).call("echo", 1);
    const { id } = await at.raw.next(FrameKind.call);
    at.raw.write({ kind: FrameKind.reply, id }, 2);
    expect(await pending).toBe(2);
  });

  test("answers with bytes that are no value: the caller is told, and the relay does not care", async () => {
    await using at = await stage();
    at.raw.write({ kind: FrameKind.provide, id: 0 }, ECHO);
    await settle();
    const echo = at.down.address(Echo);
    const failed = expect(echo.call("echo", 1)).rejects.toMatchObject({ code: "reply-invalid" });
    const first = await at.raw.next(FrameKind.call);
    at.raw.forward({ kind: FrameKind.reply, id: first.id }, Uint8Array.of(0xff, 0xff));
    await failed;
    const pending = echo.call("echo", 1);
    const second = await at.raw.next(FrameKind.call);
    at.raw.write({ kind: FrameKind.reply, id: second.id }, 5);
    expect(await pending).toBe(5);
  });

  test("answers what nobody asked: its connection ends, and with it what it offered", async () => {
    await using at = await stage();
    at.raw.write({ kind: FrameKind.provide, id: 0 }, ECHO);
    await settle();
    const lost = expect(at.down.address(Echo).call("echo", 1)).rejects.toMatchObject({ code: "relay-lost" });
    await at.raw.next(FrameKind.call);
    at.raw.write({ kind: FrameKind.reply, id: 999 }, 1);
    await lost;
    await settle();
    expect(at.down.remote.services).toEqual([]);
    expect(at.down.state).toBe("open");
  });
});

test("a caller's bytes that are no value reach the provider, which refuses them, and nobody else", async () => {
  await using up = await peers({ right: { services: new ServiceMap().add(Echo, { echo: (value) => value }) } });
  const [near, far] = memoryPair();
  const raw = new RawPeer(far);
  const relayed = new Peer(near, { services: new ServiceMap().relay(new Relay(up.left)) });
  await Promise.all([raw.greet(), relayed.opened]);
  raw.forward({ kind: FrameKind.call, id: 1, amount: 1000 }, Uint8Array.of(0xff));
  const frame = await raw.next(FrameKind.error);
  expect(frame).toMatchObject({ id: 1, value: ["payload-invalid", expect.any(String)] });
  raw.write({ kind: FrameKind.call, id: 2, amount: 1000 }, 7);
  expect(await raw.next(FrameKind.reply)).toMatchObject({ id: 2, value: 7 });
  expect(up.left.state).toBe("open");
  relayed.abort();
});

// Which services a connection gets, decided from who the other side is.

import { describe, expect, onTestFinished, test } from "vitest";
import { call, defineService } from "../actor/index.js";
import { fence, peers, RawPeer, VirtualClock } from "../testing/index.js";
import { memory, memoryPair } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import { connect, listen, Peer, ServiceMap, type Authorize } from "./index.js";

const Read = defineService("read", { get: call<void, string>() });
const Write = defineService("write", { put: call<string, void>() });

const reading = new ServiceMap().add(Read, { get: () => "text" });
const writing = new ServiceMap().addAll(reading).add(Write, { put: () => {} });

/** Writers by their name; readers are everybody but strangers. */
const byName: Authorize = ({ name }) =>
  name === "writer" ? writing : name === "stranger" ? undefined : Promise.resolve(reading);

describe("authorize", () => {
  test("each connection gets the map that is for it, and is told of nothing else", async () => {
    const transports = [memory({ isPrivate: true })];
    const listener = await listen("memory://authorize", { authorize: byName, transports });
    onTestFinished(() => listener.close());
    const reader = await connect("memory://authorize", { name: "reader", transports });
    const writer = await connect("memory://authorize", { name: "writer", transports });
    expect(reader.remote.services).toEqual(["read"]);
    expect(writer.remote.services).toEqual(["read", "write"]);
    expect(await reader.address(Read).call("get")).toBe("text");
    await writer.address(Write).call("put", "more");
    // Unknown and forbidden are the same answer.
    await expect(reader.address(Write).call("put", "more")).rejects.toMatchObject({ code: "unknown-service" });
  });

  test("the services of who dials are known to it, and both sides can call each other afterwards", async () => {
    const seen: string[][] = [];
    await using harness = await peers({
      left: { services: reading },
      right: { authorize: (remote) => (seen.push([...remote.services]), writing) },
    });
    expect(seen).toEqual([["read"]]);
    expect(await harness.right.address(Read).call("get")).toBe("text");
    await harness.left.address(Write).call("put", "text");
  });

  test.each([
    ["gives no map", byName],
    ["throws", () => Promise.reject(new Error("the secret is out"))],
    ["gives something else", () => ({}) as ServiceMap],
  ] as [string, Authorize][])(
    "when it %s, who dials is refused as unauthorized and told no more",
    async (_, authorize) => {
      const transports = [memory({ isPrivate: true })];
      const listener = await listen("memory://authorize", { authorize, transports });
      onTestFinished(() => listener.close());
      const failed = new Promise<Error>((resolve) => listener.on("failed", ({ error }) => resolve(error)));
      const dialling = connect("memory://authorize", { name: "stranger", transports });
      await expect(dialling).rejects.toMatchObject({ code: "unauthorized" });
      await expect(dialling).rejects.not.toThrow(/secret/);
      expect(await failed).toMatchObject({ code: "unauthorized" });
      expect(listener.peers).toEqual([]);
    },
  );

  test("nothing is said to who has not said hello, and nothing is taken before it is answered", async () => {
    const [near, far] = memoryPair();
    const gate = fence();
    const peer = new Peer(near, { authorize: async () => (await gate.pass(), reading) });
    const raw = new RawPeer(far);
    raw.write({ kind: FrameKind.ping, id: 1 });
    expect(await peer.closed).toMatchObject({ by: "fault", code: "hello-expected" });
    expect(await raw.next()).toMatchObject({ kind: FrameKind.goodbye });

    const [near2, far2] = memoryPair();
    const eager = new Peer(near2, { authorize: async () => (await gate.pass(), reading) });
    const greedy = new RawPeer(far2);
    const greeting = expect(greedy.greet()).rejects.toThrow("no frame of kind 1 came");
    await gate.reached;
    greedy.write({ kind: FrameKind.call, id: 1, service: 0, message: 0, amount: 1000 });
    expect(await eager.closed).toMatchObject({ by: "fault", code: "hello-expected" });
    await greeting;
    gate.open();
  });

  test("its time is that of the greeting, and its signal says when that is over", async () => {
    const clock = new VirtualClock();
    const [near, far] = memoryPair({ clock });
    const signals: AbortSignal[] = [];
    const peer = new Peer(near, {
      clock,
      handshakeMs: 100,
      authorize: (_, { signal }) => (signals.push(signal), new Promise(() => {})),
    });
    const raw = new RawPeer(far);
    void raw.greet().catch(() => {});
    await clock.flush();
    expect(signals[0]?.aborted).toBe(false);
    await clock.advance(100);
    expect(signals[0]?.aborted).toBe(true);
    raw.end();
    await clock.flush();
    expect(await peer.closed).toMatchObject({ code: "greeting-late" });
    expect(clock.pending).toBe(0);
  });

  test("it takes the place of services, and both together are refused", () => {
    const [near] = memoryPair();
    expect(() => new Peer(near, { authorize: byName, services: reading })).not.toThrow();
    const listening = listen("memory://both", { authorize: byName, services: reading, transports: [memory()] });
    return expect(listening).rejects.toMatchObject({ code: "option-invalid" });
  });
});

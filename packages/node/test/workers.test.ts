// Threads that serve and are served, and what becomes of connections to those that crash.

import { describe, expect, onTestFinished, test } from "vitest";
import { connect, listen } from "@troupe/node";
import { Work } from "./fixtures/work.js";
import { thread } from "./program.js";

const LOST = { name: "ConnectionLost", code: "connection-lost", maybeExecuted: true };

describe("a worker thread", () => {
  test("is called like any other program, over as many connections as one likes", async () => {
    const worker = thread("worker-thread");
    const peers = await Promise.all(Array.from({ length: 20 }, () => connect("worker://work", { worker })));
    const calls = peers.map((peer, n) => peer.address(Work).call("quick", n));
    expect(await Promise.all(calls)).toEqual(peers.map((_, n) => n));
    const bytes = await peers[0]?.address(Work).call("counts", { start: 0, end: 20_000_000 });
    expect(bytes).toHaveLength(20_000_000);
    await Promise.all(peers.map((peer) => peer.close()));
  });

  test.each([
    ["crashes", "crash"],
    ["exits", "exit"],
  ])("that %s is a lost connection: pending calls reject at once, and closed says so", async (_, order) => {
    const worker = thread("worker-thread");
    worker.on("error", () => {});
    const peer = await connect("worker://work", { worker });
    const held = peer.address(Work).call("hold");
    await peer.address(Work).call("quick", 1);
    worker.postMessage(order);
    await expect(held).rejects.toMatchObject(LOST);
    expect(await peer.closed).toMatchObject({
      by: "fault",
      code: "connection-lost",
      error: { code: "connection-reset" },
    });
    await expect(connect("worker://work", { worker, handshakeMs: 1000 })).rejects.toMatchObject({
      endpoint: "worker://work",
    });
  });

  test("that crashes before it listens fails whoever dials it, at once", async () => {
    const worker = thread("worker-that-fails");
    worker.on("error", () => {});
    const dialling = connect("worker://work", { worker, handshakeMs: 60_000 });
    await expect(dialling).rejects.toMatchObject({ code: "connect-failed", endpoint: "worker://work" });
  });

  test("without a worker, worker:// says what is missing", async () => {
    await expect(connect("worker://work")).rejects.toMatchObject({ code: "option-invalid" });
    await expect(listen("worker://work")).rejects.toThrow(/needs a worker/);
  });

  test("a name that nobody listens on is refused", async () => {
    const worker = thread("worker-thread");
    onTestFinished(() => void worker.terminate());
    await (await connect("worker://work", { worker })).close();
    await expect(connect("worker://other", { worker })).rejects.toMatchObject({ code: "connect-refused" });
  });
});

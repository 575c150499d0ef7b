import { expect, onTestFinished, test } from "vitest";
import { Semaphore, ServiceMap } from "@troupe/core";
import { connect, listen } from "@troupe/node";
import { Work } from "./fixtures/work.js";

test("2,000 connections open at once on one process: each answers a call, and one close ends them all", async () => {
  const count = 2000;
  const unused = () => undefined;
  const services = new ServiceMap().add(Work, {
    quick: (n) => n,
    hold: unused,
    count: unused,
    countLater: unused,
    counts: () => new Uint8Array(0),
    cut: unused,
  });
  const permits = new Semaphore(64);
  const listener = await listen("tcp://127.0.0.1:0", { services, backpressure: permits });
  onTestFinished(() => listener.close());
  const peers = [];
  // A hundred at a time: the system's queue of connections that are not accepted yet is short.
  while (peers.length < count) {
    peers.push(...(await Promise.all(Array.from({ length: 100 }, () => connect(listener.endpoint)))));
  }
  const answers = await Promise.all(peers.map((peer, n) => peer.address(Work).call("quick", n)));
  expect(answers).toEqual(Array.from({ length: count }, (_, n) => n));
  expect(listener.peers.length).toBe(count);
  expect(permits.available).toBe(64);
  await listener.close();
  const reasons = await Promise.all(peers.map((peer) => peer.closed));
  expect(new Set(reasons.map(({ by, code }) => `${by} ${code}`))).toEqual(new Set(["remote closed"]));
  expect(listener.peers.length).toBe(0);
});

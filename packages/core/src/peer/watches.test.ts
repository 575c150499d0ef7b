// Who waits for the end of a service on the other side is told once, whatever ends it.

import { describe, expect, test, vi } from "vitest";
import { call, defineService, send, spawn } from "../actor/index.js";
import { peers } from "../testing/index.js";
import { ServiceMap } from "./index.js";

const Sum = defineService("sum", { add: call<number, number>(), note: send<number>() });
const Text = defineService("text", { upper: call<string, string>() });

function sum(): ServiceMap {
  let total = 0;
  return new ServiceMap().add(Sum, { add: (n) => (total += n), note: (n) => void (total += n) });
}

function text(): ServiceMap {
  return new ServiceMap().add(Text, { upper: (input) => input.toUpperCase() });
}

describe("watch()", () => {
  test("resolves when the service is withdrawn, once, with the reason", async () => {
    await using harness = await peers({ right: { services: text() } });
    let ended = 0;
    const watch = harness.left.address(Text).watch();
    void watch.then(() => ended++);
    await harness.flush();
    expect(ended).toBe(0);
    harness.right.withdraw(Text);
    expect(await watch).toEqual({ reason: "withdrawn" });
    await harness.left.close();
    expect(ended).toBe(1);
  });

  test("resolves when the actor behind the service ends", async () => {
    const actor = spawn(Text, () => ({ upper: (input) => input.toUpperCase() }));
    await using harness = await peers({ right: { services: new ServiceMap().add(Text, actor) } });
    const watch = harness.left.address(Text).watch();
    await harness.flush();
    await actor.close();
    expect(await watch).toEqual({ reason: "stopped" });
  });

  test("lets go of the actor when its connection is lost: nobody over there waits any more", async () => {
    await using actor = spawn(Text, () => ({ upper: (input) => input }));
    const watched = vi.spyOn(actor, "watch");
    await using harness = await peers({ right: { services: new ServiceMap().add(Text, actor) } });
    const watch = harness.left.address(Text).watch();
    await harness.flush();
    const signal = watched.mock.calls[0]?.[0]?.signal;
    expect(signal?.aborted).toBe(false);
    harness.cut();
    expect(await watch).toMatchObject({ reason: "connection-lost" });
    await harness.flush();
    expect(signal?.aborted).toBe(true);
  });

  test("resolves at once when the actor has ended already", async () => {
    const actor = spawn(Text, () => ({ upper: (input) => input }));
    await actor.close();
    await using harness = await peers({ right: { services: new ServiceMap().add(Text, actor) } });
    expect(await harness.left.address(Text).watch()).toEqual({ reason: "stopped" });
  });

  test("resolves when the connection is lost, with the error behind it", async () => {
    await using harness = await peers({ right: { services: text() } });
    const watches = [harness.left.address(Text).watch(), harness.left.address(Text).watch()];
    await harness.flush();
    harness.right.abort();
    const reason = { reason: "connection-lost", error: { code: "connection-reset" } };
    expect(await Promise.all(watches)).toMatchObject([reason, reason]);
  });

  test("resolves when either side closes in order", async () => {
    await using one = await peers({ right: { services: text() } });
    const byOther = one.left.address(Text).watch();
    await one.flush();
    await one.right.close();
    expect(await byOther).toEqual({ reason: "closing" });
    await using two = await peers({ right: { services: text() } });
    const byUs = two.left.address(Text).watch();
    await two.flush();
    await two.left.close();
    expect(await byUs).toEqual({ reason: "connection-lost" });
  });

  test("of what is not provided, or of a peer that is closed, resolves at once", async () => {
    await using harness = await peers();
    expect(await harness.left.address(Text).watch()).toEqual({ reason: "unknown-service" });
    await harness.left.close();
    expect(await harness.left.address(Text).watch()).toEqual({ reason: "connection-lost" });
  });

  test("rejects when it is aborted, and the other side forgets it", async () => {
    await using harness = await peers({ right: { services: text(), limits: { watchesMax: 1 } } });
    for (let i = 0; i < 5; i++) {
      const controller = new AbortController();
      const watch = harness.left.address(Text).watch({ signal: controller.signal });
      await harness.flush();
      controller.abort(new Error("seen enough"));
      await expect(watch).rejects.toMatchObject({ code: "cancelled" });
      await harness.flush();
    }
    await expect(harness.left.address(Text).watch({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
    const last = harness.left.address(Text).watch();
    await harness.flush();
    harness.right.withdraw(Text);
    expect(await last).toEqual({ reason: "withdrawn" });
  });

  test("beyond watchesMax rejects with watches-full", async () => {
    await using harness = await peers({ right: { services: text(), limits: { watchesMax: 2 } } });
    const address = harness.left.address(Text);
    const held = [address.watch(), address.watch()];
    await expect(address.watch()).rejects.toMatchObject({ code: "watches-full" });
    harness.right.withdraw(Text);
    await Promise.all(held);
  });

  test("that waits for years takes no place from calls: 100,000 calls beside it", async () => {
    await using harness = await peers({ right: { services: sum() } });
    const watch = harness.left.address(Sum).watch();
    for (let i = 0; i < 100; i++) {
      await Promise.all(Array.from({ length: 1000 }, () => harness.left.address(Sum).call("add", 1)));
    }
    expect(await harness.left.address(Sum).call("add", 0)).toBe(100_000);
    harness.right.withdraw(Sum);
    expect(await watch).toEqual({ reason: "withdrawn" });
  });
});

// The first things that peers must do, over every transport.

import { describe, expect, test } from "vitest";
import { call, defineService, send, ServiceMap } from "@troupe/core";
import { fence, peers } from "@troupe/core/testing";
import { EVERY_TRANSPORT } from "./every-transport.js";

const Sum = defineService("sum", { add: call<number>(), show: call<void, number>(), note: send<number>() });
const Ask = defineService("ask", {
  twice: call<number, number>(),
  through: call<number, number>(),
  hold: call<void, string>(),
});

describe.each(Object.entries(EVERY_TRANSPORT))("two peers over %s", (_, subject) => {
  test("add twice, then show gives 10; sends keep their order; a close ends both sides with one reason each", async () => {
    const noted: number[] = [];
    let sum = 0;
    const services = new ServiceMap().add(Sum, {
      add: (n) => void (sum += n),
      show: () => sum,
      note: (n) => void noted.push(n),
    });
    await using harness = await peers({ subject: await subject(), right: { services, limits: { sendsMax: 10 } } });
    const address = harness.left.address(Sum);
    await address.call("add", 5);
    await address.call("add", 5);
    expect(await address.call("show")).toBe(10);
    await Promise.all(Array.from({ length: 2000 }, (_, n) => address.send("note", n)));
    expect(await harness.left.close()).toEqual({ by: "local", code: "closed" });
    expect(await harness.right.closed).toEqual({ by: "remote", code: "closed" });
    expect(noted).toEqual(Array.from({ length: 2000 }, (_, n) => n));
  });

  test("A calls B, which calls A back over the same socket before it answers", async () => {
    const services = new ServiceMap().add(Ask, {
      twice: (n) => n * 2,
      through: async (n, { peer }) => 1 + (await peer.address(Ask).call("twice", n)),
      hold: () => "",
    });
    await using harness = await peers({ subject: await subject(), left: { services }, right: { services } });
    const calls = [harness.left, harness.right].flatMap((peer) =>
      Array.from({ length: 500 }, (_, n) => peer.address(Ask).call("through", n)),
    );
    const expected = Array.from({ length: 500 }, (_, n) => n * 2 + 1);
    expect(await Promise.all(calls)).toEqual([...expected, ...expected]);
  });

  test("a call that runs is answered within the grace of the side that closes", async () => {
    const gate = fence();
    const services = new ServiceMap().add(Ask, {
      twice: (n) => n,
      through: (n) => n,
      hold: async () => (await gate.pass(), "held"),
    });
    await using harness = await peers({ subject: await subject(), right: { services } });
    const held = harness.left.address(Ask).call("hold");
    await gate.reached;
    const closed = harness.right.close();
    await new Promise<void>((resolve) => void harness.left.on("closing", () => resolve()));
    gate.open();
    expect(await held).toBe("held");
    expect(await closed).toEqual({ by: "local", code: "closed" });
  });

  test("an abort reaches the other side as the loss of its connection, and its pending calls at once", async () => {
    const gate = fence();
    const services = new ServiceMap().add(Ask, {
      twice: (n) => n,
      through: (n) => n,
      hold: async () => (await gate.pass(), "held"),
    });
    await using harness = await peers({ subject: await subject(), right: { services } });
    const held = harness.left.address(Ask).call("hold");
    await gate.reached;
    harness.right.abort(new Error("enough"));
    await expect(held).rejects.toMatchObject({ name: "ConnectionLost", code: "connection-lost", maybeExecuted: true });
    expect(await harness.right.closed).toMatchObject({ by: "local", code: "aborted" });
    expect(await harness.left.closed).toMatchObject({
      by: "fault",
      code: "connection-lost",
      error: { code: "connection-reset" },
    });
    gate.open();
  });
});

// Calls and sends made while a link is down: they wait in order, with their own deadlines and signals, and bounded.

import { describe, expect, test } from "vitest";
import { Echo, LinkStage } from "./stage.js";
import { fence } from "../../src/testing/index.js";
import type { PeerOptions } from "../../src/peer/index.js";
import { LINK_WAITING_MAX, type Link } from "../../src/link/index.js";

/** A link that is down. */
async function down(on: LinkStage, options: Parameters<LinkStage["link"]>[0] = {}): Promise<Link> {
  const up = on.link(options);
  await on.flush();
  expect(up.state).toBe("waiting");
  return up;
}

async function comeBack(on: LinkStage, options: PeerOptions = {}): Promise<void> {
  await on.serve(options);
  await on.advance(1000);
}

describe("while the link is down", () => {
  test("sends and calls wait, and are made in the order in which they came, ahead of what a listener of up sends", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    const [one, two] = [up.address(Echo), up.address(Echo)];
    up.on("up", () => void one.send("tell", "from the listener"));
    void up.ready().then(() => one.send("tell", "from ready()"));
    const sends = Array.from({ length: 50 }, (_, n) => (n % 2 === 0 ? one : two).send("tell", `${n}`));
    const answer = one.call("back", "answer");
    expect(up.waiting).toBe(51);
    await comeBack(on);
    await Promise.all(sends);
    expect(await answer).toBe("answer");
    await on.flush();
    expect(on.told).toEqual([...Array.from({ length: 50 }, (_, n) => `${n}`), "from the listener", "from ready()"]);
    expect(up.waiting).toBe(0);
  });

  test("they wait before the first connection as well as after a loss", async () => {
    await using on = new LinkStage();
    await on.serve();
    const up = on.link();
    expect(await up.address(Echo).call("back", "early")).toBe("early");
    on.road.cut();
    await on.flush();
    const late = up.address(Echo).call("back", "late");
    await on.advance(1000);
    expect(await late).toBe("late");
  });

  test("they go on waiting through any number of failed attempts", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    const waiting = up.address(Echo).send("tell", "at last");
    await on.advance(60_000);
    expect(on.road.dials.length).toBeGreaterThan(50);
    await comeBack(on);
    await waiting;
    await on.flush();
    expect(on.told).toEqual(["at last"]);
  });

  test("sends that the next connection loses before there was room for them reject, and none is sent twice", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    const gate = fence();
    const sends = Promise.allSettled(Array.from({ length: 5 }, (_, n) => up.address(Echo).send("tell", `${n}`)));
    const services = on.services();
    services.add(Echo, {
      back: (input) => input,
      remaining: () => 0,
      hold: () => "",
      tell: async (line) => {
        on.told.push(line);
        await gate.pass();
      },
    });
    await comeBack(on, { services, limits: { sendsMax: 2 } });
    await gate.reachedBy(2);
    on.road.cut();
    const outcomes = await sends;
    gate.open();
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "rejected",
      "rejected",
    ]);
    expect(outcomes[4]).toMatchObject({ reason: { name: "ConnectionLost", code: "closed", maybeExecuted: false } });
    await on.advance(1000);
    expect(up.state).toBe("up");
    expect(on.told).toEqual(["0", "1"]);
  });

  test("trySend() is false and sends nothing, then or later", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    expect(up.address(Echo).trySend("tell", "lost")).toBe(false);
    await comeBack(on);
    expect(up.address(Echo).trySend("tell", "told")).toBe(true);
    await on.flush();
    expect(on.told).toEqual(["told"]);
  });
});

describe("the deadline of a call", () => {
  test("runs while it waits, and what remains is what the other side sees", async () => {
    await using on = new LinkStage();
    const up = await down(on, { backoff: { minMs: 0 } });
    const remaining = up.address(Echo).call("remaining", undefined, { timeoutMs: 5000 });
    const byDefault = up.address(Echo).call("remaining");
    await on.advance(2500);
    await on.serve();
    up.retry();
    expect(await remaining).toBe(2500);
    expect(await byDefault).toBe(27_500);
  });

  test("rejects with timeout when it is over before the link is up, to the millisecond, and nothing is made of it", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    let error: unknown;
    const waiting = up.address(Echo).call("back", "late", { timeoutMs: 700 });
    waiting.catch((thrown: unknown) => (error = thrown));
    await on.advance(699);
    expect(error).toBeUndefined();
    expect(up.waiting).toBe(1);
    await on.advance(1);
    expect(error).toMatchObject({ name: "PeerError", code: "timeout", maybeExecuted: false });
    expect(up.waiting).toBe(0);
  });

  test("rejects with timeout whose cause is why the link is not up, and so does ready()", async () => {
    await using on = new LinkStage();
    const up = on.link();
    const late = { code: "timeout", cause: { code: "connect-refused" } };
    const rejected = Promise.all([
      expect(up.address(Echo).call("back", "late", { timeoutMs: 2500 })).rejects.toMatchObject(late),
      expect(up.ready({ timeoutMs: 2500 })).rejects.toMatchObject(late),
    ]);
    await on.advance(2500);
    await rejected;
    const controller = new AbortController();
    const cancelled = expect(up.ready({ signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
    controller.abort();
    await cancelled;
    expect(up.waiting).toBe(0);
  });

  test("is the link's callTimeoutMs unless the call says otherwise, also in place of Infinity", async () => {
    await using on = new LinkStage();
    const up = await down(on, { callTimeoutMs: 300 });
    const calls = [{}, { timeoutMs: Infinity }].map((options) => up.address(Echo).call("back", "late", options));
    const outcomes = Promise.allSettled(calls);
    await on.advance(299);
    expect(up.waiting).toBe(2);
    await on.advance(1);
    expect(await outcomes).toMatchObject([{ reason: { code: "timeout" } }, { reason: { code: "timeout" } }]);
  });

  test("of 0 is over at once, and NaN is refused", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    await expect(up.address(Echo).call("back", "", { timeoutMs: 0 })).rejects.toMatchObject({ code: "timeout" });
    await expect(up.address(Echo).call("back", "", { timeoutMs: NaN })).rejects.toMatchObject({
      code: "option-invalid",
    });
    expect(up.waiting).toBe(0);
  });

  test("is none for a send: it waits for as long as it takes", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    const sent = up.address(Echo).send("tell", "after ten minutes");
    await on.advance(600_000);
    expect(up.waiting).toBe(1);
    await comeBack(on);
    await sent;
  });
});

describe("the signal of a call or a send", () => {
  test("ends the waiting at once with cancelled, and nothing is made of it", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    const controller = new AbortController();
    const { signal } = controller;
    const outcomes = Promise.allSettled([
      up.address(Echo).call("back", "", { signal }),
      up.address(Echo).send("tell", "never", { signal }),
    ]);
    const other = up.address(Echo).send("tell", "kept");
    const reason = new Error("changed my mind");
    controller.abort(reason);
    const cancelled = { reason: { name: "PeerError", code: "cancelled", maybeExecuted: false, cause: reason } };
    expect(await outcomes).toMatchObject([cancelled, cancelled]);
    expect(up.waiting).toBe(1);
    await comeBack(on);
    await other;
    await on.flush();
    expect(on.told).toEqual(["kept"]);
  });

  test("that is aborted already lets nothing wait", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    const signal = AbortSignal.abort();
    await expect(up.address(Echo).call("back", "", { signal })).rejects.toMatchObject({ code: "cancelled" });
    await expect(up.address(Echo).send("tell", "", { signal })).rejects.toMatchObject({ code: "cancelled" });
    expect(up.waiting).toBe(0);
  });

  test("still cancels the call when it is on its way after all", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    const gate = fence();
    const controller = new AbortController();
    const call = up.address(Echo).call("hold", undefined, { signal: controller.signal });
    await comeBack(on, { services: on.services(() => gate.pass()) });
    await gate.reached;
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "cancelled", maybeExecuted: true });
    gate.open();
  });

  test("holds no listener once the waiting is over, however it ended", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    const { signal } = new AbortController();
    let listeners = 0;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...rest: Parameters<typeof add>) => (listeners++, add(...rest));
    signal.removeEventListener = (...rest: Parameters<typeof remove>) => (listeners--, remove(...rest));
    const late = up.address(Echo).call("back", "", { signal, timeoutMs: 10 });
    const answered = up.address(Echo).call("back", "", { signal });
    expect(listeners).toBe(2);
    const outcome = expect(late).rejects.toMatchObject({ code: "timeout" });
    await on.advance(10);
    await outcome;
    expect(listeners).toBe(1);
    await comeBack(on);
    await answered;
    on.road.cut();
    await on.flush();
    const closed = expect(up.address(Echo).send("tell", "", { signal })).rejects.toMatchObject({ code: "closed" });
    await up.close();
    await closed;
    expect(listeners).toBe(0);
  });
});

describe("waitingMax", () => {
  test("bounds what waits: one more rejects with waiting-full at once", async () => {
    await using on = new LinkStage();
    const up = await down(on, { waitingMax: 3 });
    const echo = up.address(Echo);
    const waiting = [echo.call("back", "a"), echo.send("tell", "b"), echo.call("back", "c")];
    await on.flush();
    const full = { name: "PeerError", code: "waiting-full", maybeExecuted: false };
    await expect(echo.call("back", "d")).rejects.toMatchObject(full);
    await expect(echo.send("tell", "e")).rejects.toMatchObject(full);
    await comeBack(on);
    expect(await Promise.all(waiting)).toEqual(["a", undefined, "c"]);
    await on.flush();
    expect(on.told).toEqual(["b"]);
  });

  test("counts what waits, and not what has given up", async () => {
    await using on = new LinkStage();
    const up = await down(on, { waitingMax: 1 });
    const late = expect(up.address(Echo).call("back", "", { timeoutMs: 5 })).rejects.toMatchObject({ code: "timeout" });
    await on.advance(5);
    await late;
    const controller = new AbortController();
    const given = up.address(Echo).send("tell", "", { signal: controller.signal });
    const cancelled = expect(given).rejects.toMatchObject({ code: "cancelled" });
    controller.abort();
    await cancelled;
    const waiting = up.address(Echo).send("tell", "kept");
    await comeBack(on);
    await waiting;
  });

  test(`is ${LINK_WAITING_MAX} unless set`, async () => {
    await using on = new LinkStage();
    const up = await down(on);
    const waiting = Promise.allSettled(
      Array.from({ length: LINK_WAITING_MAX + 1 }, (_, n) => up.address(Echo).send("tell", `${n}`)),
    );
    expect(up.waiting).toBe(LINK_WAITING_MAX);
    await up.close();
    const codes = (await waiting).map((each) => ((each as PromiseRejectedResult).reason as { code: string }).code);
    expect(codes.slice(0, -1).every((code) => code === "closed")).toBe(true);
    expect(codes.at(-1)).toBe("waiting-full");
  });
});

describe('whenDown: "fail"', () => {
  const linkDown = { name: "ConnectionLost", code: "link-down", maybeExecuted: false };

  test("of a call or a send rejects at once with link-down, whatever the link says", async () => {
    await using on = new LinkStage();
    const up = await down(on);
    await expect(up.address(Echo).call("back", "", { whenDown: "fail" })).rejects.toMatchObject(linkDown);
    await expect(up.address(Echo).send("tell", "", { whenDown: "fail" })).rejects.toMatchObject(linkDown);
    expect(up.waiting).toBe(0);
  });

  test("of a link does so for all that do not say wait", async () => {
    await using on = new LinkStage();
    const up = await down(on, { whenDown: "fail" });
    await expect(up.address(Echo).call("back", "")).rejects.toMatchObject(linkDown);
    await expect(up.address(Echo).send("tell", "")).rejects.toMatchObject(linkDown);
    const patient = up.address(Echo).call("back", "patient", { whenDown: "wait" });
    await comeBack(on);
    expect(await patient).toBe("patient");
    expect(await up.address(Echo).call("back", "up")).toBe("up");
  });
});

test("a call that was under way when the connection broke rejects with maybeExecuted true, and is not made again", async () => {
  await using on = new LinkStage();
  const gate = fence();
  await on.serve({ services: on.services(() => gate.pass()) });
  const up = on.link();
  await up.ready();
  const call = up.address(Echo).call("hold");
  await gate.reached;
  on.road.cut();
  await expect(call).rejects.toMatchObject({ name: "ConnectionLost", code: "connection-lost", maybeExecuted: true });
  await on.advance(1000);
  expect(up.state).toBe("up");
  gate.open();
  await on.flush();
  expect(gate.arrivals).toBe(1);
});

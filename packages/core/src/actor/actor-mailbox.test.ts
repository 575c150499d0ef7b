// What senders meet when the mailbox is full.

import { describe, expect, test } from "vitest";
import { oneShot } from "../base/index.js";
import type { ActorEvent } from "./actor.js";
import { call, defineService, send } from "./service.js";
import { spawn, type ActorAddress, type ActorMailboxOptions } from "./spawn.js";

const Worker = defineService("worker", { hold: send(), work: send<number>(), ask: call<number, number>() });

/** An actor whose handler holds its turn until `letGo`, with an empty mailbox before it. */
async function held(mailbox: ActorMailboxOptions): Promise<{
  worker: ActorAddress<typeof Worker>;
  worked: number[];
  letGo: () => void;
}> {
  const gate = oneShot<void>();
  const entered = oneShot<void>();
  const worked: number[] = [];
  const worker = spawn(
    Worker,
    () => ({
      hold() {
        entered.resolve();
        return gate.promise;
      },
      work: (n) => void worked.push(n),
      ask: (n) => {
        worked.push(n);
        return n;
      },
    }),
    { mailbox },
  );
  await worker.send("hold");
  await entered.promise;
  return { worker, worked, letGo: () => gate.resolve() };
}

describe("a full mailbox", () => {
  test("wait: send() resolves only when there is room, and trySend() is false until then", async () => {
    const { worker, worked, letGo } = await held({ capacity: 2 });
    await worker.send("work", 1);
    await worker.send("work", 2);
    expect(worker.queued).toBe(2);
    expect(worker.trySend("work", 99)).toBe(false);
    let isThrough = false;
    const third = worker.send("work", 3).then(() => (isThrough = true));
    const fourth = worker.call("ask", 4);
    for (let i = 0; i < 10; i++) await undefined;
    expect(isThrough).toBe(false);
    letGo();
    await third;
    expect(await fourth).toBe(4);
    expect(worked).toEqual([1, 2, 3, 4]);
    await worker.close();
  });

  test("wait: a send() that is aborted while it waits rejects with cancelled, and its message is not handled", async () => {
    const { worker, worked, letGo } = await held({ capacity: 1 });
    await worker.send("work", 1);
    const controller = new AbortController();
    const second = worker.send("work", 2, { signal: controller.signal });
    const third = worker.send("work", 3);
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: "cancelled" });
    await expect(worker.send("work", 4, { signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
    letGo();
    await third;
    await worker.close();
    expect(worked).toEqual([1, 3]);
  });

  test("wait: beyond parkedMax senders are refused with mailbox-full", async () => {
    const { worker, worked, letGo } = await held({ capacity: 1, parkedMax: 1 });
    await worker.send("work", 1);
    const second = worker.send("work", 2);
    const full = { code: "mailbox-full", maybeExecuted: false };
    await expect(worker.send("work", 3)).rejects.toMatchObject(full);
    await expect(worker.call("ask", 4)).rejects.toMatchObject(full);
    letGo();
    await second;
    await worker.close();
    expect(worked).toEqual([1, 2]);
  });

  test("reject: send() and call() reject with mailbox-full, and trySend() is false", async () => {
    const { worker, worked, letGo } = await held({ capacity: 1, overflow: "reject" });
    await worker.send("work", 1);
    await expect(worker.send("work", 2)).rejects.toMatchObject({ code: "mailbox-full" });
    await expect(worker.call("ask", 3)).rejects.toMatchObject({ code: "mailbox-full", maybeExecuted: false });
    expect(worker.trySend("work", 4)).toBe(false);
    letGo();
    await worker.close();
    expect(worked).toEqual([1]);
  });

  test("drop-oldest: the newest stay, a dropped call rejects with dropped, a dropped send is an event", async () => {
    const { worker, worked, letGo } = await held({ capacity: 2, overflow: "drop-oldest" });
    const events: ActorEvent[] = [];
    worker.on("refused", (event) => events.push(event));
    const first = worker.call("ask", 1);
    const rejected = expect(first).rejects.toMatchObject({ code: "dropped", maybeExecuted: false });
    for (const n of [2, 3, 4]) await worker.send("work", n);
    await rejected;
    expect([worker.queued, worker.dropped]).toEqual([2, 2]);
    expect(events).toMatchObject([{ type: "refused", message: "work", error: { code: "dropped" } }]);
    letGo();
    await worker.close();
    expect(worked).toEqual([3, 4]);
  });

  test("several senders that wait take turns: none is let in twice before another once", async () => {
    const { worker, worked, letGo } = await held({ capacity: 1 });
    await worker.send("work", 0);
    const sender = async (base: number): Promise<void> => {
      for (let i = 1; i <= 3; i++) await worker.send("work", base + i);
    };
    const senders = [sender(10), sender(20), sender(30)];
    letGo();
    await Promise.all(senders);
    await worker.close();
    expect(worked).toEqual([0, 11, 21, 31, 12, 22, 32, 13, 23, 33]);
  });

  test.each([{ capacity: 0 }, { capacity: NaN }, { parkedMax: -1 }])(
    "spawn() refuses the mailbox %j with option-invalid",
    (mailbox) => {
      const setup = () => ({ hold() {}, work() {}, ask: (n: number) => n });
      expect(() => spawn(Worker, setup, { mailbox })).toThrow(expect.objectContaining({ code: "option-invalid" }));
    },
  );
});

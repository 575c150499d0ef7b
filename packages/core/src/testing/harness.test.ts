// The harness must fail when it should: a test that leaves something behind is wrong even if it asserts what it wants.

import { describe, expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { ServiceMap } from "../peer/index.js";
import { memory } from "../transport/index.js";
import { fence, peers, VirtualClock, type Harness, type PeersOptions } from "./index.js";

const Work = defineService("work", { hold: call(), tell: send(), quick: call<void, number>() });

function held(gate = fence()): ServiceMap {
  return new ServiceMap().add(Work, { hold: () => gate.pass(), tell: () => gate.pass(), quick: () => 1 });
}

/** Ends a harness in which `leave` has left something; returns what it says of that. */
async function complaint(options: PeersOptions, leave: (harness: Harness) => unknown): Promise<string> {
  const harness = await peers(options);
  leave(harness);
  return harness[Symbol.asyncDispose]().then(
    () => "",
    (error: Error) => error.message,
  );
}

describe("peers()", () => {
  test("gives two that have greeted each other, on a clock that stands still", async () => {
    const clock = new VirtualClock(500);
    await using harness = await peers({ clock, right: { services: held(), name: "r" } });
    expect([harness.left.state, harness.right.state, harness.left.remote.name]).toEqual(["open", "open", "r"]);
    expect(await harness.left.address(Work).call("quick")).toBe(1);
    expect([harness.clock, clock.now()]).toEqual([clock, 500]);
  });

  test("over a transport dials and listens", async () => {
    let disposed = 0;
    const subject = {
      transport: memory({ isPrivate: true }),
      endpoint: "memory://here",
      dispose: () => void disposed++,
    };
    {
      await using harness = await peers({ subject, right: { services: held() } });
      expect(await harness.left.address(Work).call("quick")).toBe(1);
      expect(harness.right.remote.endpoint).toMatch(/^memory:/);
    }
    expect(disposed).toBe(1);
  });

  test("complains of a call and its task that are left", async () => {
    const message = await complaint({ right: { services: held() } }, ({ left }) => {
      left
        .address(Work)
        .call("hold")
        .catch(() => {});
    });
    expect(message).toBe("left behind: left has 1 calls, right has 1 tasks");
  });

  test("complains of messages that wait", async () => {
    const message = await complaint({ right: { services: held(), limits: { sendsMax: 1 } } }, ({ left }) => {
      for (let i = 0; i < 3; i++)
        left
          .address(Work)
          .send("tell")
          .catch(() => {});
    });
    expect(message).toBe("left behind: left has 2 waiting messages, right has 1 tasks");
  });

  test("complains of a timer that is left on the clock", async () => {
    const message = await complaint({}, ({ clock }) => clock.schedule(1_000_000, () => {}));
    expect(message).toBe("left behind after both sides were closed: the clock has 1 timers");
  });

  test("has no complaint when nothing is left, also when the test has closed or cut everything itself", async () => {
    expect(await complaint({}, () => {})).toBe("");
    expect(await complaint({}, ({ left }) => void left.close())).toBe("");
    expect(await complaint({}, (harness) => harness.cut())).toBe("");
    expect(await complaint({}, (harness) => harness.endLeft())).toBe("");
  });

  test("demandIdle() throws in the middle of a test, and not when all is done", async () => {
    const gate = fence();
    await using harness = await peers({ right: { services: held(gate) } });
    const call = harness.left.address(Work).call("hold");
    await gate.reached;
    expect(() => harness.demandIdle()).toThrow("left has 1 calls, right has 1 tasks");
    gate.open();
    await call;
    harness.demandIdle();
  });
});

describe("fence()", () => {
  test("holds whoever comes until it is open, and nobody after that", async () => {
    const gate = fence();
    const log: string[] = [];
    const comers = ["a", "b"].map((name) => gate.pass().then(() => log.push(name)));
    await gate.reachedBy(2);
    expect([gate.arrivals, gate.waiting, log]).toEqual([2, 2, []]);
    gate.open();
    await Promise.all(comers);
    await gate.pass();
    expect([gate.arrivals, gate.waiting, log]).toEqual([3, 0, ["a", "b"]]);
  });

  test("letOne() lets one through, the one that has waited longest; false when nobody waits", async () => {
    const gate = fence();
    const log: string[] = [];
    const [first] = ["a", "b"].map((name) => gate.pass().then(() => log.push(name)));
    expect(gate.letOne()).toBe(true);
    await first;
    expect(log).toEqual(["a"]);
    expect([gate.letOne(), gate.letOne()]).toEqual([true, false]);
  });

  test("reached resolves for who asks before and for who asks after", async () => {
    const gate = fence();
    const before = gate.reached;
    void gate.pass();
    await before;
    await gate.reached;
    gate.open();
  });
});

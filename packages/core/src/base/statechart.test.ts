import { describe, expect, test, vi } from "vitest";
import { VirtualClock } from "../testing/index.js";
import { Statechart, type StatechartConfig } from "./statechart.js";

type DoorEvent = { type: "open" } | { type: "shut" } | { type: "lock" };

/** A door that shuts by itself after 100 ms, rings after 30 ms, and is done with when it is locked. */
const DOOR: StatechartConfig = {
  initial: "shut",
  on: { lock: ".locked" },
  states: {
    shut: { entry: "lightOff", on: { open: { target: "open", actions: "swing" } } },
    open: {
      entry: "lightOn",
      on: { shut: { target: "shut", actions: "swing" } },
      after: { 30: { actions: "ring" }, 100: { target: "shut", actions: "swing" } },
    },
    locked: { type: "final", entry: "bolt" },
  },
};

type Door = Statechart<DoorEvent>;

/** A door that notes its actions; `act` may do more, once the door is there. */
function stage(act: (name: string, chart: Door) => void = () => undefined) {
  const clock = new VirtualClock();
  const log: string[] = [];
  let chart: Door | undefined = undefined;
  const made: Door = new Statechart<DoorEvent>(DOOR, clock, (name) => {
    log.push(name);
    if (chart !== undefined) act(name, chart);
  });
  chart = made;
  return { clock, log, chart: made };
}

describe("Statechart", () => {
  test("enters the first state when it is made, and does its actions", () => {
    const { clock, log, chart } = stage();
    expect([chart.state, log, clock.pending]).toEqual(["shut", ["lightOff"], 0]);
  });

  test("does the actions in order: of the transition, then of entering", () => {
    const { log, chart } = stage();
    chart.send({ type: "open" });
    expect([chart.state, log.splice(0)]).toEqual(["open", ["lightOff", "swing", "lightOn"]]);
    chart.send({ type: "shut" });
    expect([chart.state, log]).toEqual(["shut", ["swing", "lightOff"]]);
  });

  test("ignores an event that the state has no answer to", () => {
    const { log, chart } = stage();
    chart.send({ type: "shut" });
    expect([chart.state, log]).toEqual(["shut", ["lightOff"]]);
  });

  test("delays run on the clock, each from when its state was entered", async () => {
    const { clock, log, chart } = stage();
    await clock.advance(1000);
    chart.send({ type: "open" });
    log.length = 0;
    expect(clock.pending).toBe(2);
    await clock.advance(29);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect([chart.state, log]).toEqual(["open", ["ring"]]);
    await clock.advance(69);
    expect(chart.state).toBe("open");
    await clock.advance(1);
    expect([chart.state, log, clock.pending]).toEqual(["shut", ["ring", "swing", "lightOff"], 0]);
  });

  test("delays are cancelled when their state is left, and begin anew when it is entered again", async () => {
    const { clock, log, chart } = stage();
    chart.send({ type: "open" });
    await clock.advance(20);
    chart.send({ type: "shut" });
    expect(clock.pending).toBe(0);
    chart.send({ type: "open" });
    log.length = 0;
    await clock.advance(29);
    expect(log).toEqual([]);
    await clock.advance(1);
    expect(log).toEqual(["ring"]);
    chart.send({ type: "lock" });
    expect(clock.pending).toBe(0);
  });

  test("an event that an action sends is taken after all actions of the transition, in the order sent", () => {
    const states: string[] = [];
    const { log, chart } = stage((name, door) => {
      if (name === "lightOn") return;
      states.push(`${name} in ${door.state}`);
      if (states.length > 1) return;
      door.send({ type: "shut" });
      door.send({ type: "lock" });
    });
    chart.send({ type: "open" });
    expect(log).toEqual(["lightOff", "swing", "lightOn", "swing", "lightOff", "bolt"]);
    expect(states).toEqual(["swing in open", "swing in shut", "lightOff in shut", "bolt in locked"]);
    expect(chart.state).toBe("locked");
  });

  test("an event that comes of another one waits behind those that were there before it", () => {
    let isFirst = true;
    const { log, chart } = stage((name, door) => {
      if (name === "lightOn" && isFirst) {
        isFirst = false;
        door.send({ type: "shut" });
        door.send({ type: "open" });
      } else if (name === "lightOff") door.send({ type: "lock" });
    });
    chart.send({ type: "open" });
    expect(log).toEqual(["lightOff", "swing", "lightOn", "swing", "lightOff", "swing", "lightOn", "bolt"]);
  });

  test("events after the end are ignored, those that were sent inside its last actions too", async () => {
    const { clock, log, chart } = stage((name, door) => {
      if (name === "bolt") door.send({ type: "open" });
    });
    chart.send({ type: "open" });
    chart.send({ type: "lock" });
    chart.send({ type: "open" });
    chart.send({ type: "lock" });
    await clock.advance(1000);
    expect([chart.state, clock.pending]).toEqual(["locked", 0]);
    expect(log).toEqual(["lightOff", "swing", "lightOn", "bolt"]);
  });

  test("an action that throws is reported as uncaught and keeps no other from being done", async () => {
    const uncaught: unknown[] = [];
    vi.spyOn(globalThis, "queueMicrotask").mockImplementation((job) => {
      try {
        job();
      } catch (error) {
        uncaught.push(error);
      }
    });
    const failure = new Error("from the action");
    const { clock, log, chart } = stage((name, door) => {
      if (name !== "swing" || door.state !== "open") return;
      door.send({ type: "shut" });
      throw failure;
    });
    chart.send({ type: "open" });
    expect(log).toEqual(["lightOff", "swing", "lightOn", "swing", "lightOff"]);
    expect([chart.state, uncaught, clock.pending]).toEqual(["shut", [failure], 0]);
  });
});

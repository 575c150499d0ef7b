import { describe, expect, test, vi } from "vitest";
import { Timers } from "../base/index.js";
import { VirtualClock } from "../testing/index.js";
import { CallEnvelope, type CallHost, type Envelope } from "./envelope.js";
import { BoundedLane } from "./lane.js";
import type { TableEntry } from "./message-table.js";

const ENTRY: TableEntry = {
  name: "ask",
  kind: "call",
  input: undefined,
  output: undefined,
  inputs: undefined,
  errors: undefined,
  handler: () => 1,
};

function stage(): { host: CallHost; clock: VirtualClock; settled: () => number } {
  const clock = new VirtualClock();
  let settledCount = 0;
  const host: CallHost = {
    clock,
    timers: new Timers(clock),
    lane: new BoundedLane<Envelope>(),
    callSettled: () => void settledCount++,
  };
  return { host, clock, settled: () => settledCount };
}

describe("CallEnvelope", () => {
  test.each(["answer", "fail", "giveUp", "expired", "handleEvent"] as const)(
    "%s() settles it, clears its deadline and its listener, and whatever comes later changes nothing",
    (first) => {
      const { host, clock, settled } = stage();
      const outcomes: unknown[] = [];
      const { signal } = new AbortController();
      const forgotten = vi.spyOn(signal, "removeEventListener");
      const envelope = new CallEnvelope(
        host,
        ENTRY,
        1,
        1000,
        (value) => outcomes.push(value),
        (error) => outcomes.push(error),
      );
      envelope.watchOver(signal);
      expect(host.timers.size).toBe(1);
      const ways = {
        answer: () => envelope.answer("value"),
        fail: () => envelope.fail(new Error("no")),
        giveUp: () => envelope.giveUp("actor-stopped", "gone"),
        expired: () => envelope.expired(),
        handleEvent: () => envelope.handleEvent(),
      };
      ways[first]();
      for (const way of Object.values(ways)) way();
      expect(outcomes).toHaveLength(1);
      expect(envelope.isSettled).toBe(true);
      expect(settled()).toBe(1);
      expect(host.timers.size).toBe(0);
      expect(forgotten).toHaveBeenCalledOnce();
      host.timers.close();
      expect(clock.pending).toBe(0);
    },
  );

  test("the signal of its context is made when it is asked for, also after it was aborted", () => {
    const { host } = stage();
    const envelope = new CallEnvelope(
      host,
      ENTRY,
      1,
      1000,
      () => {},
      () => {},
    );
    envelope.taken();
    const context = envelope.start();
    envelope.giveUp("cancelled", "not needed");
    expect(context.signal.aborted).toBe(true);
    expect(context.signal).toBe(context.signal);
    expect(context.signal.reason).toMatchObject({ code: "cancelled", maybeExecuted: true });
  });
});

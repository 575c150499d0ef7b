import { describe, expect, test, vi } from "vitest";
import { Inspection, type InspectionEvent } from "./inspection.js";

const event = (kind: string): InspectionEvent => ({ kind, source: "peer", at: 0 });

describe("Inspection", () => {
  test("active holds while at least one observer looks", () => {
    const inspection = new Inspection();
    expect(inspection.active).toBe(false);
    const stopFirst = inspection.observe(() => undefined);
    const stopSecond = inspection.observe(() => undefined);
    expect(inspection.active).toBe(true);
    stopFirst();
    stopFirst();
    expect(inspection.active).toBe(true);
    stopSecond();
    expect(inspection.active).toBe(false);
  });

  test("one that asks `active` first makes no event while nobody looks", () => {
    const inspection = new Inspection();
    const make = vi.fn(() => event("made"));
    const work = (): void => {
      if (inspection.active) inspection.emit(make());
    };
    work();
    expect(make).not.toHaveBeenCalled();
    const seen: InspectionEvent[] = [];
    const stop = inspection.observe((each) => seen.push(each));
    work();
    stop();
    work();
    expect(make).toHaveBeenCalledTimes(1);
    expect(seen).toEqual([event("made")]);
  });

  test("every observer sees every event, the same function as often as it observes", () => {
    const inspection = new Inspection();
    const seen: string[] = [];
    const twice = ({ kind }: InspectionEvent): void => void seen.push(`twice ${kind}`);
    const stop = inspection.observe(twice);
    inspection.observe(twice);
    inspection.observe(({ kind }) => seen.push(`other ${kind}`));
    inspection.emit(event("a"));
    stop();
    inspection.emit(event("b"));
    expect(seen).toEqual(["twice a", "twice a", "other a", "twice b", "other b"]);
  });

  test("an observer that stops itself during an event keeps nobody from seeing it", () => {
    const inspection = new Inspection();
    const seen: string[] = [];
    const stop = inspection.observe(({ kind }) => {
      seen.push(`first ${kind}`);
      stop();
    });
    inspection.observe(({ kind }) => seen.push(`second ${kind}`));
    inspection.emit(event("a"));
    inspection.emit(event("b"));
    expect(seen).toEqual(["first a", "second a", "second b"]);
  });

  test("an observer that throws is reported as uncaught and keeps no other from seeing the event", () => {
    const uncaught: unknown[] = [];
    vi.spyOn(globalThis, "queueMicrotask").mockImplementation((job) => {
      try {
        job();
      } catch (error) {
        uncaught.push(error);
      }
    });
    const inspection = new Inspection();
    const failure = new Error("from the observer");
    const seen: string[] = [];
    inspection.observe(() => {
      throw failure;
    });
    inspection.observe(({ kind }) => seen.push(kind));
    inspection.emit(event("a"));
    expect([seen, uncaught]).toEqual([["a"], [failure]]);
  });
});

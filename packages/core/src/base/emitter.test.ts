import { describe, expect, test, vi } from "vitest";
import { Emitter, EVENTS_BUFFERED_MAX } from "./emitter.js";

interface Found {
  readonly type: "found";
  readonly name: string;
}
interface Lost {
  readonly type: "lost";
  readonly reason: number;
}

const found = (name: string): Found => ({ type: "found", name });
const lost = (reason: number): Lost => ({ type: "lost", reason });
const newEmitter = (): Emitter<Found | Lost> => new Emitter();
const END = { done: true, value: undefined };

describe("Emitter.on()", () => {
  test("every listener of the type is told, in the order they came, and of no other type", () => {
    const emitter = newEmitter();
    const log: string[] = [];
    for (const id of [1, 2, 3]) emitter.on("found", ({ name }) => log.push(`${id} found ${name}`));
    emitter.on("lost", ({ reason }) => log.push(`lost ${reason}`));
    emitter.emit(found("a"));
    emitter.emit(lost(7));
    expect(log).toEqual(["1 found a", "2 found a", "3 found a", "lost 7"]);
  });

  test("the same function may observe twice, and each registration stops by itself", () => {
    const emitter = newEmitter();
    const listener = vi.fn();
    const stopFirst = emitter.on("found", listener);
    const stopSecond = emitter.on("found", listener);
    emitter.emit(found("a"));
    expect(listener).toHaveBeenCalledTimes(2);
    stopFirst();
    stopFirst();
    emitter.emit(found("b"));
    expect(listener).toHaveBeenCalledTimes(3);
    stopSecond();
    emitter.emit(found("c"));
    expect(listener).toHaveBeenCalledTimes(3);
  });

  test("stopping late takes no listener away that came since", () => {
    const emitter = newEmitter();
    const stop = emitter.on("found", () => undefined);
    stop();
    const listener = vi.fn();
    emitter.on("found", listener);
    stop();
    emitter.emit(found("a"));
    expect(listener).toHaveBeenCalledTimes(1);
  });

  test("a listener that throws is reported as uncaught and keeps no other from being told", async () => {
    const uncaught: unknown[] = [];
    vi.spyOn(globalThis, "queueMicrotask").mockImplementation((job) => {
      try {
        job();
      } catch (error) {
        uncaught.push(error);
      }
    });
    const emitter = newEmitter();
    const failure = new Error("from the listener");
    const told = vi.fn();
    emitter.on("found", () => {
      throw failure;
    });
    emitter.on("found", told);
    const events = emitter.events();
    emitter.emit(found("a"));
    expect(told).toHaveBeenCalledWith(found("a"));
    expect(await events.next()).toEqual({ done: false, value: found("a") });
    expect(uncaught).toEqual([failure]);
  });

  test("a listener that is added during an event sees the next one first", () => {
    const emitter = newEmitter();
    const log: string[] = [];
    emitter.on("found", ({ name }) => {
      log.push(`first ${name}`);
      if (name === "a") emitter.on("found", (next) => log.push(`added ${next.name}`));
    });
    emitter.emit(found("a"));
    emitter.emit(found("b"));
    expect(log).toEqual(["first a", "first b", "added b"]);
  });
});

describe("Emitter.has()", () => {
  test("holds for the types that are listened to, and for all while an iterator is open", async () => {
    const emitter = newEmitter();
    const seen = (): boolean[] => [emitter.has("found"), emitter.has("lost")];
    expect(seen()).toEqual([false, false]);
    const stop = emitter.on("found", () => undefined);
    expect(seen()).toEqual([true, false]);
    const events = emitter.events();
    expect(seen()).toEqual([true, true]);
    stop();
    expect(seen()).toEqual([true, true]);
    await events.return?.();
    expect(seen()).toEqual([false, false]);
  });

  test("is false after end()", () => {
    const emitter = newEmitter();
    emitter.on("found", () => undefined);
    emitter.events();
    emitter.end();
    expect([emitter.has("found"), emitter.has("lost")]).toEqual([false, false]);
  });
});

describe("Emitter.events()", () => {
  test("gives all types in order to every iterator, from when it was made", async () => {
    const emitter = newEmitter();
    const early = emitter.events();
    emitter.emit(found("a"));
    const late = emitter.events();
    emitter.emit(lost(1));
    emitter.end();
    expect([await all(early), await all(late)]).toEqual([[found("a"), lost(1)], [lost(1)]]);
  });

  test("gives events to readers that wait, in the order of their next() calls", async () => {
    const emitter = newEmitter();
    const events = emitter.events();
    const reads = [events.next(), events.next(), events.next()];
    emitter.emit(found("a"));
    emitter.emit(found("b"));
    emitter.end();
    expect(await Promise.all(reads)).toEqual([
      { done: false, value: found("a") },
      { done: false, value: found("b") },
      END,
    ]);
  });

  test("holds at most EVENTS_BUFFERED_MAX for a reader that is behind, and drops the oldest", async () => {
    const emitter = newEmitter();
    const events = emitter.events();
    for (let i = 0; i < EVENTS_BUFFERED_MAX + 3; i++) emitter.emit(lost(i));
    emitter.end();
    const read = await all(events);
    expect(read).toEqual(Array.from({ length: EVENTS_BUFFERED_MAX }, (_, i) => lost(i + 3)));
  });

  test("is at its end from the beginning when it is made after end()", async () => {
    const emitter = newEmitter();
    emitter.end();
    expect(await emitter.events().next()).toEqual(END);
  });

  test("return() drops what is held, ends waiting readers, and leaves other iterators open", async () => {
    const emitter = newEmitter();
    const [waiting, behind, other] = [emitter.events(), emitter.events(), emitter.events()];
    const read = waiting.next();
    expect(await waiting.return?.()).toEqual(END);
    expect(await read).toEqual(END);
    emitter.emit(found("a"));
    expect(await behind.return?.()).toEqual(END);
    expect(await behind.next()).toEqual(END);
    expect(await other.next()).toEqual({ done: false, value: found("a") });
  });

  test("leaving a `for await` closes the iterator", async () => {
    const emitter = newEmitter();
    const events = emitter.events();
    emitter.emit(found("a"));
    emitter.emit(found("b"));
    const read: string[] = [];
    for await (const { type } of events) {
      read.push(type);
      break;
    }
    expect([read, emitter.has("found")]).toEqual([["found"], false]);
  });
});

async function all<T>(iterator: AsyncIterableIterator<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of iterator) items.push(item);
  return items;
}

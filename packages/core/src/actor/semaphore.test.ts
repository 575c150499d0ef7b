import { describe, expect, test, vi } from "vitest";
import { SeededRandom } from "../testing/index.js";
import { Semaphore, type PermitWaiter } from "./semaphore.js";

async function settled(): Promise<void> {
  for (let i = 0; i < 4; i++) await undefined;
}

/** Waits without a promise and notes when it is granted. */
function waiterThatNotes(name: string, log: string[]): PermitWaiter {
  return { granted: () => void log.push(name) };
}

describe("Semaphore", () => {
  test.each([0, -1, 1.5, NaN, Infinity, "2" as unknown as number])(
    "refuses %s permits with option-invalid",
    (permits) => {
      expect(() => new Semaphore(permits)).toThrow(expect.objectContaining({ code: "option-invalid" }));
    },
  );

  test("available and waiting count what is free and who waits", async () => {
    const semaphore = new Semaphore(2);
    await semaphore.acquire();
    expect([semaphore.permits, semaphore.available, semaphore.waiting]).toEqual([2, 1, 0]);
    await semaphore.acquire();
    const third = semaphore.acquire();
    expect([semaphore.available, semaphore.waiting]).toEqual([0, 1]);
    semaphore.release();
    await third;
    expect([semaphore.available, semaphore.waiting]).toEqual([0, 0]);
    semaphore.release();
    semaphore.release();
    expect(semaphore.available).toBe(2);
  });

  test("release() beyond the permits throws semaphore-over-released and changes nothing", () => {
    const semaphore = new Semaphore(1);
    expect(() => semaphore.release()).toThrow(expect.objectContaining({ code: "semaphore-over-released" }));
    expect(semaphore.available).toBe(1);
    expect(semaphore.tryAcquire()).toBe(true);
    expect(semaphore.tryAcquire()).toBe(false);
  });

  test("tryAcquire() does not overtake those who wait, not even from inside granted()", () => {
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    const overtook: boolean[] = [];
    const log: string[] = [];
    semaphore.enqueue({
      granted() {
        log.push("first");
        semaphore.release();
        overtook.push(semaphore.tryAcquire());
      },
    });
    semaphore.enqueue(waiterThatNotes("second", log));
    semaphore.release();
    expect(overtook).toEqual([false]);
    expect(log).toEqual(["first", "second"]);
    expect(semaphore.available).toBe(0);
  });

  test("enqueue() grants at once when a permit is free, and in order of arrival otherwise", () => {
    const semaphore = new Semaphore(1);
    const log: string[] = [];
    for (const name of ["a", "b", "c"]) semaphore.enqueue(waiterThatNotes(name, log));
    expect(log).toEqual(["a"]);
    semaphore.release();
    expect(log).toEqual(["a", "b"]);
    semaphore.release();
    expect(log).toEqual(["a", "b", "c"]);
  });

  test("cancel() takes back who waits, and is false for one who was granted", () => {
    const semaphore = new Semaphore(1);
    const log: string[] = [];
    const [a, b, c] = ["a", "b", "c"].map((name) => waiterThatNotes(name, log)) as [
      PermitWaiter,
      PermitWaiter,
      PermitWaiter,
    ];
    for (const waiter of [a, b, c]) semaphore.enqueue(waiter);
    expect(semaphore.cancel(b)).toBe(true);
    expect(semaphore.cancel(b)).toBe(false);
    expect(semaphore.cancel(a)).toBe(false);
    semaphore.release();
    expect(log).toEqual(["a", "c"]);
  });

  test("ten thousand waiters that release inside granted() do not exhaust the stack", () => {
    const semaphore = new Semaphore(1);
    semaphore.tryAcquire();
    let granted = 0;
    for (let i = 0; i < 10_000; i++) {
      semaphore.enqueue({
        granted() {
          granted++;
          semaphore.release();
        },
      });
    }
    semaphore.release();
    expect(granted).toBe(10_000);
    expect(semaphore.available).toBe(1);
  });

  test("acquire() rejects with cancelled when aborted before or while waiting, and leaves the line", async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    const controller = new AbortController();
    const given = semaphore.acquire({ signal: controller.signal });
    const next = semaphore.acquire();
    controller.abort(new Error("enough"));
    await expect(given).rejects.toMatchObject({
      code: "cancelled",
      cause: expect.objectContaining({ message: "enough" }),
    });
    await expect(semaphore.acquire({ signal: controller.signal })).rejects.toMatchObject({ code: "cancelled" });
    expect(semaphore.waiting).toBe(1);
    semaphore.release();
    await next;
    expect(semaphore.available).toBe(0);
  });

  test("an abort after acquire() was granted takes no permit back", async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    const controller = new AbortController();
    const forgotten = vi.spyOn(controller.signal, "removeEventListener");
    const second = semaphore.acquire({ signal: controller.signal });
    semaphore.release();
    expect(forgotten).toHaveBeenCalledOnce();
    controller.abort();
    await second;
    expect(semaphore.available).toBe(0);
  });

  test("acquire() rejects with semaphore-full when waitingMax others wait", async () => {
    const semaphore = new Semaphore(1, { waitingMax: 1 });
    await semaphore.acquire();
    const second = semaphore.acquire();
    await expect(semaphore.acquire()).rejects.toMatchObject({ code: "semaphore-full" });
    semaphore.release();
    await second;
  });

  test("random schedules of acquire, abort and release keep the limit and the order, and all permits come home", async () => {
    for (let seed = 1; seed <= 2000; seed++) await runSchedule(new SeededRandom(seed));
  });
});

/** Like `expect(actual).toBe(expected)`, without its cost while they agree: it is asked a hundred thousand times. */
function agree<T>(actual: T, expected: T, seed: number): void {
  if (!Object.is(actual, expected)) expect(actual, `seed ${seed}`).toBe(expected);
}

/** Runs one random schedule against a model: an array of those who wait, and a count of permits in use. */
async function runSchedule(random: SeededRandom): Promise<void> {
  const permits = 1 + random.integer(4);
  const semaphore = new Semaphore(permits);
  const granted: number[] = [];
  const aborted: number[] = [];
  const expectedGranted: number[] = [];
  const expectedAborted: number[] = [];
  const controllers = new Map<number, AbortController>();
  let waiting: number[] = [];
  let inUse = 0;
  const release = (): void => {
    semaphore.release();
    inUse--;
    const next = waiting.shift();
    if (next === undefined) return;
    expectedGranted.push(next);
    inUse++;
  };
  for (let step = 0; step < 40; step++) {
    const choice = random.next();
    if (choice < 0.5) {
      const controller = new AbortController();
      controllers.set(step, controller);
      if (inUse < permits) {
        expectedGranted.push(step);
        inUse++;
      } else waiting.push(step);
      semaphore.acquire({ signal: controller.signal }).then(
        () => granted.push(step),
        () => aborted.push(step),
      );
    } else if (choice < 0.6) {
      const free = inUse < permits;
      agree(semaphore.tryAcquire(), free, random.seed);
      if (free) inUse++;
    } else if (choice < 0.75 && controllers.size > 0) {
      const ordinal = random.pick([...controllers.keys()]);
      if (waiting.includes(ordinal)) expectedAborted.push(ordinal);
      waiting = waiting.filter((other) => other !== ordinal);
      controllers.get(ordinal)?.abort();
      controllers.delete(ordinal);
    } else if (inUse > 0) release();
    if (random.next() < 0.5) await settled();
    agree(semaphore.available, permits - inUse, random.seed);
    agree(semaphore.waiting, waiting.length, random.seed);
  }
  while (inUse > 0) release();
  await settled();
  expect(granted, `seed ${random.seed}`).toEqual(expectedGranted);
  expect(aborted, `seed ${random.seed}`).toEqual(expectedAborted);
  agree(semaphore.available, permits, random.seed);
}

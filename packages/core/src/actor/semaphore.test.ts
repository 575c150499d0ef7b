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

  test("parties take turns, and the waiters of one are first come, first served", () => {
    const semaphore = new Semaphore(1);
    const log: string[] = [];
    const [greedy, modest, late] = [{}, {}, {}];
    semaphore.tryAcquire();
    for (const name of ["g1", "g2", "g3"]) semaphore.enqueue({ party: greedy, ...waiterThatNotes(name, log) });
    for (const name of ["m1", "m2"]) semaphore.enqueue({ party: modest, ...waiterThatNotes(name, log) });
    for (const name of ["-1", "-2"]) semaphore.enqueue(waiterThatNotes(name, log));
    for (let i = 0; i < 2; i++) semaphore.release();
    semaphore.enqueue({ party: late, ...waiterThatNotes("l1", log) });
    for (let i = 0; i < 6; i++) semaphore.release();
    expect(log).toEqual(["g1", "m1", "-1", "g2", "m2", "l1", "-2", "g3"]);
    expect([semaphore.available, semaphore.waiting]).toEqual([0, 0]);
  });

  test("one who waits alone is granted next, however many wait for another party", async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    const busy = {};
    const log: string[] = [];
    for (let i = 0; i < 1000; i++) semaphore.enqueue({ party: busy, ...waiterThatNotes("busy", log) });
    void semaphore.acquire({ party: {} }).then(() => log.push("alone"));
    for (let i = 0; i < 2; i++) {
      semaphore.release();
      await settled();
    }
    expect(log).toEqual(["busy", "alone"]);
  });

  test("a party all of whose waiters gave up takes no turn, and takes its place anew when it comes back", () => {
    const semaphore = new Semaphore(1);
    const log: string[] = [];
    const [fickle, steady] = [{}, {}];
    const gone = { party: fickle, ...waiterThatNotes("gone", log) };
    semaphore.tryAcquire();
    semaphore.enqueue(gone);
    for (const name of ["s1", "s2"]) semaphore.enqueue({ party: steady, ...waiterThatNotes(name, log) });
    expect(semaphore.cancel(gone)).toBe(true);
    expect(semaphore.waiting).toBe(2);
    semaphore.enqueue({ party: fickle, ...waiterThatNotes("back", log) });
    for (let i = 0; i < 3; i++) semaphore.release();
    expect(log).toEqual(["s1", "back", "s2"]);
  });

  test("enqueue() of one that waits already changes nothing", () => {
    const semaphore = new Semaphore(1);
    const log: string[] = [];
    const waiter = waiterThatNotes("once", log);
    semaphore.tryAcquire();
    semaphore.enqueue(waiter);
    semaphore.enqueue(waiter);
    expect(semaphore.waiting).toBe(1);
    semaphore.release();
    semaphore.release();
    expect(log).toEqual(["once"]);
    expect([semaphore.available, semaphore.waiting]).toEqual([1, 0]);
  });

  test("random schedules of acquire, abort and release keep the limit and the order, and all permits come home", async () => {
    for (let seed = 1; seed <= 2000; seed++) await runSchedule(new SeededRandom(seed));
  });

  test("random schedules of many parties keep the limit, the order within each, and nobody waits for two turns of another", () => {
    for (let seed = 1; seed <= 5000; seed++) new PartySchedule(new SeededRandom(seed)).run();
  });
});

/** Like `expect(actual).toBe(expected)`, without its cost while they agree: it is asked a hundred thousand times. */
function agree<T>(actual: T, expected: T, seed: number): void {
  if (!Object.is(actual, expected)) expect(actual, `seed ${seed}`).toBe(expected);
}

interface PartyWaiter extends PermitWaiter {
  readonly ordinal: number;
}

/**
 * A random schedule whose grants are checked one by one, against the promises alone: how a semaphore keeps them is its
 * own affair. Some waiters release, enqueue another or cancel one inside `granted`.
 */
class PartySchedule {
  readonly #random: SeededRandom;
  readonly #permits: number;
  readonly #semaphore: Semaphore;
  readonly #parties: (object | undefined)[];
  /** Who waits, by party, and how many grants each other party has had since this one began to wait or had its own. */
  readonly #waiting = new Map<object | undefined, PartyWaiter[]>();
  readonly #grantsOfOthers = new Map<object | undefined, Map<object | undefined, number>>();
  #inUse = 0;
  #ordinal = 0;
  /** What was wrong first: a semaphore reports what `granted` throws and goes on. */
  #failure: unknown;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#permits = 1 + random.integer(4);
    this.#semaphore = new Semaphore(this.#permits);
    this.#parties = [undefined, ...Array.from({ length: 1 + random.integer(5) }, () => ({}))];
  }

  run(): void {
    const random = this.#random;
    for (let step = 0; step < 60; step++) {
      const choice = random.next();
      if (choice < 0.5) this.#enqueue();
      else if (choice < 0.6) this.#tryAcquire();
      else if (choice < 0.75) this.#cancel();
      else if (this.#inUse > 0) this.#release();
      this.#check();
    }
    while (this.#inUse > 0) this.#release();
    this.#check();
    agree(this.#count(), 0, random.seed);
    agree(this.#semaphore.available, this.#permits, random.seed);
  }

  #enqueue(): void {
    // The first of them comes most often.
    const party = this.#parties[Math.min(this.#random.integer(this.#parties.length), this.#random.integer(6))];
    const waiter: PartyWaiter = { ordinal: this.#ordinal++, party, granted: () => this.#tryGranted(waiter) };
    const line = this.#waiting.get(party);
    if (line === undefined) {
      this.#waiting.set(party, [waiter]);
      this.#grantsOfOthers.set(party, new Map());
    } else line.push(waiter);
    this.#semaphore.enqueue(waiter);
  }

  #tryGranted(waiter: PartyWaiter): void {
    try {
      this.#granted(waiter);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #granted(waiter: PartyWaiter): void {
    const { seed } = this.#random;
    const { party } = waiter;
    agree(++this.#inUse <= this.#permits, true, seed);
    const line = this.#waiting.get(party) as PartyWaiter[];
    agree(line.shift()?.ordinal, waiter.ordinal, seed);
    this.#grantsOfOthers.set(party, new Map());
    if (line.length === 0) this.#leave(party);
    for (const [other, grants] of this.#grantsOfOthers) {
      if (other === party) continue;
      const count = (grants.get(party) ?? 0) + 1;
      agree(count, 1, seed);
      grants.set(party, count);
    }
    const choice = this.#random.next();
    if (choice < 0.1) this.#release();
    else if (choice < 0.2) this.#enqueue();
    else if (choice < 0.3) this.#cancel();
    else if (choice < 0.4) this.#tryAcquire();
  }

  #tryAcquire(): void {
    const isFree = this.#inUse < this.#permits && this.#count() === 0;
    agree(this.#semaphore.tryAcquire(), isFree, this.#random.seed);
    if (isFree) this.#inUse++;
  }

  #cancel(): void {
    if (this.#waiting.size === 0) return;
    const [party, line] = this.#random.pick([...this.#waiting]);
    const waiter = this.#random.pick(line);
    agree(this.#semaphore.cancel(waiter), true, this.#random.seed);
    agree(this.#semaphore.cancel(waiter), false, this.#random.seed);
    line.splice(line.indexOf(waiter), 1);
    if (line.length === 0) this.#leave(party);
  }

  #release(): void {
    this.#inUse--;
    this.#semaphore.release();
  }

  #leave(party: object | undefined): void {
    this.#waiting.delete(party);
    this.#grantsOfOthers.delete(party);
  }

  #count(): number {
    let count = 0;
    for (const line of this.#waiting.values()) count += line.length;
    return count;
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { seed } = this.#random;
    agree(this.#semaphore.available, this.#permits - this.#inUse, seed);
    agree(this.#semaphore.waiting, this.#count(), seed);
    // A permit is not kept back while somebody waits.
    agree(this.#inUse === this.#permits || this.#count() === 0, true, seed);
  }
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

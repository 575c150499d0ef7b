// Every event in every state of a peer's life, as a table: where it leads, and what its owner is made to do.

import { describe, expect, test } from "vitest";
import { VirtualClock } from "../testing/index.js";
import { Lifecycle, type LifecycleActions, type LifecycleEvent, type LifecycleState } from "./lifecycle.js";

const TIMES = { handshakeMs: 5000, leavingMs: 700, finishMs: 1000 };
const GRACE_MS = 300;

/** What happens: an event, or that the time of the state is up. */
type Occasion = LifecycleEvent["type"] | "late";

/** Where an occasion leads, and the actions on the way; undefined where it is ignored. */
type Row = Readonly<
  Record<Occasion, readonly [next: LifecycleState, ...actions: (keyof LifecycleActions)[]] | undefined>
>;

const TABLE: Readonly<Record<LifecycleState, Row>> = {
  greeting: {
    greeted: ["open", "opened"],
    close: ["draining", "drain"],
    goodbye: ["finishing", "finish"],
    ended: ["finishing", "finish"],
    idle: undefined,
    fault: ["finishing", "finish"],
    lost: ["closed", "closed"],
    late: ["greeting", "greetingLate"],
  },
  open: {
    greeted: undefined,
    close: ["draining", "drain"],
    goodbye: ["leaving", "leave"],
    ended: ["finishing", "finish"],
    idle: undefined,
    fault: ["finishing", "finish"],
    lost: ["closed", "closed"],
    late: undefined,
  },
  draining: {
    greeted: undefined,
    close: undefined,
    goodbye: undefined,
    ended: ["finishing", "finish"],
    idle: ["finishing", "finish"],
    fault: ["finishing", "finish"],
    lost: ["closed", "closed"],
    late: ["finishing", "graceOver", "finish"],
  },
  leaving: {
    greeted: undefined,
    close: ["draining", "drain"],
    goodbye: undefined,
    ended: ["finishing", "finish"],
    idle: undefined,
    fault: ["finishing", "finish"],
    lost: ["closed", "closed"],
    late: ["finishing", "leavingLate", "finish"],
  },
  finishing: {
    greeted: undefined,
    close: undefined,
    goodbye: undefined,
    ended: undefined,
    idle: undefined,
    fault: undefined,
    lost: ["closed", "closed"],
    late: ["finishing", "finishLate"],
  },
  closed: {
    greeted: undefined,
    close: undefined,
    goodbye: undefined,
    ended: undefined,
    idle: undefined,
    fault: undefined,
    lost: undefined,
    late: undefined,
  },
};

/** How each state is reached. */
const WAYS: Readonly<Record<LifecycleState, readonly LifecycleEvent["type"][]>> = {
  greeting: [],
  open: ["greeted"],
  draining: ["greeted", "close"],
  leaving: ["greeted", "goodbye"],
  finishing: ["greeted", "ended"],
  closed: ["lost"],
};

/** How long a state may last, where that is limited. */
const LASTS_MS: Readonly<Partial<Record<LifecycleState, number>>> = {
  greeting: TIMES.handshakeMs,
  draining: GRACE_MS,
  leaving: TIMES.leavingMs,
  finishing: TIMES.finishMs,
};

const STATES = Object.keys(TABLE) as LifecycleState[];
const CASES = STATES.flatMap((state) =>
  (Object.keys(TABLE[state]) as Occasion[]).map((occasion) => [state, occasion, TABLE[state][occasion]] as const),
);

/** A life in the state, with what its owner was made to do from then on. */
class Life {
  readonly clock = new VirtualClock();
  readonly actions: string[] = [];
  readonly lifecycle: Lifecycle;

  constructor(state: LifecycleState) {
    const names = [
      "opened",
      "greetingLate",
      "drain",
      "leave",
      "leavingLate",
      "graceOver",
      "finish",
      "finishLate",
      "closed",
    ] as const satisfies readonly (keyof LifecycleActions)[];
    const actions = Object.fromEntries(names.map((name) => [name, () => this.actions.push(name)]));
    this.lifecycle = new Lifecycle(actions as unknown as LifecycleActions, TIMES, this.clock);
    for (const type of WAYS[state]) this.send(type);
    expect(this.lifecycle.state).toBe(state);
    this.actions.length = 0;
  }

  send(type: LifecycleEvent["type"]): void {
    this.lifecycle.send(type === "close" ? { type, graceMs: GRACE_MS } : { type });
  }

  /** What is so after the occasion. */
  async after(state: LifecycleState, occasion: Occasion): Promise<readonly string[]> {
    if (occasion === "late") await this.clock.advance(LASTS_MS[state] ?? 3_600_000);
    else this.send(occasion);
    return [this.lifecycle.state, ...this.actions];
  }
}

test.each(CASES)("%s: %s leads to %j", async (state, occasion, expected) => {
  const life = new Life(state);
  expect(await life.after(state, occasion)).toEqual(expected ?? [state]);
});

test("the table has every state in which a life can be, and no action goes without an occasion", () => {
  const rows = Object.values(TABLE).flatMap((row) => Object.values(row).filter((cell) => cell !== undefined));
  expect(new Set(rows.map(([next]) => next))).toEqual(new Set(STATES));
  expect(new Set(rows.flatMap(([, ...actions]) => actions)).size).toBe(9);
});

describe("the time of a state", () => {
  test.each(Object.entries(LASTS_MS) as [LifecycleState, number][])(
    "%s is up after %d ms, not before",
    async (state, ms) => {
      const life = new Life(state);
      await life.clock.advance(ms - 1);
      expect([life.lifecycle.state, life.actions]).toEqual([state, []]);
      await life.clock.advance(1);
      expect(life.actions.length).toBeGreaterThan(0);
    },
  );

  test.each(CASES.filter(([state, , expected]) => expected !== undefined && expected[0] !== state))(
    "%s is over when %s has led elsewhere",
    async (state, occasion, expected) => {
      const life = new Life(state);
      await life.after(state, occasion);
      const next = (expected as readonly [LifecycleState])[0];
      expect(life.clock.pending).toBe(LASTS_MS[next] === undefined ? 0 : 1);
      life.actions.length = 0;
      const late = TABLE[next].late;
      await life.clock.advance(LASTS_MS[next] ?? 3_600_000);
      expect([life.lifecycle.state, ...life.actions]).toEqual(late ?? [next]);
    },
  );

  test("draining is what the first close gave it", async () => {
    const life = new Life("open");
    life.lifecycle.send({ type: "close", graceMs: 50 });
    life.lifecycle.send({ type: "close", graceMs: 60_000 });
    await life.clock.advance(50);
    expect([life.lifecycle.state, ...life.actions]).toEqual(["finishing", "drain", "graceOver", "finish"]);
  });

  test("leaving does not start anew with another goodbye", async () => {
    const life = new Life("leaving");
    await life.clock.advance(TIMES.leavingMs - 1);
    life.send("goodbye");
    await life.clock.advance(1);
    expect(life.actions).toEqual(["leavingLate", "finish"]);
  });
});

test("an event that comes out of an action is taken when that is done", () => {
  const seen: string[] = [];
  const note = (name: string) => (): void => void seen.push(`${name} in ${lifecycle.state}`);
  const lifecycle: Lifecycle = new Lifecycle(
    {
      opened: () => {
        lifecycle.send({ type: "close", graceMs: 0 });
        note("opened")();
      },
      greetingLate: note("greetingLate"),
      drain: () => {
        lifecycle.send({ type: "idle" });
        note("drain")();
      },
      leave: note("leave"),
      leavingLate: note("leavingLate"),
      graceOver: note("graceOver"),
      finish: () => {
        lifecycle.send({ type: "lost" });
        note("finish")();
      },
      finishLate: note("finishLate"),
      closed: note("closed"),
    },
    TIMES,
    new VirtualClock(),
  );
  lifecycle.send({ type: "greeted" });
  expect(seen).toEqual(["opened in open", "drain in draining", "finish in finishing", "closed in closed"]);
});

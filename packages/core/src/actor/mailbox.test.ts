import { describe, expect, test } from "vitest";
import { Ring } from "../base/index.js";
import { VirtualClock } from "../testing/index.js";
import { Mailbox, type Lane, type MailboxOptions, type MailboxOwner } from "./mailbox.js";

/** Two lanes of names and a log of what was handled; `onItem` may do more for some. */
class Owner implements MailboxOwner<string, string> {
  readonly out = new Ring<string>();
  readonly in = new Ring<string>();
  readonly outgoing: Lane<string> = { take: () => this.out.shift() };
  readonly incoming: Lane<string> = { take: () => this.in.shift() };
  readonly log: string[] = [];
  onItem: (item: string) => void = () => {};

  handleOutgoing(item: string): void {
    this.log.push(item);
    this.onItem(item);
  }

  handleIncoming(item: string): void {
    this.log.push(item);
    this.onItem(item);
  }

  endTurn(): void {
    this.log.push("|");
  }
}

function setup(options?: MailboxOptions): { owner: Owner; clock: VirtualClock; mailbox: Mailbox<string, string> } {
  const owner = new Owner();
  const clock = new VirtualClock();
  return { owner, clock, mailbox: new Mailbox(owner, clock, options) };
}

describe("Mailbox", () => {
  test("wake() runs one turn in a microtask, however often it is called", async () => {
    const { owner, mailbox } = setup();
    owner.in.push("a");
    mailbox.wake();
    mailbox.wake();
    expect(owner.log).toEqual([]);
    await undefined;
    expect(owner.log).toEqual(["a", "|"]);
  });

  test("outgoing goes first, and one incoming item follows outgoingRunMax of them", () => {
    const { owner, mailbox } = setup({ outgoingRunMax: 2 });
    for (let i = 0; i < 5; i++) owner.out.push(`out${i}`);
    for (let i = 0; i < 3; i++) owner.in.push(`in${i}`);
    mailbox.run();
    expect(owner.log).toEqual(["out0", "out1", "in0", "out2", "out3", "in1", "out4", "in2", "|"]);
  });

  test("a turn that ends by budget goes on after the event loop had its turn", async () => {
    const { owner, clock, mailbox } = setup({ turnItemsMax: 2 });
    for (const item of ["a", "b", "c"]) owner.in.push(item);
    mailbox.run();
    await undefined;
    expect(owner.log).toEqual(["a", "b", "|"]);
    await clock.flush();
    expect(owner.log).toEqual(["a", "b", "|", "c", "|"]);
  });

  test("two mailboxes that keep waking each other leave the event loop its turns", async () => {
    const clock = new VirtualClock();
    const [left, right] = [new Owner(), new Owner()];
    const leftMailbox = new Mailbox(left, clock, { turnItemsMax: 10 });
    const rightMailbox = new Mailbox(right, clock, { turnItemsMax: 10 });
    left.onItem = () => {
      right.in.push("ping");
      rightMailbox.wake();
    };
    right.onItem = () => {
      left.in.push("pong");
      leftMailbox.wake();
    };
    left.in.push("pong");
    leftMailbox.wake();
    for (let i = 0; i < 1000; i++) await undefined;
    expect(left.log.filter((item) => item === "pong")).toHaveLength(10);
    expect(right.log.filter((item) => item === "ping")).toHaveLength(10);
    leftMailbox.close();
    await clock.flush();
  });

  test("run() again before the event loop had its turn shares the budget, and still ends with endTurn()", async () => {
    const { owner, clock, mailbox } = setup({ turnItemsMax: 3 });
    for (const batch of ["a", "b", "c"]) {
      owner.in.push(`${batch}1`);
      owner.in.push(`${batch}2`);
      mailbox.run();
    }
    expect(owner.log).toEqual(["a1", "a2", "|", "b1", "|", "|"]);
    await clock.flush();
    expect(owner.log.filter((item) => item !== "|")).toEqual(["a1", "a2", "b1", "b2", "c1", "c2"]);
  });

  test("run() inside a turn does not enter it again", () => {
    const { owner, mailbox } = setup();
    owner.onItem = (item) => {
      if (item !== "a") return;
      owner.in.push("b");
      mailbox.run();
      owner.log.push("end of a");
    };
    owner.in.push("a");
    mailbox.run();
    expect(owner.log).toEqual(["a", "end of a", "b", "|"]);
  });

  test("close() inside a turn takes nothing more, from neither lane", async () => {
    const { owner, clock, mailbox } = setup();
    owner.onItem = () => mailbox.close();
    for (const item of ["a", "b"]) {
      owner.out.push(item);
      owner.in.push(item);
    }
    mailbox.run();
    mailbox.run();
    mailbox.wake();
    await clock.flush();
    expect(owner.log).toEqual(["a", "|"]);
  });
});

/** A clock on which work takes time too. */
class WorkClock extends VirtualClock {
  worked = 0;
  yields = 0;

  override now(): number {
    return super.now() + this.worked;
  }

  override yield(callback: () => void): void {
    this.yields++;
    super.yield(callback);
  }
}

/** A mailbox whose items take the milliseconds that their names say. */
function setupWorking(options?: MailboxOptions): {
  owner: Owner;
  clock: WorkClock;
  mailbox: Mailbox<string, string>;
} {
  const owner = new Owner();
  const clock = new WorkClock();
  owner.onItem = (item) => (clock.worked += Number(item));
  return { owner, clock, mailbox: new Mailbox(owner, clock, options) };
}

/** How many items each round of the event loop saw handled. */
function rounds(log: readonly string[]): number[] {
  const lengths = [0];
  for (const item of log) {
    if (item === "round") lengths.push(0);
    else if (item !== "|") (lengths[lengths.length - 1] as number)++;
  }
  return lengths;
}

/** Notes where a round of the event loop ends, until `count` of them have. */
function noteRounds(clock: WorkClock, log: string[], count: number): void {
  clock.yield(() => {
    log.push("round");
    if (count > 1) noteRounds(clock, log, count - 1);
  });
}

describe("Mailbox whose items take time", () => {
  test("leaves the event loop its turn after turnMs, and handles all in the end", async () => {
    const { owner, clock, mailbox } = setupWorking({ turnMs: 10 });
    for (let i = 0; i < 100; i++) owner.in.push("1");
    noteRounds(clock, owner.log, 20);
    mailbox.run();
    await clock.flush();
    const handled = rounds(owner.log);
    expect(handled.reduce((sum, count) => sum + count)).toBe(100);
    expect(Math.max(...handled)).toBeLessThanOrEqual(12);
  });

  test("leaves it between wake()s as well", async () => {
    const { owner, clock, mailbox } = setupWorking({ turnMs: 10 });
    owner.onItem = (item) => {
      clock.worked += Number(item);
      if (owner.log.length < 400) owner.in.push("1");
      queueMicrotask(() => mailbox.wake());
    };
    owner.incoming.take = () => (owner.log.at(-1) === "1" ? undefined : owner.in.shift());
    owner.in.push("1");
    noteRounds(clock, owner.log, 40);
    mailbox.wake();
    await clock.flush();
    const handled = rounds(owner.log);
    expect(handled.reduce((sum, count) => sum + count)).toBeGreaterThan(100);
    expect(Math.max(...handled)).toBeLessThanOrEqual(12);
  });

  test("shares turnMs among all run()s of one round", async () => {
    const { owner, clock, mailbox } = setupWorking({ turnMs: 10 });
    for (let chunk = 0; chunk < 32; chunk++) {
      for (let i = 0; i < 5; i++) owner.in.push("1");
      mailbox.run();
    }
    const handled = owner.log.filter((item) => item === "1").length;
    expect(handled).toBeLessThanOrEqual(12);
    expect(owner.log.filter((item) => item === "|")).toHaveLength(32);
    await clock.flush();
    expect(owner.log.filter((item) => item === "1")).toHaveLength(160);
  });

  test("notices within 32 items that they have become slow", async () => {
    const { owner, clock, mailbox } = setupWorking({ turnMs: 10 });
    for (let i = 0; i < 500; i++) owner.in.push("0");
    for (let i = 0; i < 100; i++) owner.in.push("20");
    noteRounds(clock, owner.log, 200);
    mailbox.run();
    await clock.flush();
    const [first = 0, ...others] = rounds(owner.log);
    expect(first).toBeLessThanOrEqual(500 + 32);
    expect(Math.max(...others)).toBeLessThanOrEqual(2);
  });

  test("asks for one renewal per round, and for none while it has little to do", async () => {
    const { owner, clock, mailbox } = setupWorking();
    for (let i = 0; i < 100; i++) owner.in.push("0");
    mailbox.run();
    for (let i = 0; i < 100; i++) {
      owner.in.push("0");
      mailbox.run();
    }
    expect(clock.yields).toBe(1);
    await clock.flush();
    owner.in.push("0");
    mailbox.run();
    expect(clock.yields).toBe(1);
  });

  test("does not count the time between rounds", async () => {
    const { owner, clock, mailbox } = setupWorking({ turnMs: 10 });
    for (let i = 0; i < 200; i++) {
      owner.in.push("0.1");
      mailbox.run();
      expect(owner.in.length).toBe(0);
      await clock.advance(1000);
    }
  });

  test("outgoing items that use up every turn do not starve incoming ones", async () => {
    const { owner, clock, mailbox } = setupWorking({ turnMs: 10, outgoingRunMax: 8 });
    for (let i = 0; i < 60; i++) owner.out.push("10");
    owner.in.push("0");
    mailbox.run();
    await clock.flush();
    expect(owner.log.filter((item) => item !== "|").indexOf("0")).toBe(8);
  });

  test("close() while the budget is spent: nothing more runs", async () => {
    const { owner, clock, mailbox } = setupWorking({ turnMs: 10 });
    for (let i = 0; i < 4; i++) owner.in.push("20");
    mailbox.run();
    const before = owner.log.length;
    mailbox.close();
    mailbox.wake();
    mailbox.run();
    await clock.flush();
    expect(owner.log).toHaveLength(before);
    expect(owner.in.length).toBeGreaterThan(0);
  });
});

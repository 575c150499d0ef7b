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

  test("run() by the host starts with a whole budget", () => {
    const { owner, mailbox } = setup({ turnItemsMax: 2 });
    for (const batch of ["a", "b", "c"]) {
      owner.in.push(`${batch}1`);
      owner.in.push(`${batch}2`);
      mailbox.run();
    }
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

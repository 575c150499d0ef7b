// The mailbox of an actor: two lanes, a priority select between them, and turns.
//
// A turn takes items until both lanes have nothing ready or the budget is spent, and ends with one call of `endTurn`.
// Outgoing goes first; after `outgoingRunMax` outgoing items in a row one incoming item gets its chance, so that
// neither lane starves the other. The budget, a number of items and a time, is for all that is taken between two rounds
// of the event loop, in however many turns: two actors that keep waking each other up in microtasks, or a socket that
// delivers chunk after chunk, would otherwise keep the host from its timers and from other sockets. It is renewed by a
// callback of the event loop alone, which also runs what had to wait for it.

import { reportUncaught, type Clock } from "../base/index.js";

/** Where a mailbox takes from. A lane may hold items and yet have none ready, while it waits for room or credit. */
export interface Lane<T> {
  /** The next item that is ready, taken out; undefined if there is none. */
  take(): T | undefined;
}

/** What a mailbox works for. */
export interface MailboxOwner<Outgoing, Incoming> {
  readonly outgoing: Lane<Outgoing>;
  readonly incoming: Lane<Incoming>;
  handleOutgoing(item: Outgoing): void;
  handleIncoming(item: Incoming): void;
  /** Called once after the last item of every turn, and of one that had no budget to take any. */
  endTurn(): void;
}

/** How a mailbox divides its time. */
export interface MailboxOptions {
  /** How many items are taken before the event loop gets its turn. */
  readonly turnItemsMax?: number;
  /** How long items are taken before the event loop gets its turn, in ms. An item is not cut short. */
  readonly turnMs?: number;
  /** How many outgoing items go ahead of one incoming item that waits. */
  readonly outgoingRunMax?: number;
  /** Whether a turn waits for the promise jobs that the wake-up came from: then one write carries what all of them say. */
  readonly isDeferred?: boolean;
}

/** How a mailbox divides its time unless it is told otherwise. */
export const MAILBOX_DEFAULTS: Required<MailboxOptions> = Object.freeze({
  turnItemsMax: 1024,
  turnMs: 10,
  outgoingRunMax: 64,
  isDeferred: false,
});

/** How many items are taken at most from one look at the clock to the next: a look costs as much as a small item. */
const LOOK_ITEMS_MAX = 32;

/** Selects from two lanes, outgoing ahead of incoming, in turns. */
export class Mailbox<Outgoing, Incoming> {
  readonly #owner: MailboxOwner<Outgoing, Incoming>;
  readonly #clock: Clock;
  readonly #turnItemsMax: number;
  readonly #turnMs: number;
  readonly #outgoingRunMax: number;
  readonly #isDeferred: boolean;
  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.#runTurn();
  };
  readonly #renew = (): void => {
    this.#startRound();
    if (this.#isScheduled) this.#turn();
  };
  /** How many items may be taken before the next look at the clock, and how many in this round after that. */
  #itemsToLook = 0;
  #itemsLeft = 0;
  /** How many items to take between looks: 1 while they are slow, so that a turn is little longer than `turnMs`. */
  #lookItems = 1;
  /** Whether this round has looked at the clock. It has asked for the next budget then. */
  #hasLooked = false;
  #firstLookAt = 0;
  #lastLookAt = 0;
  #isSpent = false;
  /** Outgoing items in a row, also across turns that end by budget. */
  #outgoingRun = 0;
  #isScheduled = false;
  #isRunning = false;
  #isClosed = false;

  constructor(owner: MailboxOwner<Outgoing, Incoming>, clock: Clock, options: MailboxOptions = MAILBOX_DEFAULTS) {
    this.#owner = owner;
    this.#clock = clock;
    this.#turnItemsMax = options.turnItemsMax ?? MAILBOX_DEFAULTS.turnItemsMax;
    this.#turnMs = options.turnMs ?? MAILBOX_DEFAULTS.turnMs;
    this.#outgoingRunMax = options.outgoingRunMax ?? MAILBOX_DEFAULTS.outgoingRunMax;
    this.#isDeferred = options.isDeferred ?? MAILBOX_DEFAULTS.isDeferred;
    this.#startRound();
  }

  /** Says that there may be something to take: a turn will run soon, unless one is due already. */
  wake(): void {
    if (this.#isScheduled || this.#isRunning || this.#isClosed) return;
    this.#isScheduled = true;
    // Without a budget, the turn runs when it is renewed.
    if (this.#isSpent) return;
    if (this.#isDeferred) this.#clock.defer(this.#turn);
    else queueMicrotask(this.#turn);
  }

  /** Runs a turn now, inside a callback from the host that delivered something, with what is left of the budget. */
  run(): void {
    this.#runTurn();
  }

  /** No turn runs from now on, and one that is running takes nothing more. */
  close(): void {
    this.#isClosed = true;
  }

  #runTurn(): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    let hasMore = true;
    try {
      hasMore = this.#takeAll();
    } catch (error) {
      reportUncaught(error);
    }
    this.#isRunning = false;
    try {
      this.#owner.endTurn();
    } catch (error) {
      reportUncaught(error);
    }
    if (hasMore) this.wake();
  }

  /** Returns whether the budget ended the turn. */
  #takeAll(): boolean {
    const owner = this.#owner;
    let outgoingRun = this.#outgoingRun;
    if (outgoingRun > 0) this.#outgoingRun = 0;
    while (this.#itemsToLook > 0 || this.#look()) {
      if (this.#isClosed) return false;
      if (outgoingRun < this.#outgoingRunMax) {
        const item = owner.outgoing.take();
        if (item !== undefined) {
          outgoingRun++;
          this.#itemsToLook--;
          owner.handleOutgoing(item);
          continue;
        }
      }
      const item = owner.incoming.take();
      if (item !== undefined) {
        this.#itemsToLook--;
        owner.handleIncoming(item);
      } else if (outgoingRun < this.#outgoingRunMax) {
        return false;
      }
      outgoingRun = 0;
    }
    this.#outgoingRun = outgoingRun;
    return true;
  }

  /** Looks at the clock, and returns whether there is a budget for more items. */
  #look(): boolean {
    if (this.#isSpent) return false;
    const now = this.#clock.now();
    if (this.#hasLooked) {
      const tookMs = now - this.#lastLookAt;
      if (tookMs > this.#turnMs / 8) this.#lookItems = 1;
      else if (tookMs < this.#turnMs / 64) this.#lookItems = Math.min(this.#lookItems * 2, LOOK_ITEMS_MAX);
    } else {
      // What was taken before may have been taken in earlier rounds: the time of this one counts from here.
      this.#hasLooked = true;
      this.#firstLookAt = now;
      this.#clock.yield(this.#renew);
    }
    this.#lastLookAt = now;
    this.#isSpent = this.#itemsLeft === 0 || now - this.#firstLookAt >= this.#turnMs;
    if (!this.#isSpent) this.#allowItems();
    return !this.#isSpent;
  }

  #startRound(): void {
    this.#isSpent = false;
    this.#hasLooked = false;
    this.#itemsLeft = this.#turnItemsMax;
    this.#allowItems();
  }

  #allowItems(): void {
    this.#itemsToLook = Math.min(this.#lookItems, this.#itemsLeft);
    this.#itemsLeft -= this.#itemsToLook;
  }
}

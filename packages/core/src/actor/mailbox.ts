// The mailbox of an actor: two lanes, a priority select between them, and turns.
//
// A turn takes items until both lanes have nothing ready or its budget is spent, and ends with one call of `endTurn`.
// Outgoing goes first; after `outgoingRunMax` outgoing items in a row one incoming item gets its chance, so that
// neither lane starves the other. A turn that ends by budget continues after the event loop has served other I/O.

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
  /** Called once after the last item of every turn. */
  endTurn(): void;
}

export interface MailboxOptions {
  /** How many items a turn takes before others get theirs. */
  readonly turnItemsMax?: number;
  /** How many outgoing items go ahead of one incoming item that waits. */
  readonly outgoingRunMax?: number;
}

export const MAILBOX_DEFAULTS: Required<MailboxOptions> = Object.freeze({ turnItemsMax: 1024, outgoingRunMax: 64 });

/** Selects from two lanes, outgoing ahead of incoming, in turns. */
export class Mailbox<Outgoing, Incoming> {
  readonly #owner: MailboxOwner<Outgoing, Incoming>;
  readonly #clock: Clock;
  readonly #turnItemsMax: number;
  readonly #outgoingRunMax: number;
  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.run();
  };
  #isScheduled = false;
  #isRunning = false;
  #isClosed = false;

  constructor(owner: MailboxOwner<Outgoing, Incoming>, clock: Clock, options: MailboxOptions = MAILBOX_DEFAULTS) {
    this.#owner = owner;
    this.#clock = clock;
    this.#turnItemsMax = options.turnItemsMax ?? MAILBOX_DEFAULTS.turnItemsMax;
    this.#outgoingRunMax = options.outgoingRunMax ?? MAILBOX_DEFAULTS.outgoingRunMax;
  }

  /** Says that there may be something to take: a turn will run in a microtask, unless one is due already. */
  wake(): void {
    if (this.#isScheduled || this.#isRunning || this.#isClosed) return;
    this.#isScheduled = true;
    queueMicrotask(this.#turn);
  }

  /** Runs a turn now, inside a callback from the host that delivered something. */
  run(): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    let hasMore = false;
    try {
      hasMore = this.#takeAll();
    } catch (error) {
      reportUncaught(error);
      hasMore = true;
    } finally {
      this.#isRunning = false;
    }
    this.#owner.endTurn();
    if (hasMore && !this.#isScheduled && !this.#isClosed) {
      this.#isScheduled = true;
      this.#clock.yield(this.#turn);
    }
  }

  /** No turn runs from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** Returns whether the budget ended the turn. */
  #takeAll(): boolean {
    const owner = this.#owner;
    let outgoingRun = 0;
    for (let budget = this.#turnItemsMax; budget > 0; budget--) {
      if (outgoingRun < this.#outgoingRunMax) {
        const item = owner.outgoing.take();
        if (item !== undefined) {
          outgoingRun++;
          owner.handleOutgoing(item);
          continue;
        }
      }
      const item = owner.incoming.take();
      if (item !== undefined) owner.handleIncoming(item);
      else if (outgoingRun < this.#outgoingRunMax) return false;
      outgoingRun = 0;
      if (this.#isClosed) return false;
    }
    return true;
  }
}

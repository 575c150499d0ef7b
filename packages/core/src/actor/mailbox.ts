// The mailbox of an actor: two lanes, a priority select between them, and turns.
//
// A turn takes items until both lanes have nothing ready or its budget is spent, and ends with one call of `endTurn`.
// Outgoing goes first; after `outgoingRunMax` outgoing items in a row one incoming item gets its chance, so that
// neither lane starves the other. The budget is for all that is taken between two rounds of the event loop, in however
// many turns: two actors that keep waking each other up in microtasks would otherwise keep the host from its timers and
// sockets for ever. When it is spent, the next turn comes after the event loop has served other I/O.

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

/** How a mailbox divides its time. */
export interface MailboxOptions {
  /** How many items are taken before the event loop gets its turn. */
  readonly turnItemsMax?: number;
  /** How many outgoing items go ahead of one incoming item that waits. */
  readonly outgoingRunMax?: number;
  /** Whether a turn waits for the promise jobs that the wake-up came from: then one write carries what all of them say. */
  readonly isDeferred?: boolean;
}

/** How a mailbox divides its time unless it is told otherwise. */
export const MAILBOX_DEFAULTS: Required<MailboxOptions> = Object.freeze({
  turnItemsMax: 1024,
  outgoingRunMax: 64,
  isDeferred: false,
});

/** Selects from two lanes, outgoing ahead of incoming, in turns. */
export class Mailbox<Outgoing, Incoming> {
  readonly #owner: MailboxOwner<Outgoing, Incoming>;
  readonly #clock: Clock;
  readonly #turnItemsMax: number;
  readonly #outgoingRunMax: number;
  readonly #isDeferred: boolean;
  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.#runTurn();
  };
  readonly #turnAfterOthers = (): void => {
    this.#budget = this.#turnItemsMax;
    this.#turn();
  };
  #budget: number;
  #isScheduled = false;
  #isRunning = false;
  #isClosed = false;

  constructor(owner: MailboxOwner<Outgoing, Incoming>, clock: Clock, options: MailboxOptions = MAILBOX_DEFAULTS) {
    this.#owner = owner;
    this.#clock = clock;
    this.#turnItemsMax = options.turnItemsMax ?? MAILBOX_DEFAULTS.turnItemsMax;
    this.#outgoingRunMax = options.outgoingRunMax ?? MAILBOX_DEFAULTS.outgoingRunMax;
    this.#isDeferred = options.isDeferred ?? MAILBOX_DEFAULTS.isDeferred;
    this.#budget = this.#turnItemsMax;
  }

  /** Says that there may be something to take: a turn will run soon, unless one is due already. */
  wake(): void {
    if (this.#isScheduled || this.#isRunning || this.#isClosed) return;
    this.#isScheduled = true;
    if (this.#budget > 0) {
      if (this.#isDeferred) this.#clock.defer(this.#turn);
      else queueMicrotask(this.#turn);
    } else this.#clock.yield(this.#turnAfterOthers);
  }

  /** Runs a turn now, inside a callback from the host that delivered something. */
  run(): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#budget = this.#turnItemsMax;
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
    let outgoingRun = 0;
    while (this.#budget > 0) {
      if (this.#isClosed) return false;
      if (outgoingRun < this.#outgoingRunMax) {
        const item = owner.outgoing.take();
        if (item !== undefined) {
          outgoingRun++;
          this.#budget--;
          owner.handleOutgoing(item);
          continue;
        }
      }
      const item = owner.incoming.take();
      if (item !== undefined) {
        this.#budget--;
        owner.handleIncoming(item);
      } else if (outgoingRun < this.#outgoingRunMax) {
        return false;
      }
      outgoingRun = 0;
    }
    return true;
  }
}

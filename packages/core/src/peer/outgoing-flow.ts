// The sending end of a flow: the outputs of a handler, or the inputs of a caller. It asks its source for one item after
// the other, and is at most one ahead of what the other side has given credit and the outbox room for: so it knows of the
// end in time. It closes the source when nobody wants more. It does not know what the flow is a part of.

import { isThenable, itemSource, type ItemSource } from "../actor/index.js";
import type { Bulk } from "./bulk-lane.js";
import { plain, type Channel } from "./channel.js";
import { PeerError } from "./error.js";
import { FlowAllowance } from "./flow-window.js";
import type { OutgoingTransfer } from "./transfers.js";

/** What a flow tells those who keep it: one of these, once. */
export interface SourceOwner {
  /** What is sent of an item: what its schema makes of it. Undefined without a schema. */
  readonly check: ((item: unknown, index: number) => unknown) | undefined;
  /** The source has no more, and everything is written. */
  ended(): void;
  /** The source threw, or an item cannot be sent. */
  failed(error: unknown): void;
  /** After `stop`: the source is closed. It may take its time. */
  closed(): void;
}

/** Where a flow is: it waits for its source, for credit, in the bulk lane, for a long item to be written, or for nothing. */
type State = "asking" | "without-credit" | "in-line" | "writing" | "over";

/** What a flow needs of its channel. */
export type FlowChannel = Pick<Channel, "remoteLimits" | "bulk" | "say">;

export class OutgoingFlow implements Bulk {
  readonly #channel: FlowChannel;
  readonly #kind: number;
  /** The request that it belongs to. */
  readonly #request: { readonly id: number };
  readonly #source: ItemSource;
  readonly #owner: SourceOwner;
  readonly #allowance: FlowAllowance;
  #state: State = "asking";
  /** What is to be written when it is its turn, or being written. */
  #held: { readonly item: unknown } | undefined;
  #transfer: OutgoingTransfer | undefined;
  #count = 0;
  #isAsking = false;
  #isStopped = false;
  #closesWithAnswer = false;
  #isClosed = false;

  constructor(
    channel: FlowChannel,
    kind: number,
    request: { readonly id: number },
    source: ItemSource,
    owner: SourceOwner,
  ) {
    this.#channel = channel;
    this.#kind = kind;
    this.#request = request;
    this.#source = source;
    this.#owner = owner;
    const { streamItems, streamBytes } = channel.remoteLimits;
    this.#allowance = new FlowAllowance(streamItems, streamBytes);
  }

  start(): void {
    this.#goOn();
  }

  /** The other side takes more. Returns false if that is more than anybody can mean. */
  allowed(items: number, bytes: number): boolean {
    if (!this.#allowance.refill(items, bytes)) return false;
    const held = this.#held;
    if (this.#state !== "without-credit" || held === undefined || !this.#allowance.isOpen) return true;
    this.#held = undefined;
    if (this.#offer(held.item)) this.#goOn();
    return true;
  }

  /** Nobody wants more: closes the source. `closed` follows, unless the source has ended already. */
  stop(): void {
    if (this.#isStopped || this.#isClosed) return;
    this.#isStopped = true;
    this.#state = "over";
    this.#transfer?.drop();
    this.#close();
  }

  writeNext(): void {
    if (this.#state !== "in-line") return;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && !this.#write(held.item)) return;
    this.#goOn();
  }

  /** Asks and writes for as long as nothing has to be waited for. */
  #goOn(): void {
    this.#state = "asking";
    while (!this.#isStopped) {
      let result: IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>;
      this.#isAsking = true;
      try {
        result = this.#source.next();
      } catch (error) {
        return this.#threw(error);
      }
      if (isThenable(result)) {
        result.then(this.#got, this.#threw);
        return;
      }
      if (!this.#take(result)) return;
    }
  }

  readonly #got = (result: IteratorResult<unknown>): void => {
    if (this.#take(result)) this.#goOn();
  };

  readonly #threw = (error: unknown): void => {
    this.#isAsking = false;
    const wasStopped = this.#isStopped;
    this.#isStopped = this.#isClosed = true;
    this.#state = "over";
    if (wasStopped) this.#owner.closed();
    else this.#owner.failed(error);
  };

  /** Returns whether the next item can be asked for at once. */
  #take(result: IteratorResult<unknown>): boolean {
    this.#isAsking = false;
    if (this.#isStopped) {
      if (this.#closesWithAnswer) this.#closed();
      return false;
    }
    try {
      if (result.done === true) {
        this.#isStopped = this.#isClosed = true;
        this.#state = "over";
        this.#owner.ended();
        return false;
      }
      const { check } = this.#owner;
      if (check === undefined) return this.#offer(result.value);
      const checked = check(result.value, this.#count);
      if (!isThenable(checked)) return this.#offer(checked);
      checked.then(
        (item) => {
          if (!this.#isStopped && this.#offer(item)) this.#goOn();
        },
        (error: unknown) => this.#fail(error),
      );
      return false;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #offer(item: unknown): boolean {
    if (!this.#allowance.isOpen) {
      this.#held = { item };
      this.#state = "without-credit";
      return false;
    }
    if (this.#channel.bulk.mayWrite()) return this.#write(item);
    this.#held = { item };
    this.#state = "in-line";
    this.#channel.bulk.join(this);
    return false;
  }

  /** Returns false if it has to be waited for, or failed. */
  #write(item: unknown): boolean {
    this.#count++;
    let said: number | OutgoingTransfer;
    try {
      said = this.#channel.say(plain(this.#kind, this.#request.id), item);
    } catch (error) {
      this.#fail(error);
      return false;
    }
    if (typeof said === "number") {
      this.#allowance.spend(said);
      return true;
    }
    this.#allowance.spend(said.bytes);
    this.#state = "writing";
    this.#held = { item };
    this.#transfer = said;
    said.end = {
      written: () => {
        this.#transfer = this.#held = undefined;
        this.#goOn();
      },
      lost: () => {},
    };
    return false;
  }

  /** An item cannot be sent: the source is closed, and the owner is told. */
  #fail(error: unknown): void {
    if (this.#isStopped) return;
    this.#isStopped = this.#isClosed = true;
    this.#state = "over";
    void Promise.resolve(this.#return()).catch(() => {});
    this.#owner.failed(error);
  }

  #close(): void {
    const done = (): void => this.#closed();
    let closing: unknown;
    try {
      closing = this.#return();
    } catch {
      return done();
    }
    if (isThenable(closing)) closing.then(done, done);
    // A source that cannot be closed is done with when it has given the answer that it owes.
    else if (this.#isAsking) this.#closesWithAnswer = true;
    else done();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#owner.closed();
  }

  /** The source is handed back what it was asked for and nobody got: some count that. */
  #return(): unknown {
    return this.#source.return?.(this.#held?.item);
  }
}

/**
 * Begins to read something iterable.
 *
 * @throws PeerError `option-invalid` if it is not iterable.
 */
export function sourceOf(given: unknown): ItemSource {
  const source = itemSource(given);
  if (source === undefined) throw new PeerError("option-invalid", "inputs must be iterable");
  return source;
}

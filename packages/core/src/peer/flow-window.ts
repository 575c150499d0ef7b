// The credit of one flow (the outputs or inputs of a stream, or the parts of one long frame) in items and bytes, both
// halves. The receiver gives back what has been consumed, half a window at a time, so that a consumer that stands still
// stops its producer. Its window begins small and doubles as long as half of it is consumed in less time than two round
// trips: then the line, and not the consumer, is what the producer waits for. Pure.

/** How far a flow may be ahead, and how far that may grow. */
export interface FlowLimits {
  readonly items: number;
  readonly bytes: number;
  /** The most bytes that the window grows to; items grow with them. */
  readonly bytesMax: number;
}

/** More is allowed by nobody who can count. */
const COUNT_MAX = 0xffff_ffff;
/** The most items of a window: a frame of credit has two bytes for what was consumed and what is new together. */
export const FLOW_ITEMS_MAX = 0x7fff;
const ROUND_TRIPS = 1;

/** The sender's half. */
export class FlowAllowance {
  #itemsLeft: number;
  #bytesLeft: number;

  constructor(items: number, bytes: number) {
    this.#itemsLeft = items;
    this.#bytesLeft = bytes;
  }

  /** Whether one more may be sent; the last one may overdraw the bytes. */
  get isOpen(): boolean {
    return this.#itemsLeft > 0 && this.#bytesLeft > 0;
  }

  get bytesLeft(): number {
    return this.#bytesLeft;
  }

  spend(bytes: number): void {
    this.#itemsLeft--;
    this.#bytesLeft -= bytes;
  }

  /** Returns false if that is more than anybody can mean. */
  refill(items: number, bytes: number): boolean {
    this.#itemsLeft += items;
    this.#bytesLeft += bytes;
    return this.#itemsLeft <= COUNT_MAX && this.#bytesLeft <= COUNT_MAX;
  }
}

/** What the sender may send more. */
export interface Grant {
  readonly items: number;
  readonly bytes: number;
}

/** The receiver's half. */
export class FlowWindow {
  readonly #bytesMax: number;
  #items: number;
  #bytes: number;
  #itemsLeft: number;
  #bytesLeft: number;
  #itemsOwed = 0;
  #bytesOwed = 0;
  #grantedAt: number;

  constructor({ items, bytes, bytesMax }: FlowLimits, now: number) {
    this.#items = this.#itemsLeft = items;
    this.#bytes = this.#bytesLeft = bytes;
    this.#bytesMax = bytesMax;
    this.#grantedAt = now;
  }

  /** How many bytes the sender may be ahead by now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Something has arrived; false if it was not covered. */
  take(bytes: number): boolean {
    if (this.#itemsLeft <= 0 || this.#bytesLeft <= 0) return false;
    this.#itemsLeft--;
    this.#bytesLeft -= bytes;
    return true;
  }

  /** Something has been consumed; true when it is time to tell the other side. */
  consumed(bytes: number): boolean {
    this.#itemsOwed++;
    this.#bytesOwed += bytes;
    return this.#itemsOwed * 2 >= this.#items || this.#bytesOwed * 2 >= this.#bytes;
  }

  /** What the other side is to be told; `roundTripMs` is what an answer takes at the moment. */
  grant(now: number, roundTripMs: number): Grant {
    let items = this.#itemsOwed;
    let bytes = this.#bytesOwed;
    const tookMs = now - this.#grantedAt;
    const mayGrow =
      this.#bytes * 2 <= this.#bytesMax && (this.#items * 2 <= FLOW_ITEMS_MAX || this.#items === Infinity);
    if (mayGrow && tookMs < roundTripMs * ROUND_TRIPS) {
      items += this.#items;
      bytes += this.#bytes;
      this.#items *= 2;
      this.#bytes *= 2;
    }
    this.#grantedAt = now;
    this.#itemsLeft += items;
    this.#bytesLeft += bytes;
    this.#itemsOwed = this.#bytesOwed = 0;
    return { items, bytes };
  }
}

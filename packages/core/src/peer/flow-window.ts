// The credit of one flow (the outputs or inputs of a stream, or the parts of one long frame) in items and bytes, both
// halves. The receiver gives back what has been consumed, half a window at a time, so that a consumer that stands still
// stops its producer. Its window begins small and doubles as long as nearly half of it is consumed in a round trip: then the
// line, and not the consumer, is what the producer waits for. What is more than that would only wait on the way, ahead of small
// messages. Items cost little beside their bytes: their count may grow as soon as they come fast. Pure.

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
/** For how long what is consumed is counted before the window grows, in milliseconds: less is not the line, but a burst. */
const COUNTED_MS_MIN = 5;
/** A window is too small if more than this share of it is consumed in a round trip. */
const SHARE_MAX = 0.45;

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
  #itemsCounted = 0;
  #bytesCounted = 0;
  #countedFrom: number;

  constructor({ items, bytes, bytesMax }: FlowLimits, now: number) {
    this.#items = this.#itemsLeft = items;
    this.#bytes = this.#bytesLeft = bytes;
    this.#bytesMax = bytesMax;
    this.#countedFrom = now;
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
    this.#itemsCounted += items;
    this.#bytesCounted += bytes;
    const tookMs = now - this.#countedFrom;
    const leastMs = Math.max(roundTripMs, COUNTED_MS_MIN);
    if (tookMs >= leastMs) {
      const share = SHARE_MAX * tookMs;
      if (this.#bytesCounted * roundTripMs > this.#bytes * share && this.#bytes * 2 <= this.#bytesMax) {
        bytes += this.#bytes;
        this.#bytes *= 2;
      }
      if (this.#itemsCounted * leastMs > this.#items * share && this.#items * 2 <= FLOW_ITEMS_MAX) {
        items += this.#items;
        this.#items *= 2;
      }
      this.#itemsCounted = this.#bytesCounted = 0;
      this.#countedFrom = now;
    }
    this.#itemsLeft += items;
    this.#bytesLeft += bytes;
    this.#itemsOwed = this.#bytesOwed = 0;
    return { items, bytes };
  }
}

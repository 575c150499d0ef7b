// Whatever has more to say than fits into one frame takes turns here: flows of items, and long frames in parts. It lets
// one of them write one frame at a time, and only while little else is unwritten, so that what is urgent never waits
// behind more than a few pieces.

import { Ring } from "../base/index.js";
import type { Outbox } from "./outbox.js";

/** Unwritten bytes beyond which nothing bulky is added. */
const UNWRITTEN_BYTES_MAX = 64 * 1024;
/** How many frames may be written by the way, outside a turn. */
const BURST_MAX = 64;

/** Something that writes one frame whenever it is its turn. */
export interface Bulk {
  /** Writes a frame, if there still is one, and joins again if there is another. */
  writeNext(): void;
}

export class BulkLane {
  readonly #outbox: Outbox;
  readonly #wake: () => void;
  readonly #waiting = new Ring<Bulk>();
  #burst = 0;

  constructor(outbox: Outbox, wake: () => void) {
    this.#outbox = outbox;
    this.#wake = wake;
  }

  /** Whether something that is not in line may write now. To be asked for each frame. */
  mayWrite(): boolean {
    if (this.#waiting.length > 0 || this.#burst >= BURST_MAX || !this.#outbox.hasRoom(UNWRITTEN_BYTES_MAX))
      return false;
    this.#burst++;
    return true;
  }

  join(bulk: Bulk): void {
    this.#waiting.push(bulk);
    this.#wake();
  }

  take(): Bulk | undefined {
    if (this.#waiting.length === 0 || !this.#outbox.hasRoom(UNWRITTEN_BYTES_MAX)) return undefined;
    return this.#waiting.shift();
  }

  /** The turn is over: what writes by the way may go on. */
  endTurn(): void {
    this.#burst = 0;
  }

  /** Nothing is written any more. */
  close(): void {
    this.#waiting.clear();
  }
}

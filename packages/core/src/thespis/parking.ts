// Messages that have come although there was no room for them: the other side knows no credit. They wait here, within
// bounds, so that answers behind them are read all the same; when this is full, nothing is read any more.

import { Ring } from "../base/index.js";

/** How many messages are held that there is no room for. */
export const THESPIS_PARKED_MAX = 1024;
/** How many bytes of those, before reading stops. */
export const THESPIS_PARKED_BYTES_MAX: number = 1024 * 1024;

/** A message in memory of its own. */
export interface Parked {
  readonly serviceId: bigint;
  readonly connId: bigint;
  readonly payload: Uint8Array;
}

export class Parking {
  readonly #calls = new Ring<Parked>();
  readonly #sends = new Ring<Parked>();
  #bytes = 0;

  get isFull(): boolean {
    return this.#calls.length + this.#sends.length >= THESPIS_PARKED_MAX || this.#bytes >= THESPIS_PARKED_BYTES_MAX;
  }

  /** Whether messages of that kind wait: those that come later must not overtake them. */
  has(isSend: boolean): boolean {
    return this.#line(isSend).length > 0;
  }

  add(isSend: boolean, parked: Parked): void {
    this.#bytes += parked.payload.length;
    this.#line(isSend).push(parked);
  }

  take(isSend: boolean): Parked | undefined {
    const parked = this.#line(isSend).shift();
    this.#bytes -= parked?.payload.length ?? 0;
    return parked;
  }

  #line(isSend: boolean): Ring<Parked> {
    return isSend ? this.#sends : this.#calls;
  }
}

// Frames that need no credit: refusals, failures and the ends of watches. The other side causes them by asking, so one
// that asks nonsense and never reads could make any number of them wait.

import { FrameKind } from "../wire/index.js";
import { plain, type Channel } from "./channel.js";
import { PeerError, Refused } from "./error.js";

/** Writes them, and ends the connection when too many have not left. */
export class FreeFrames {
  readonly #channel: Channel;
  /** How many were written since what had been written by then, `#countedUntil`, has left. */
  #count = 0;
  #countedUntil = 0;
  #isClosed = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Answers a request that was not taken; id 0 stands for a send. */
  refuse(id: number, code: string, message: string): void {
    this.#channel.emit({ type: "refused", direction: "incoming", error: new Refused(code, message) });
    this.post(FrameKind.refuse, id, [code, message]);
  }

  /** There is nobody any more to write to. */
  close(): void {
    this.#isClosed = true;
  }

  post(kind: number, id: number, payload: unknown): void {
    if (this.#isClosed) return;
    const { outbox, limits } = this.#channel;
    if (outbox.deliveredBytes >= this.#countedUntil) {
      this.#count = 0;
      this.#countedUntil = outbox.deliveredBytes + outbox.pendingBytes + 1;
    }
    if (++this.#count > limits.refusalsMax) {
      const why = "refusals are asked for and not read";
      return this.#channel.fault(new PeerError("refusals-exceeded", why));
    }
    this.#channel.post(plain(kind, id), payload);
  }
}

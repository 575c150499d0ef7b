// What has come and was not taken, of all connections together, and those who wait for more. Each message goes to exactly
// one of them, in the order in which they asked. Bounded in messages and bytes by whoever fills it.

import { oneShot, Ring, type Clock } from "../base/index.js";
import { MeshError, type Envelope } from "./error.js";

/** How long to wait for a message. */
export interface ReceiveOptions {
  /** Then it rejects with `timeout`. For ever, unless given. */
  readonly timeoutMs?: number;
  /** Aborting it rejects with `cancelled`. */
  readonly signal?: AbortSignal;
}

interface Receiver {
  resolve(envelope: Envelope): void;
  reject(error: unknown): void;
  isOver: boolean;
}

export class IncomingQueue {
  readonly #clock: Clock;
  readonly #envelopes = new Ring<Envelope>();
  readonly #receivers = new Ring<Receiver>();
  #bytes = 0;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#envelopes.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(envelope: Envelope): void {
    for (let receiver = this.#receivers.shift(); receiver !== undefined; receiver = this.#receivers.shift()) {
      if (receiver.isOver) continue;
      receiver.isOver = true;
      return receiver.resolve(envelope);
    }
    this.#envelopes.push(envelope);
    this.#bytes += envelope.payload.length;
  }

  /** The oldest one that is there. */
  take(): Envelope | undefined {
    const envelope = this.#envelopes.shift();
    if (envelope !== undefined) this.#bytes -= envelope.payload.length;
    return envelope;
  }

  /** Waits for one, when there is none. */
  wait({ timeoutMs, signal }: ReceiveOptions): Promise<Envelope> {
    const { promise, resolve, reject } = oneShot<Envelope>();
    if (this.#isClosed) {
      reject(closed());
      return promise;
    }
    const receiver: Receiver = { resolve, reject, isOver: false };
    const giveUp = (error: MeshError): void => {
      if (receiver.isOver) return;
      receiver.isOver = true;
      reject(error);
    };
    const cancel = (): void => giveUp(new MeshError("cancelled", "receiving was cancelled", { cause: signal?.reason }));
    if (signal?.aborted === true) cancel();
    else this.#receivers.push(receiver);
    if (timeoutMs === undefined && signal === undefined) return promise;
    const late = (): void => giveUp(new MeshError("timeout", `no message came within ${timeoutMs} ms`));
    const cancelTimer = timeoutMs === undefined ? undefined : this.#clock.schedule(timeoutMs, late);
    signal?.addEventListener("abort", cancel, { once: true });
    return promise.finally(() => {
      cancelTimer?.();
      signal?.removeEventListener("abort", cancel);
    });
  }

  /** Nothing will come any more: whoever waits is told, and what is there can still be taken. */
  close(): void {
    this.#isClosed = true;
    for (const receiver of this.#receivers.clear()) if (!receiver.isOver) receiver.reject(closed());
  }
}

function closed(): MeshError {
  return new MeshError("closed", "the mesh is closed");
}

// Sends of this side: what may go at once, what waits for credit or room, and what goes in parts. It knows nothing of
// calls.

import { oneShot } from "../base/index.js";
import type { SendOptions } from "../actor/index.js";
import { FrameKind, type FrameHeader } from "../wire/index.js";
import type { Channel } from "./channel.js";
import { cancelledBy, creditInvalid, type PeerError } from "./error.js";
import { encodeMetadata } from "./metadata.js";
import type { OutgoingLane, WaitingMessage } from "./outgoing-lane.js";
import type { RemoteService } from "./remote.js";
import { SendAllowance } from "./send-window.js";
import type { OutgoingTransfer } from "./transfers.js";

const SENT: Promise<void> = Promise.resolve();

export class OutgoingSends {
  readonly #channel: Channel;
  readonly #lane: OutgoingLane;
  readonly #allowance = new SendAllowance();
  /** Long sends that leave in parts, and what is rejected if they do not. */
  readonly #inParts = new Map<OutgoingTransfer, (error: PeerError) => void>();

  constructor(channel: Channel, lane: OutgoingLane) {
    this.#channel = channel;
    this.#lane = lane;
  }

  get hasCredit(): boolean {
    return this.#allowance.isOpen;
  }

  /** Sends that the other side has not given credit back for. */
  get used(): number {
    return this.#allowance.used;
  }

  open(): void {
    const { sendsMax, sendBytesMax } = this.#channel.remoteLimits;
    this.#allowance.open(sendsMax, sendBytesMax);
  }

  /** Sends now, or waits if nothing may be sent now. Throws what cannot be sent at any time. */
  send(service: RemoteService, message: number, input: unknown, options: SendOptions | undefined): Promise<void> {
    const metadata = encodeMetadata(options?.metadata, this.#channel);
    if (!this.mayGo(service)) return this.#later(service, message, input, metadata, options?.signal);
    const said = this.#channel.say(header(service.slot, message, metadata), input);
    if (typeof said !== "number") return this.#whenWritten(service, said, options?.signal);
    this.#allowance.spend(said);
    return SENT;
  }

  trySend(service: RemoteService, message: number, input: unknown): boolean {
    if (!this.mayGo(service)) return false;
    const said = this.#channel.say(header(service.slot, message, undefined), input);
    if (typeof said === "number") this.#allowance.spend(said);
    else this.#whenWritten(service, said, undefined).catch(() => {});
    return true;
  }

  /** Whether a message that needs this credit may go now, ahead of nobody. */
  mayGo(service: RemoteService): boolean {
    if (service.waiting > 0 || service.sendsInParts > 0) return false;
    const { outbox, limits } = this.#channel;
    return this.#allowance.isOpen && outbox.hasRoom(limits.outboxBytesMax);
  }

  /** Lets go of a send whose turn has come. */
  release({ service, slot, message, payload, metadata, sent }: WaitingMessage): void {
    const said = this.#channel.forward(header(slot, message, metadata), payload);
    if (typeof said === "number") {
      this.#allowance.spend(said);
      return sent?.resolve();
    }
    this.#whenWritten(service, said, undefined).then(
      () => sent?.resolve(),
      (error: unknown) => sent?.reject(error),
    );
  }

  /** A credit frame: [messages] [bytes] that the other side takes more. */
  credited(messages: number, bytes: number): void {
    if (!this.#allowance.refill(messages, bytes)) {
      this.#channel.fault(creditInvalid());
    }
  }

  /** What leaves in parts will not leave. */
  giveUp(error: () => PeerError): void {
    for (const [transfer, reject] of [...this.#inParts]) {
      transfer.drop();
      reject(error());
    }
  }

  #later(
    service: RemoteService,
    message: number,
    input: unknown,
    metadata: Uint8Array | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const sent = oneShot<void>();
    const waiting = this.#lane.wait(this.#channel, { service, message, input, metadata, call: undefined, sent });
    if (signal === undefined) return sent.promise;
    const giveUp = (): void => {
      this.#lane.abandon(waiting);
      sent.reject(cancelledBy(signal.reason, false));
    };
    signal.addEventListener("abort", giveUp, { once: true });
    const stopListening = (): void => signal.removeEventListener("abort", giveUp);
    sent.promise.then(stopListening, stopListening);
    return sent.promise;
  }

  /** A long send: it is sent when its last part is written. What is dropped before that never was. */
  #whenWritten(service: RemoteService, transfer: OutgoingTransfer, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = oneShot<void>();
    this.#allowance.spend(transfer.bytes);
    service.sendsInParts++;
    const over = (): void => {
      this.#inParts.delete(transfer);
      signal?.removeEventListener("abort", giveUp);
      service.sendsInParts--;
      this.#channel.wake();
    };
    const fail = (error: PeerError): void => {
      over();
      this.#allowance.refill(1, transfer.bytes);
      reject(error);
    };
    const giveUp = (): void => {
      if (transfer.drop()) fail(cancelledBy(signal?.reason, false));
    };
    transfer.end = {
      written() {
        over();
        resolve();
      },
      lost() {},
    };
    this.#inParts.set(transfer, fail);
    signal?.addEventListener("abort", giveUp, { once: true });
    return promise;
  }
}

function header(service: number, message: number, metadata: Uint8Array | undefined): FrameHeader {
  return metadata === undefined
    ? { kind: FrameKind.send, id: 0, service, message, amount: 0 }
    : { kind: FrameKind.send, id: 0, service, message, amount: 0, metadata };
}

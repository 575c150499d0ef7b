// The outgoing lane of a peer's mailbox: calls, sends and streams that wait for credit or for room, encoded already. They
// wait apart, so that a handler of sends that is slow does not hold up calls; but what goes to one service stays in the
// order in which it was given, so all that waits for one service waits in the same queue.

import { Ring, type OneShot } from "../base/index.js";
import type { Lane } from "../actor/index.js";
import { FrameKind } from "../wire/index.js";
import type { Channel } from "./channel.js";
import { PeerError } from "./error.js";
import type { OutgoingCall } from "./outgoing-call.js";
import type { RemoteService } from "./remote.js";

/** A call or a send that waits. */
export interface WaitingMessage {
  readonly service: RemoteService;
  /** The slot and message number it was encoded for: the service may have been withdrawn meanwhile. */
  readonly slot: number;
  readonly message: number;
  readonly payload: Uint8Array;
  /** The call; or else this is a send. */
  readonly call: OutgoingCall | undefined;
  /** What travels beside it, encoded. */
  readonly metadata: Uint8Array | undefined;
  /** Whoever waits for the send. */
  readonly sent: OneShot<void> | undefined;
  /** Nobody waits for it any more, or it has left: in the lane it is skipped. */
  isOver: boolean;
}

/** A message that is about to wait. */
export type NewMessage = Omit<WaitingMessage, "slot" | "payload" | "isOver"> & { readonly input: unknown };

/** The kinds of credit that there are, each with a queue. */
const LINES = ["call", "send", "stream"] as const;

function lineOf({ call }: WaitingMessage): (typeof LINES)[number] {
  if (call === undefined) return "send";
  return call.kind === FrameKind.stream ? "stream" : "call";
}

/** What the lane asks before it lets a message go. */
export interface Credit {
  readonly hasRoom: boolean;
  readonly hasCallCredit: boolean;
  readonly hasSendCredit: boolean;
  readonly hasStreamCredit: boolean;
}

export class OutgoingLane implements Lane<WaitingMessage> {
  /** One queue for each kind of credit. */
  readonly #queues = LINES.map(() => new Ring<WaitingMessage>());
  readonly #credit: Credit;
  #bytes = 0;
  #abandoned = 0;
  #first = 0;
  #length = 0;

  constructor(credit: Credit) {
    this.#credit = credit;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Encodes a message and lets it wait.
   *
   * @throws PeerError `waiting-full`; WireError if it cannot be sent.
   */
  wait(channel: Channel, { input, ...message }: NewMessage): WaitingMessage {
    const { waitingMax, waitingBytesMax } = channel.limits;
    if (this.#length >= waitingMax || this.#bytes >= waitingBytesMax) {
      throw new PeerError("waiting-full", `${this.#length} messages wait for credit already`);
    }
    const payload = channel.format.encode(input, channel.remoteLimits.messageBytesMax);
    const waiting = { ...message, slot: message.service.slot, payload, isOver: false };
    this.push(waiting);
    channel.wake();
    return waiting;
  }

  push(waiting: WaitingMessage): void {
    const { service } = waiting;
    if (service.waiting === 0) service.line = LINES.indexOf(lineOf(waiting));
    service.waiting++;
    this.#length++;
    this.#bytes += waiting.payload.length;
    (this.#queues[service.line] as Ring<WaitingMessage>).push(waiting);
  }

  take(): WaitingMessage | undefined {
    if (this.length === 0 || !this.#credit.hasRoom) return undefined;
    for (let i = 0; i < LINES.length; i++) {
      const line = (this.#first + i) % LINES.length;
      const waiting = this.#takeFrom(this.#queues[line] as Ring<WaitingMessage>);
      if (waiting === undefined) continue;
      this.#first = (line + 1) % LINES.length;
      return waiting;
    }
    return undefined;
  }

  /** Lets `waiting` be skipped. What is abandoned is swept out when it is more than half, so that it costs little. */
  abandon(waiting: WaitingMessage): void {
    // It may have left in this very job, before whoever gives up could know.
    if (waiting.isOver) return;
    waiting.isOver = true;
    this.#abandoned++;
    if (this.#abandoned * 2 > this.length) this.removeAll(({ isOver }) => isOver);
  }

  /** Takes out all for which `matches` holds, and what is abandoned; returns those that are not. Linear time. */
  removeAll(matches: (waiting: WaitingMessage) => boolean): WaitingMessage[] {
    const removed: WaitingMessage[] = [];
    for (const queue of this.#queues) {
      for (const waiting of queue.clear()) {
        if (!waiting.isOver && !matches(waiting)) queue.push(waiting);
        else if (!this.#forget(waiting)) removed.push(waiting);
      }
    }
    return removed;
  }

  /** Takes out everything. */
  clear(): WaitingMessage[] {
    return this.removeAll(() => true);
  }

  #takeFrom(queue: Ring<WaitingMessage>): WaitingMessage | undefined {
    for (let head = queue.peek(); head !== undefined; head = queue.peek()) {
      if (!head.isOver && !this.#mayGo(head)) return undefined;
      queue.shift();
      if (!this.#forget(head)) return head;
    }
    return undefined;
  }

  /** A long send that is on its way holds up what is for the same service. */
  #mayGo(head: WaitingMessage): boolean {
    if (head.service.sendsInParts > 0) return false;
    switch (lineOf(head)) {
      case "call":
        return this.#credit.hasCallCredit;
      case "send":
        return this.#credit.hasSendCredit;
      case "stream":
        return this.#credit.hasStreamCredit;
    }
  }

  /** Stops counting `waiting`; returns whether it was abandoned. */
  #forget(waiting: WaitingMessage): boolean {
    const wasAbandoned = waiting.isOver;
    waiting.isOver = true;
    waiting.service.waiting--;
    this.#length--;
    this.#bytes -= waiting.payload.length;
    if (wasAbandoned) this.#abandoned--;
    return wasAbandoned;
  }
}

// The outgoing lane of a peer's mailbox: calls and sends that wait for credit or for room, encoded already. Calls and
// sends wait apart, so that a handler of sends that is slow does not hold up calls; but what goes to one service stays
// in the order in which it was given, so all that waits for one service waits in the same queue.

import { Ring, type OneShot } from "../base/index.js";
import type { Lane } from "../actor/index.js";
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
  /** Whoever waits for the send. */
  readonly sent: OneShot<void> | undefined;
  /** Nobody waits for it any more, or it has left: in the lane it is skipped. */
  isOver: boolean;
}

/** What the lane asks before it lets a message go. */
export interface Credit {
  readonly hasRoom: boolean;
  readonly hasCallCredit: boolean;
  readonly hasSendCredit: boolean;
}

export class OutgoingLane implements Lane<WaitingMessage> {
  #calls = new Ring<WaitingMessage>();
  #sends = new Ring<WaitingMessage>();
  readonly #credit: Credit;
  #bytes = 0;
  #abandoned = 0;
  #callsGoFirst = true;

  constructor(credit: Credit) {
    this.#credit = credit;
  }

  get length(): number {
    return this.#calls.length + this.#sends.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(waiting: WaitingMessage): void {
    const { service } = waiting;
    if (service.waiting === 0) service.waitsAmongCalls = waiting.call !== undefined;
    service.waiting++;
    this.#bytes += waiting.payload.length;
    (service.waitsAmongCalls ? this.#calls : this.#sends).push(waiting);
  }

  take(): WaitingMessage | undefined {
    if (this.length === 0 || !this.#credit.hasRoom) return undefined;
    const first = this.#callsGoFirst ? this.#calls : this.#sends;
    const second = this.#callsGoFirst ? this.#sends : this.#calls;
    const waiting = this.#takeFrom(first) ?? this.#takeFrom(second);
    if (waiting !== undefined) this.#callsGoFirst = !this.#callsGoFirst;
    return waiting;
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
    const sweep = (queue: Ring<WaitingMessage>): Ring<WaitingMessage> => {
      const kept = new Ring<WaitingMessage>();
      for (const waiting of queue.clear()) {
        if (!waiting.isOver && !matches(waiting)) kept.push(waiting);
        else if (!this.#forget(waiting)) removed.push(waiting);
      }
      return kept;
    };
    this.#calls = sweep(this.#calls);
    this.#sends = sweep(this.#sends);
    return removed;
  }

  /** Takes out everything. */
  clear(): WaitingMessage[] {
    return this.removeAll(() => true);
  }

  #takeFrom(queue: Ring<WaitingMessage>): WaitingMessage | undefined {
    for (let head = queue.peek(); head !== undefined; head = queue.peek()) {
      const mayGo = head.call === undefined ? this.#credit.hasSendCredit : this.#credit.hasCallCredit;
      if (!mayGo && !head.isOver) return undefined;
      queue.shift();
      if (!this.#forget(head)) return head;
    }
    return undefined;
  }

  /** Stops counting `waiting`; returns whether it was abandoned. */
  #forget(waiting: WaitingMessage): boolean {
    const wasAbandoned = waiting.isOver;
    waiting.isOver = true;
    waiting.service.waiting--;
    this.#bytes -= waiting.payload.length;
    if (wasAbandoned) this.#abandoned--;
    return wasAbandoned;
  }
}

// What this side has asked and the other side has not answered: calls, streams and watches by ConnID, with the credit that
// they take. It writes their frames; it does not know what becomes of an answer.

import type { ItemSource } from "../actor/index.js";
import { FrameKind } from "../wire/index.js";
import { plain, type Channel } from "./channel.js";
import { CallTable, type OutgoingCall } from "./outgoing-call.js";
import { OutgoingFlow } from "./outgoing-flow.js";
import type { OutgoingLane } from "./outgoing-lane.js";

export class Requests {
  readonly #channel: Channel;
  readonly #lane: OutgoingLane;
  readonly #table = new CallTable();
  #calls = 0;
  #callBytesLeft = 0;
  #streams = 0;
  #watches = 0;

  constructor(channel: Channel, lane: OutgoingLane) {
    this.#channel = channel;
    this.#lane = lane;
  }

  /** Calls that the other side has not answered. */
  get calls(): number {
    return this.#calls;
  }

  /** Streams that are not over. */
  get streams(): number {
    return this.#streams;
  }

  get hasCallCredit(): boolean {
    return this.#calls < this.#channel.remoteLimits.callsMax && this.#callBytesLeft > 0;
  }

  get hasStreamCredit(): boolean {
    return this.#streams < this.#channel.remoteLimits.streamsMax;
  }

  get hasWatchCredit(): boolean {
    return this.#watches < this.#channel.remoteLimits.watchesMax;
  }

  /** The other side's limits are known. */
  open(): void {
    this.#callBytesLeft = this.#channel.remoteLimits.callBytesMax;
  }

  get(id: number): OutgoingCall | undefined {
    return this.#table.get(id);
  }

  /** Takes all of them out: nobody answers any more. */
  clear(): OutgoingCall[] {
    this.#calls = this.#streams = 0;
    return this.#table.clear();
  }

  watch(watch: OutgoingCall): void {
    this.#watches++;
    this.#table.add(watch);
    const { slot } = watch.service;
    this.#channel.post({ kind: FrameKind.watch, id: watch.id, service: slot, message: 0, amount: 0 });
  }

  /** Writes the frame of a request, whose input is encoded already if there is a payload, and counts it. */
  say(
    call: OutgoingCall,
    service: number,
    message: number,
    remainingMs: number,
    input: unknown,
    payload: Uint8Array | undefined,
  ): void {
    const { kind, metadata, inputs } = call;
    this.#table.add(call);
    const amount = remainingMs === Infinity ? 0 : Math.max(1, Math.ceil(remainingMs));
    const header =
      metadata === undefined && inputs === undefined
        ? { kind, id: call.id, service, message, amount }
        : { kind, id: call.id, service, message, amount, hasInputs: inputs !== undefined, metadata };
    try {
      const said = payload === undefined ? this.#channel.say(header, input) : this.#channel.forward(header, payload);
      if (typeof said === "number") call.bytes = said;
      else {
        call.bytes = said.bytes;
        call.transfer = said;
        const written = (): void => {
          call.transfer = undefined;
          if (!call.isSettled) inputs?.start();
        };
        said.end = { written, lost: () => {} };
      }
    } catch (error) {
      this.#table.delete(call);
      throw error;
    }
    if (kind === FrameKind.stream) this.#streams++;
    else {
      this.#calls++;
      this.#callBytesLeft -= call.bytes;
    }
    if (call.transfer === undefined) inputs?.start();
  }

  /** What this side streams to the handler. It is closed when the request is over. */
  inputsOf(call: OutgoingCall, source: ItemSource): OutgoingFlow {
    const post = (kind: number): number => this.#channel.post(plain(kind, call.id));
    return new OutgoingFlow(this.#channel, FrameKind.input, call, source, {
      check: undefined,
      ended: () => void post(FrameKind.inputsEnd),
      failed: (error) => this.abandon(call, error),
      closed: () => {},
    });
  }

  /** Gives a request up that is under way, for a reason of this side: the other side is told. */
  abandon(call: OutgoingCall, error: unknown): void {
    if (call.isSettled) return;
    if (this.withdraw(call)) this.#channel.post(plain(FrameKind.cancel, call.id));
    this.end(call, error);
  }

  /** Takes back a request that has not left whole. True if it has: then the other side still answers. */
  withdraw(call: OutgoingCall): boolean {
    if (call.waiting !== undefined) this.#lane.abandon(call.waiting);
    if (call.transfer?.drop() !== true) return call.id !== 0;
    call.transfer = undefined;
    this.#forget(call);
    return false;
  }

  /** Settles a request that is given up. What of a stream is here already is given up as well. */
  end(call: OutgoingCall, error: unknown): void {
    call.outputs?.abandon(error);
    call.reject(error);
  }

  /** The other side is done with a request: it no longer counts. What has not left of it does not. */
  answered(id: number): OutgoingCall | undefined {
    const call = this.#table.get(id);
    if (call === undefined) return undefined;
    call.transfer?.drop();
    this.#forget(call);
    return call;
  }

  /** A request no longer counts. */
  #forget(call: OutgoingCall): void {
    this.#table.delete(call);
    if (call.isWatch) this.#watches--;
    else if (call.kind === FrameKind.stream) this.#streams--;
    else {
      this.#calls--;
      this.#callBytesLeft += call.bytes;
    }
  }
}

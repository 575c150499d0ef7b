// The outgoing half of a peer: calls, sends and watches of this side, what waits for credit, and what comes back.
// It knows nothing of handlers.

import { oneShot, type OneShot, type Timers } from "../base/index.js";
import {
  callTimeoutMs,
  RemoteError,
  type CallOptions,
  type Ended,
  type SendOptions,
  type WatchOptions,
} from "../actor/index.js";
import { FrameKind, WireError, type FrameHeader } from "../wire/index.js";
import { plain, type Channel } from "./channel.js";
import { cancelledBy, ConnectionLost, PeerError, refusalBy, Refused } from "./error.js";
import type { ClosedReason } from "./events.js";
import { readFailure, readReason } from "./failure.js";
import { CallTable, OutgoingCall } from "./outgoing-call.js";
import { OutgoingLane, type Credit, type WaitingMessage } from "./outgoing-lane.js";
import { SendAllowance } from "./send-window.js";
import { unreachable, type RemoteService } from "./remote.js";

const SENT: Promise<void> = Promise.resolve();
/** Frames carry deadlines in 32 bits of milliseconds. */
const TIMEOUT_MS_MAX = 0xffff_ffff;

export class Caller implements Credit {
  readonly timers: Timers;
  readonly lane: OutgoingLane;
  readonly #channel: Channel;
  readonly #calls = new CallTable();
  readonly #sends = new SendAllowance();
  readonly #timeoutDefaultMs: number;
  #callsInFlight = 0;
  #callBytesLeft = 0;
  #watches = 0;
  #ended: ClosedReason | undefined;
  /** Answers that came after their call had been settled otherwise. */
  lateReplies = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.timers = channel.timers;
    this.lane = new OutgoingLane(this);
    this.#timeoutDefaultMs = Math.min(callTimeoutMs({ timeoutMs: channel.times.callTimeoutMs }), TIMEOUT_MS_MAX);
  }

  get hasRoom(): boolean {
    return this.#channel.outbox.hasRoom(this.#channel.limits.outboxBytesMax);
  }

  get hasCallCredit(): boolean {
    return this.#callsInFlight < this.#channel.remoteLimits.callsMax && this.#callBytesLeft > 0;
  }

  get hasSendCredit(): boolean {
    return this.#sends.isOpen;
  }

  /** Calls that the other side has not answered. */
  get callsInFlight(): number {
    return this.#callsInFlight;
  }

  /** Sends that the other side has not given credit back for. */
  get sendsInFlight(): number {
    return this.#sends.used;
  }

  /** Messages that the other side is not done with, as far as it has said. */
  get inFlight(): number {
    return this.#callsInFlight + this.#sends.used;
  }

  /** The greeting is complete: the other side's limits hold from now on. */
  open(): void {
    const { callBytesMax, sendsMax, sendBytesMax } = this.#channel.remoteLimits;
    this.#callBytesLeft = callBytesMax;
    this.#sends.open(sendsMax, sendBytesMax);
  }

  call(service: RemoteService, name: string, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    const target = service.messages.get(name);
    const refusal = this.#ended ?? (target?.kind === "call" ? undefined : unreachable(service, name));
    if (refusal !== undefined) return Promise.reject(this.#tooLate(refusal));
    const signal = options?.signal;
    const givenUp = refusalBy(signal);
    if (givenUp !== undefined) return Promise.reject(givenUp);
    return new Promise((resolve, reject) => {
      const timeoutMs = this.#timeoutMs(options);
      if (timeoutMs === 0) throw new PeerError("timeout", `there was no time left for the call of ${name}`);
      const call = new OutgoingCall(this, service, name, resolve, reject, false);
      if (signal !== undefined) call.cancelOn(signal);
      try {
        this.#start(call, (target as { index: number }).index, input, timeoutMs);
      } catch (error) {
        return call.reject(about(error, service, name));
      }
      this.timers.set(call, timeoutMs);
    });
  }

  send(service: RemoteService, name: string, input: unknown, options: SendOptions | undefined): Promise<void> {
    const target = service.messages.get(name);
    const refusal = this.#ended ?? (target?.kind === "send" ? undefined : unreachable(service, name));
    if (refusal !== undefined) return Promise.reject(this.#tooLate(refusal));
    const message = (target as { index: number }).index;
    const signal = options?.signal;
    const givenUp = refusalBy(signal);
    if (givenUp !== undefined) return Promise.reject(givenUp);
    try {
      if (service.waiting === 0 && this.hasSendCredit && this.hasRoom) {
        this.#sends.spend(this.#channel.post(sendHeader(service.slot, message), input));
        return SENT;
      }
      return this.#sendLater(service, message, input, signal);
    } catch (error) {
      return Promise.reject(about(error, service, name));
    }
  }

  trySend(service: RemoteService, name: string, input: unknown): boolean {
    const target = service.messages.get(name);
    if (this.#ended !== undefined || target?.kind !== "send") return false;
    if (service.waiting > 0 || !this.hasSendCredit || !this.hasRoom) return false;
    try {
      this.#sends.spend(this.#channel.post(sendHeader(service.slot, target.index), input));
      return true;
    } catch (error) {
      throw about(error, service, name);
    }
  }

  watch(service: RemoteService, options: WatchOptions | undefined): Promise<Ended> {
    const ended = this.#ended;
    if (ended !== undefined) return Promise.resolve(endedBy(ended));
    if (!service.isProvided) return Promise.resolve({ reason: "unknown-service" });
    const signal = options?.signal;
    const givenUp = refusalBy(signal);
    if (givenUp !== undefined) return Promise.reject(givenUp);
    if (this.#watches >= this.#channel.remoteLimits.watchesMax) {
      return Promise.reject(new PeerError("watches-full", "the other side takes no more watches"));
    }
    this.#watches++;
    return new Promise((resolve, reject) => {
      const watch = new OutgoingCall(this, service, "", resolve as (value: unknown) => void, reject, true);
      this.#calls.add(watch);
      this.#channel.post({ kind: FrameKind.watch, id: watch.id, service: service.slot, message: 0, amount: 0 });
      if (signal !== undefined) watch.cancelOn(signal);
    });
  }

  /** Lets go of a message whose turn has come. */
  release(waiting: WaitingMessage): void {
    const { call, service, slot } = waiting;
    if (service.slot !== slot) return this.#giveBack(waiting, unreachable(service, ""));
    try {
      if (call === undefined) this.#releaseSend(waiting);
      else this.#releaseCall(waiting, call);
    } catch (error) {
      // It fits no frame that the other side takes.
      this.#giveBack(waiting, error as PeerError);
    }
  }

  #releaseSend({ slot, message, payload, sent }: WaitingMessage): void {
    this.#sends.spend(this.#channel.forward(sendHeader(slot, message), payload));
    sent?.resolve();
  }

  #releaseCall({ slot, message, payload }: WaitingMessage, call: OutgoingCall): void {
    call.waiting = undefined;
    const remainingMs = Math.max(1, Math.ceil(call.expiresAt - this.#channel.clock.now()));
    this.#calls.add(call);
    try {
      this.#callSent(call, this.#channel.forward(callHeader(call.id, slot, message, remainingMs), payload));
    } catch (error) {
      this.#calls.delete(call);
      throw error;
    }
  }

  /** A reply frame: [id] result. */
  replied(id: number): void {
    const call = this.#answered(id);
    if (call === undefined) return;
    if (call.isWatch) return call.resolve({ reason: readReason(this.#channel.reader) });
    let value: unknown;
    try {
      value = this.#channel.reader.value();
    } catch (error) {
      call.reject(
        new PeerError("reply-invalid", `the answer to ${call.message} cannot be read`, {
          cause: error,
          maybeExecuted: true,
        }),
      );
      return;
    }
    call.resolve(value);
  }

  /** An error frame: [id] [code, message, data]. */
  failed(id: number): void {
    const call = this.#answered(id);
    if (call === undefined) return;
    const { code, message, data } = readFailure(this.#channel.reader);
    if (call.isWatch) call.resolve({ reason: code });
    else call.reject(new RemoteError(code, message, data));
  }

  /** A refuse frame: [id] [code, message], where id 0 stands for a send. */
  refused(id: number): void {
    const { code, message } = readFailure(this.#channel.reader);
    const error = new Refused(code, message);
    if (id === 0) return this.#channel.emit({ type: "refused", direction: "outgoing", error });
    const call = this.#answered(id);
    if (call === undefined) return;
    if (call.isWatch) call.resolve({ reason: code });
    else call.reject(error);
  }

  /** A credit frame: [messages] [bytes] that the other side takes more. */
  credited(messages: number, bytes: number): void {
    if (!this.#sends.refill(messages, bytes)) {
      this.#channel.fault(new PeerError("credit-invalid", "the other side gave back more credit than was used"));
    }
  }

  /** The other side knows the deadline as well, and tells its handler by itself. */
  timedOut(call: OutgoingCall): void {
    const wasSent = call.id !== 0;
    if (call.waiting !== undefined) this.lane.abandon(call.waiting);
    call.reject(
      new PeerError("timeout", `${call.service.name}.${call.message} was not answered in time`, {
        maybeExecuted: wasSent,
      }),
    );
  }

  cancelled(call: OutgoingCall, reason: unknown): void {
    const wasSent = call.id !== 0;
    if (wasSent) this.#channel.post(plain(FrameKind.cancel, call.id));
    else if (call.waiting !== undefined) this.lane.abandon(call.waiting);
    call.reject(cancelledBy(reason, wasSent));
  }

  /** Nothing more is sent, and what waits is given back; what was sent may still be answered. */
  stop(reason: ClosedReason): void {
    this.#ended ??= reason;
    for (const waiting of this.lane.clear()) this.#giveBack(waiting, lost(reason, false));
  }

  /** The same, and what was sent is given up as well; the other side is told if it still listens. */
  giveUp(reason: ClosedReason, isTold: boolean): void {
    this.stop(reason);
    for (const call of this.#calls.clear()) {
      if (isTold) this.#channel.post(plain(FrameKind.cancel, call.id));
      if (call.isSettled) continue;
      if (call.isWatch) call.resolve(endedBy(reason));
      else call.reject(lost(reason, true));
    }
    this.#callsInFlight = 0;
  }

  /** A service was withdrawn: what waits for it will not be sent. */
  withdrawn(service: RemoteService): void {
    if (service.waiting === 0) return;
    for (const waiting of this.lane.removeAll((each) => each.service === service)) {
      this.#giveBack(waiting, unreachable(service, ""));
    }
  }

  /** How long a call waits. Infinity, as a handler of a send has left, stands for the default: no call waits for ever. */
  #timeoutMs(options: CallOptions | undefined): number {
    const given = options?.timeoutMs;
    if (given === undefined || given === Infinity) return this.#timeoutDefaultMs;
    return Math.min(callTimeoutMs(options), TIMEOUT_MS_MAX);
  }

  #start(call: OutgoingCall, message: number, input: unknown, timeoutMs: number): void {
    const { service } = call;
    if (service.waiting > 0 || !this.hasCallCredit || !this.hasRoom) {
      call.waiting = this.#wait(service, message, input, call, undefined);
      return;
    }
    this.#calls.add(call);
    try {
      this.#callSent(
        call,
        this.#channel.post(callHeader(call.id, service.slot, message, Math.max(1, Math.ceil(timeoutMs))), input),
      );
    } catch (error) {
      this.#calls.delete(call);
      throw error;
    }
  }

  #callSent(call: OutgoingCall, bytes: number): void {
    call.bytes = bytes;
    this.#callsInFlight++;
    this.#callBytesLeft -= bytes;
  }

  #sendLater(service: RemoteService, message: number, input: unknown, signal: AbortSignal | undefined): Promise<void> {
    const sent = oneShot<void>();
    const waiting = this.#wait(service, message, input, undefined, sent);
    if (signal === undefined) return sent.promise;
    const giveUp = (): void => {
      this.lane.abandon(waiting);
      sent.reject(cancelledBy(signal.reason, false));
    };
    signal.addEventListener("abort", giveUp, { once: true });
    const stopListening = (): void => signal.removeEventListener("abort", giveUp);
    sent.promise.then(stopListening, stopListening);
    return sent.promise;
  }

  #wait(
    service: RemoteService,
    message: number,
    input: unknown,
    call: OutgoingCall | undefined,
    sent: OneShot<void> | undefined,
  ): WaitingMessage {
    const { waitingMax, waitingBytesMax } = this.#channel.limits;
    if (this.lane.length >= waitingMax || this.lane.bytes >= waitingBytesMax) {
      throw new PeerError("waiting-full", `${this.lane.length} messages wait for credit already`);
    }
    const payload = this.#channel.format.encode(input);
    const waiting = { service, slot: service.slot, message, payload, call, sent, isOver: false };
    this.lane.push(waiting);
    this.#channel.wake();
    return waiting;
  }

  /** The other side is done with a call; undefined if nobody waits for its answer. */
  #answered(id: number): OutgoingCall | undefined {
    const call = this.#calls.get(id);
    if (call === undefined) {
      // Every call of ours is kept until it is answered, even one that has settled, until we are ending.
      if (this.#ended === undefined) {
        this.#channel.fault(new PeerError("reply-unexpected", `there is no call ${id} that could be answered`));
      }
      return undefined;
    }
    this.#calls.delete(call);
    if (call.isWatch) this.#watches--;
    else {
      this.#callsInFlight--;
      this.#callBytesLeft += call.bytes;
    }
    if (!call.isSettled) return call;
    this.lateReplies++;
    return undefined;
  }

  #giveBack({ call, sent }: WaitingMessage, error: PeerError): void {
    if (call === undefined) sent?.reject(error);
    else call.reject(error);
  }

  #tooLate(why: ClosedReason | PeerError): Error {
    return why instanceof PeerError ? why : lost(why, false);
  }
}

function callHeader(id: number, service: number, message: number, amount: number): FrameHeader {
  return { kind: FrameKind.call, id, service, message, amount };
}

function sendHeader(service: number, message: number): FrameHeader {
  return { kind: FrameKind.send, id: 0, service, message, amount: 0 };
}

function lost({ code, error }: ClosedReason, wasSent: boolean): ConnectionLost {
  return wasSent
    ? new ConnectionLost("connection-lost", `the connection ended before the answer: ${code}`, {
        cause: error,
        maybeExecuted: true,
      })
    : new ConnectionLost("closed", `the connection is closed: ${code}`, { cause: error });
}

function endedBy({ error }: ClosedReason): Ended {
  return error === undefined ? { reason: "connection-lost" } : { reason: "connection-lost", error };
}

/** Says which message could not be written. */
function about(error: unknown, service: RemoteService, name: string): Error {
  if (!(error instanceof WireError)) return error as Error;
  return new WireError(error.code, `${service.name}.${name}: ${error.message}`, { cause: error.cause });
}

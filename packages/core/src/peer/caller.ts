// The outgoing half of a peer: what this side asks and sends, what waits for credit, and what comes back. It knows nothing
// of handlers.

import type { Timers } from "../base/index.js";
import {
  callTimeoutMs,
  RemoteError,
  type CallOptions,
  type Ended,
  type ItemSource,
  type SendOptions,
  type StreamOptions,
  type WatchOptions,
} from "../actor/index.js";
import { FrameKind, WireError } from "../wire/index.js";
import { plain, type Channel } from "./channel.js";
import { cancelledBy, ConnectionLost, creditInvalid, PeerError, refusalBy, Refused } from "./error.js";
import type { ClosedReason } from "./events.js";
import { readFailure, readReason } from "./failure.js";
import { IncomingFlow, type PayloadReader } from "./incoming-flow.js";
import { encodeMetadata } from "./metadata.js";
import { OutgoingCall } from "./outgoing-call.js";
import { sourceOf } from "./outgoing-flow.js";
import { OutgoingLane, type Credit, type WaitingMessage } from "./outgoing-lane.js";
import { OutgoingSends } from "./outgoing-sends.js";
import { unreachable, type RemoteService } from "./remote.js";
import { Requests } from "./requests.js";

/** Frames carry deadlines in 32 bits of milliseconds. */
const TIMEOUT_MS_MAX = 0xffff_ffff;

/** The options of a call or a stream, with what its types say of inputs left out. */
export type RequestOptions = (CallOptions | StreamOptions) & {
  readonly inputs?: unknown;
  /** Reads answers and outputs, if they are not wanted decoded. */
  readonly reader?: PayloadReader;
};

export class Caller implements Credit {
  readonly timers: Timers;
  readonly lane: OutgoingLane;
  readonly #channel: Channel;
  readonly #requests: Requests;
  /** Also told of their credit. */
  readonly sends: OutgoingSends;
  readonly #timeoutDefaultMs: number;
  #ended: ClosedReason | undefined;
  /** Answers that came after their call had been settled otherwise. */
  lateReplies = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.timers = channel.timers;
    this.lane = new OutgoingLane(this);
    this.#requests = new Requests(channel, this.lane);
    this.sends = new OutgoingSends(channel, this.lane);
    this.#timeoutDefaultMs = Math.min(callTimeoutMs({ timeoutMs: channel.times.callTimeoutMs }), TIMEOUT_MS_MAX);
  }

  get hasRoom(): boolean {
    return this.#channel.outbox.hasRoom(this.#channel.limits.outboxBytesMax);
  }

  get hasCallCredit(): boolean {
    return this.#requests.hasCallCredit;
  }

  get hasSendCredit(): boolean {
    return this.sends.hasCredit;
  }

  get hasStreamCredit(): boolean {
    return this.#requests.hasStreamCredit;
  }

  /** Calls that the other side has not answered. */
  get callsInFlight(): number {
    return this.#requests.calls;
  }

  /** Streams that are not over. */
  get streamsInFlight(): number {
    return this.#requests.streams;
  }

  /** Sends that the other side has not given credit back for. */
  get sendsInFlight(): number {
    return this.sends.used;
  }

  /** Messages that the other side is not done with, as far as it has said. */
  get inFlight(): number {
    return this.#requests.calls + this.sends.used;
  }

  /** The greeting is complete: the other side's limits hold from now on. */
  open(): void {
    this.#requests.open();
    this.sends.open();
  }

  call(service: RemoteService, name: string, input: unknown, options: RequestOptions | undefined): Promise<unknown> {
    const target = service.messages.get(name);
    const refusal = this.#ended ?? (target?.kind === "call" ? undefined : unreachable(service, name));
    if (refusal !== undefined) return Promise.reject(this.#tooLate(refusal));
    const givenUp = refusalBy(options?.signal);
    if (givenUp !== undefined) return Promise.reject(givenUp);
    return new Promise((resolve, reject) => {
      const timeoutMs = this.#timeoutMs(options);
      if (timeoutMs === 0) throw new PeerError("timeout", `no time left for ${name}`);
      const call = new OutgoingCall(this, service, name, resolve, reject, FrameKind.call);
      this.#start(call, (target as { index: number }).index, input, options, timeoutMs);
    });
  }

  send(service: RemoteService, name: string, input: unknown, options: SendOptions | undefined): Promise<void> {
    const target = service.messages.get(name);
    const refusal = this.#ended ?? (target?.kind === "send" ? undefined : unreachable(service, name));
    if (refusal !== undefined) return Promise.reject(this.#tooLate(refusal));
    const givenUp = refusalBy(options?.signal);
    if (givenUp !== undefined) return Promise.reject(givenUp);
    try {
      return this.sends.send(service, (target as { index: number }).index, input, options);
    } catch (error) {
      return Promise.reject(about(error, service, name));
    }
  }

  trySend(service: RemoteService, name: string, input: unknown): boolean {
    const target = service.messages.get(name);
    if (this.#ended !== undefined || target?.kind !== "send") return false;
    try {
      return this.sends.trySend(service, target.index, input);
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
    if (!this.#requests.hasWatchCredit) {
      return Promise.reject(new PeerError("watches-full", "there are too many watches"));
    }
    return new Promise((resolve, reject) => {
      const settle = resolve as (value: unknown) => void;
      const watch = new OutgoingCall(this, service, "", settle, reject, FrameKind.watch);
      this.#requests.watch(watch);
      if (signal !== undefined) watch.cancelOn(signal);
    });
  }

  /** Lets go of a message whose turn has come. */
  release(waiting: WaitingMessage): void {
    const { call, service, slot } = waiting;
    if (service.slot !== slot) return this.#giveBack(waiting, unreachable(service, ""));
    try {
      if (call === undefined) this.sends.release(waiting);
      else this.#releaseCall(waiting, call);
    } catch (error) {
      // It fits no frame that the other side takes.
      this.#giveBack(waiting, error as PeerError);
    }
  }

  /** A reply frame: [id] result. */
  replied(id: number): void {
    const call = this.#answered(id);
    if (call === undefined) return;
    if (call.isWatch) return call.resolve({ reason: readReason(this.#channel.reader) });
    let value: unknown;
    try {
      value = (call.reader ?? this.#channel.reader).value();
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

  /** An item frame: [id] output. */
  itemReceived(id: number): void {
    const call = this.#requests.get(id);
    if (call?.outputs !== undefined) return call.outputs.received();
    const error = new PeerError("stream-unknown", `an item came for ${id}, no open stream`);
    this.#channel.emit({ type: "refused", direction: "incoming", error });
  }

  /** An allow-inputs frame: [id] [items] [bytes]. The request may be over: the two have crossed then. */
  inputsAllowed(id: number, items: number, bytes: number): void {
    const call = this.#requests.get(id);
    if (call?.inputs === undefined || call.inputs.allowed(items, bytes)) return;
    this.#requests.abandon(call, creditInvalid());
  }

  /** An inputs-stop frame: [id]. The handler wants no more. */
  inputsStopped(id: number): void {
    this.#requests.get(id)?.inputs?.stop();
  }

  /** The other side knows the deadline as well, and tells its handler by itself. */
  timedOut(call: OutgoingCall): void {
    const maybeExecuted = this.#requests.withdraw(call);
    if (maybeExecuted && this.#channel.format.isTerse) this.#channel.post(plain(FrameKind.cancel, call.id));
    this.#requests.end(
      call,
      new PeerError("timeout", `${call.service.name}.${call.message} was not answered in time`, { maybeExecuted }),
    );
  }

  cancelled(call: OutgoingCall, reason: unknown): void {
    const wasSent = this.#requests.withdraw(call);
    if (wasSent) this.#channel.post(plain(FrameKind.cancel, call.id));
    this.#requests.end(call, cancelledBy(reason, wasSent));
  }

  /** Nothing more is sent, and what waits is given back; what was sent may still be answered. */
  stop(reason: ClosedReason): void {
    this.#ended ??= reason;
    for (const waiting of this.lane.clear()) this.#giveBack(waiting, lost(reason, false));
    this.sends.giveUp(() => lost(reason, false));
  }

  /** The same, and what was sent is given up as well; the other side is told if it still listens. */
  giveUp(reason: ClosedReason, isTold: boolean): void {
    this.stop(reason);
    for (const call of this.#requests.clear()) {
      const isWhole = call.transfer === undefined;
      call.transfer?.drop();
      if (isTold && isWhole) this.#channel.post(plain(FrameKind.cancel, call.id));
      if (call.isSettled) continue;
      if (call.isWatch) call.resolve(endedBy(reason));
      else call.reject(lost(reason, isWhole));
    }
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

  /** Opens a stream; what is wrong with it is thrown, or ends it. */
  openStream(service: RemoteService, name: string, input: unknown, options: RequestOptions | undefined): IncomingFlow {
    const target = service.messages.get(name);
    const refusal = this.#ended ?? (target?.kind === "stream" ? undefined : unreachable(service, name));
    if (refusal !== undefined) throw this.#tooLate(refusal);
    const givenUp = refusalBy(options?.signal);
    if (givenUp !== undefined) throw givenUp;
    // A stream has all the time there is, unless it is told otherwise.
    const { timeoutMs: given = Infinity } = options ?? {};
    const timeoutMs = given === Infinity ? Infinity : Math.min(callTimeoutMs({ timeoutMs: given }), TIMEOUT_MS_MAX);
    if (timeoutMs === 0) throw new PeerError("timeout", `no time left for ${name}`);
    const call: OutgoingCall = new OutgoingCall(
      this,
      service,
      name,
      () => outputs.end(),
      (error) => outputs.fail(error),
      FrameKind.stream,
    );
    const outputs = new IncomingFlow(
      this.#channel,
      {
        granted: ({ items, bytes }) => {
          if (call.isSettled || call.id === 0) return;
          this.#channel.post({ kind: FrameKind.allow, id: call.id, service: 0, message: items, amount: bytes });
        },
        left: (why) => {
          if (!call.isSettled) this.#requests.abandon(call, why ?? cancelledBy(undefined, true));
        },
      },
      undefined,
      "output",
      options?.reader,
    );
    call.outputs = outputs;
    this.#start(call, (target as { index: number }).index, input, options, timeoutMs);
    return outputs;
  }

  /** Sends a request, or lets it wait; what cannot be sent is rejected. */
  #start(
    call: OutgoingCall,
    message: number,
    input: unknown,
    options: RequestOptions | undefined,
    timeoutMs: number,
  ): void {
    const { service } = call;
    try {
      let source: ItemSource | undefined;
      if (options !== undefined) {
        const { metadata, inputs, signal } = options;
        call.reader = options.reader;
        if (metadata !== undefined) call.metadata = encodeMetadata(metadata, this.#channel);
        if (inputs !== undefined) source = sourceOf(inputs);
        if (signal !== undefined) call.cancelOn(signal);
      }
      if (source !== undefined) call.inputs = this.#requests.inputsOf(call, source);
      const hasCredit = call.kind === FrameKind.stream ? this.hasStreamCredit : this.hasCallCredit;
      if (service.waiting > 0 || service.sendsInParts > 0 || !hasCredit || !this.hasRoom) {
        const { metadata } = call;
        call.waiting = this.lane.wait(this.#channel, { service, message, input, metadata, call, sent: undefined });
      } else this.#requests.say(call, service.slot, message, timeoutMs, input, undefined);
    } catch (error) {
      return call.reject(about(error, service, call.message));
    }
    if (timeoutMs !== Infinity) this.timers.set(call, timeoutMs);
  }

  #releaseCall({ slot, message, payload }: WaitingMessage, call: OutgoingCall): void {
    call.waiting = undefined;
    const remainingMs = call.expiresAt - this.#channel.clock.now();
    this.#requests.say(call, slot, message, remainingMs, undefined, payload);
  }

  /** The other side is done with a request; undefined if nobody waits for its answer. */
  #answered(id: number): OutgoingCall | undefined {
    const call = this.#requests.answered(id);
    // Every request of ours is kept until it is answered, even one that has settled, until we are ending.
    if (call === undefined && this.#ended === undefined) {
      this.#channel.fault(new PeerError("reply-unexpected", `there is no call ${id} to answer`));
    }
    if (call?.isSettled !== true) return call;
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

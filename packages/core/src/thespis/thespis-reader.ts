// The reading half of a connection to a program that speaks thespis_remote: its frames, and those that stand in for what
// it does not say, as frames of Troupe's protocol.

import type { RustType } from "../actor/index.js";
import { SendAllowance } from "../peer/index.js";
import { FrameKind, type FrameHeader, type FrameReader, type WireLimits } from "../wire/index.js";
import { parseFailure } from "./connection-error.js";
import { Parking, type Parked } from "./parking.js";
import { decodeRust } from "./rust-cbor.js";
import { ERROR_ID, RESPONSE_ID } from "./service-id.js";
import { StandIn, type StoodIn } from "./stand-in.js";
import type { CallRoom, ThespisCalls } from "./thespis-calls.js";
import { THESPIS_HEAD_BYTES, ThespisFrames } from "./thespis-frames.js";
import type { ProvidedRoute, ThespisRoutes } from "./thespis-routes.js";

/** What of a session's limits is looked at. */
export interface ThespisLimits extends WireLimits, CallRoom {
  readonly sendsMax: number;
  readonly sendBytesMax: number;
}

/** Where nothing is provided. */
const NOWHERE = 0xffff;
/** How long a caller waits is not said: as long as this side lets any call run. */
const AMOUNT_MAX = 0xffff_ffff;

export class ThespisReader implements FrameReader {
  readonly frame: FrameHeader = { kind: 0, id: 0, service: 0, message: 0, amount: 0 };
  readonly standIn: StandIn;
  readonly sends: SendAllowance = new SendAllowance();
  frameBytes = 0;
  /** Whether this side has greeted; before that the other side waits. */
  isOpen = false;
  readonly #limits: ThespisLimits;
  readonly #routes: ThespisRoutes;
  readonly #calls: ThespisCalls;
  readonly #frames: ThespisFrames;
  readonly #parking = new Parking();
  /** The types of payloads that were kept, to be decoded later. */
  readonly #kept = new WeakMap<Uint8Array, RustType>();
  #stoodIn: StoodIn | undefined;
  #payload: Uint8Array = NOTHING;
  #isOwned = false;
  #type: RustType | undefined;

  constructor(limits: ThespisLimits, routes: ThespisRoutes, calls: ThespisCalls) {
    this.#limits = limits;
    this.#routes = routes;
    this.#calls = calls;
    this.#frames = new ThespisFrames(limits.frameBytesMax);
    this.standIn = new StandIn(Math.min(limits.frameBytesMax, 0xff_ffff));
    this.sends.open(limits.sendsMax, limits.sendBytesMax);
  }

  get frameBytesMax(): number {
    return this.#frames.frameBytesMax;
  }

  set frameBytesMax(bytesMax: number) {
    this.#frames.frameBytesMax = bytesMax;
  }

  /** As much as can be while nothing may be read, so that the connection is paused. */
  get buffered(): number {
    return this.#parking.isFull ? Infinity : this.#frames.buffered;
  }

  get hasPayload(): boolean {
    return this.#stoodIn === undefined || this.#stoodIn.payload !== undefined;
  }

  get metadataBytes(): number {
    return 0;
  }

  push(bytes: Uint8Array): void {
    this.#frames.push(bytes);
  }

  next(): boolean {
    this.#stoodIn = this.standIn.take();
    if (this.#stoodIn !== undefined) {
      Object.assign(this.frame, this.#stoodIn.header);
      this.frameBytes = 0;
      return true;
    }
    if (!this.isOpen) return false;
    for (const isSend of [false, true]) {
      if (!this.#hasRoom(isSend)) continue;
      const parked = this.#parking.take(isSend);
      if (parked !== undefined) return this.#take(parked, true);
    }
    while (!this.#parking.isFull && this.#frames.next()) {
      const { serviceId } = this.#frames;
      if (serviceId === ERROR_ID) return this.#failed();
      if (serviceId === RESPONSE_ID) return this.#answered();
      const isSend = this.#isSend(this.#frames);
      if (this.#hasRoom(isSend) && !this.#parking.has(isSend)) return this.#take(this.#frames, false);
      const { connId, payload } = this.#frames;
      this.#parking.add(isSend, { serviceId, connId, payload: payload.slice() });
    }
    return false;
  }

  assembled(): never {
    throw new TypeError("there are no parts in this format");
  }

  assembledBeside(): never {
    throw new TypeError("there are no parts in this format");
  }

  value(): unknown {
    if (this.#stoodIn !== undefined) return this.#stoodIn.payload;
    return decodeRust(this.#payload, this.#type, this.#limits);
  }

  metadata(): unknown {
    return undefined;
  }

  payload(): Uint8Array {
    return this.#payload;
  }

  copyPayload(): Uint8Array {
    const kept = this.#isOwned ? this.#payload : this.#payload.slice();
    if (this.#type !== undefined) this.#kept.set(kept, this.#type);
    return kept;
  }

  decode(payload: Uint8Array): unknown {
    return decodeRust(payload, this.#kept.get(payload), this.#limits);
  }

  #hasRoom(isSend: boolean): boolean {
    return isSend ? this.sends.isOpen : this.#calls.hasRoom(this.#limits);
  }

  /** What was sent may be for a message that is called here: then it is, and nobody is told the answer. */
  #isSend({ serviceId, connId }: Parked): boolean {
    if (connId !== 0n) return false;
    const pair = this.#routes.provided(serviceId);
    return pair?.call === undefined || pair.send !== undefined;
  }

  /** A message for this side becomes the frame at hand. */
  #take(message: Parked, isOwned: boolean): boolean {
    const { serviceId, connId, payload } = message;
    const pair = this.#routes.provided(serviceId);
    const isSend = this.#isSend(message);
    this.#hold(payload, isOwned);
    if (isSend) {
      this.sends.spend(this.frameBytes);
      return this.#found(FrameKind.send, 0, pair?.send);
    }
    const id = this.#calls.received({
      serviceId,
      connId,
      output: pair?.call?.output,
      bytes: this.frameBytes,
      isSilent: connId === 0n,
      isSendAlone: pair !== undefined && pair.call === undefined,
    });
    return this.#found(FrameKind.call, id, pair?.call);
  }

  #found(kind: number, id: number, route: ProvidedRoute | undefined): true {
    this.#type = route?.input;
    return this.#say(kind, id, route?.slot ?? NOWHERE, route?.message ?? NOWHERE);
  }

  /** A response: for a call of ours, or for none, in which case it is ignored as what nobody knows. */
  #answered(): true {
    const { connId, payload } = this.#frames;
    const id = Number(connId & 0xffff_ffffn);
    this.#hold(payload, false);
    if (!this.#calls.isAwaited(connId)) return this.#say(UNKNOWN_KIND, 0, 0, 0);
    this.#type = this.#calls.outputOf(id);
    this.#calls.settled(id);
    return this.#say(FrameKind.reply, id, 0, 0);
  }

  /** An error: of a call of ours, or of something else, which is an event. */
  #failed(): true {
    const { connId, payload } = this.#frames;
    const { code, message, isRefusal } = parseFailure(payload, this.#limits);
    const isAwaited = this.#calls.isAwaited(connId);
    const id = isAwaited ? Number(connId) : 0;
    if (isAwaited) this.#calls.settled(id);
    this.#hold(NOTHING, true);
    const kind = isRefusal || !isAwaited ? FrameKind.refuse : FrameKind.error;
    this.#stoodIn = { header: this.frame, payload: [code, message] };
    return this.#say(kind, id, 0, 0);
  }

  #hold(payload: Uint8Array, isOwned: boolean): void {
    this.#payload = payload;
    this.#isOwned = isOwned;
    this.#type = undefined;
    this.frameBytes = THESPIS_HEAD_BYTES + payload.length;
  }

  #say(kind: number, id: number, service: number, message: number): true {
    Object.assign(this.frame, { kind, id, service, message, amount: AMOUNT_MAX });
    return true;
  }
}

const UNKNOWN_KIND = 0;
const NOTHING = new Uint8Array(0);

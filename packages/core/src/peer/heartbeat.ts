// Signs of life, both ways. This side sends a ping when it has said nothing for its own interval; the other side is
// dead when it has said nothing at all for three of its intervals. The same timer notices a frame that never becomes
// whole and a write that makes no progress.

import { Deadline, type Timers, type Clock } from "../base/index.js";
import { PeerError } from "./error.js";
import { HEARTBEATS_MISSED_MAX } from "./limits.js";

/** What a heartbeat looks at and does. */
export interface Alive {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly outbox: { readonly deliveredBytes: number; readonly pendingBytes: number };
  /** Whether a frame has arrived in part. */
  hasPartialFrame(): boolean;
  /** Returns how many bytes that takes. */
  ping(): number;
  dead(error: PeerError): void;
}

/** Watches over one connection from its greeting to its end. */
export class Heartbeat extends Deadline {
  readonly #alive: Alive;
  readonly #ownMs: number;
  readonly #stallMs: number;
  #deadAfterMs: number;
  #lastReceivedAt: number;
  #nextBeatAt: number;
  #bytesAtLastBeat = 0;
  /** Since when nothing has left, or a frame has not become whole; undefined while all is well. */
  #blockedSince: number | undefined;
  #partialSince: number | undefined;

  constructor(alive: Alive, ownMs: number, stallMs: number) {
    super();
    this.#alive = alive;
    this.#ownMs = ownMs;
    this.#stallMs = stallMs;
    this.#deadAfterMs = ownMs * HEARTBEATS_MISSED_MAX;
    this.#lastReceivedAt = alive.clock.now();
    this.#nextBeatAt = this.#lastReceivedAt + ownMs;
    this.#rest(this.#lastReceivedAt);
  }

  /** The other side's hello says how often it shows life. */
  greeted(remoteMs: number): void {
    this.#deadAfterMs = remoteMs * HEARTBEATS_MISSED_MAX;
    this.#rest(this.#alive.clock.now());
  }

  /** Bytes have arrived, and with them the end of a frame or not. */
  received(now: number, hasFrames: boolean): void {
    this.#lastReceivedAt = now;
    if (hasFrames) this.#partialSince = undefined;
  }

  override expired(): void {
    const now = this.#alive.clock.now();
    const error = this.#silence(now, now - this.expiresAt) ?? this.#stall(now);
    if (error !== undefined) return this.#alive.dead(error);
    if (now >= this.#nextBeatAt) this.#beat(now);
    this.#rest(now);
  }

  #rest(now: number): void {
    const next = Math.min(this.#nextBeatAt, this.#lastReceivedAt + this.#deadAfterMs);
    this.#alive.timers.set(this, Math.max(1, next - now));
  }

  #silence(now: number, lateMs: number): PeerError | undefined {
    const silentMs = now - this.#lastReceivedAt;
    if (silentMs < this.#deadAfterMs) return undefined;
    const heartbeatMs = this.#deadAfterMs / HEARTBEATS_MISSED_MAX;
    if (lateMs > heartbeatMs / 2) {
      // It was this side that slept: what has arrived meanwhile is read before anybody is accused.
      this.#lastReceivedAt = now - this.#deadAfterMs + heartbeatMs;
      return undefined;
    }
    return new PeerError("peer-silent", `no sign of life for ${Math.round(silentMs)} ms`);
  }

  #stall(now: number): PeerError | undefined {
    const { deliveredBytes, pendingBytes } = this.#alive.outbox;
    const isBlocked = pendingBytes > 0 && deliveredBytes === this.#bytesAtLastBeat;
    this.#blockedSince = isBlocked ? (this.#blockedSince ?? now) : undefined;
    this.#partialSince = this.#alive.hasPartialFrame() ? (this.#partialSince ?? now) : undefined;
    if (this.#blockedSince !== undefined && now - this.#blockedSince >= this.#stallMs) {
      return new PeerError("peer-stalled", `nothing was read for ${this.#stallMs} ms`);
    }
    if (this.#partialSince !== undefined && now - this.#partialSince >= this.#stallMs) {
      return new PeerError("frame-late", `a frame has not become whole for ${this.#stallMs} ms`);
    }
    return undefined;
  }

  /** Pings, if nothing has left since the last beat. */
  #beat(now: number): void {
    const { deliveredBytes, pendingBytes } = this.#alive.outbox;
    const isSilent = deliveredBytes === this.#bytesAtLastBeat && pendingBytes === 0;
    // The ping itself is not something that was said: otherwise only every other beat would ping.
    this.#bytesAtLastBeat = deliveredBytes + (isSilent ? this.#alive.ping() : 0);
    this.#nextBeatAt = now + this.#ownMs;
  }
}

// How a session ends: in order by either side, by a fault, or by the loss of its connection. Whatever happens, calls of
// this side settle, handlers of this side are told, `closed` is said once, and the first reason stays.

import { oneShot, TroupeError, type CancelTimer, type OneShot } from "../base/index.js";
import type { Connection } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import type { Caller } from "./caller.js";
import { plain, type Channel } from "./channel.js";
import { ConnectionLost, PeerError } from "./error.js";
import type { ClosedReason } from "./events.js";
import { goodbyePayload, parseGoodbye } from "./goodbye.js";
import { Lifecycle, type LifecycleState } from "./lifecycle.js";
import type { Providing } from "./providing.js";

/**
 * How long the other side may take to end its half of a connection that this side has ended. After an orderly end it
 * may still be reading what was written: then it has the grace period, and as long as anything goes on leaving.
 */
const FINISH_MS = 1000;

/** The parts of a session that an end concerns. */
export interface EndingParts {
  readonly channel: Channel;
  readonly connection: Connection;
  readonly caller: Caller;
  /** The one of the moment. */
  readonly provider: () => Providing;
  /** The connection is no more; said before anybody outside is told. */
  readonly onClosed: () => void;
}

export class Ending {
  readonly opening: OneShot<void> = oneShot();
  readonly closing: OneShot<ClosedReason> = oneShot();
  /** False as soon as nothing that the other side says matters any more. */
  isReading = true;
  readonly #parts: EndingParts;
  readonly #lifecycle: Lifecycle;
  #isClosed = false;
  #wasOpen = false;
  /** Until when the other side may take its time to end, and what had left when it was last looked at. */
  #finishBy = 0;
  #deliveredBytes = 0;
  #cancelFinish: CancelTimer | undefined;
  /** Why the connection ends, as soon as that is known. */
  #reason: ClosedReason | undefined;

  constructor(parts: EndingParts) {
    this.#parts = parts;
    // Nobody has to wait for a peer to open.
    this.opening.promise.catch(() => {});
    const { channel, provider } = parts;
    const { handshakeMs, graceMs } = channel.times;
    this.#lifecycle = new Lifecycle(
      {
        opened: () => {
          this.#wasOpen = true;
          channel.emit({ type: "opened", remote: channel.peer.remote });
          this.opening.resolve();
        },
        greetingLate: () => this.fault(new PeerError("greeting-late", `no greeting within ${handshakeMs} ms`)),
        drain: () => this.#drain(),
        leave: () => channel.emit({ type: "closing", by: "remote" }),
        leavingLate: () => provider().abortAll(graceOver(), false),
        graceOver: () => provider().abortAll(graceOver(), false),
        finish: () => this.#finish(),
        finishLate: () => this.#finishLate(),
        closed: () => this.#close(),
      },
      // The other side has as long as this side would take itself, and what comes of it at the last moment a second more.
      { handshakeMs, leavingMs: graceMs + FINISH_MS, finishMs: FINISH_MS },
      channel.clock,
    );
  }

  get state(): LifecycleState {
    return this.#lifecycle.state;
  }

  greeted(): void {
    this.#lifecycle.send({ type: "greeted" });
  }

  /** The owner wants an orderly end. */
  close(graceMs: number): Promise<ClosedReason> {
    this.#lifecycle.send({ type: "close", graceMs });
    return this.closing.promise;
  }

  /** The owner wants an end at once. */
  abort(reason: unknown): void {
    if (this.#isClosed) return;
    const text = typeof reason === "string" ? reason : "aborted by its owner";
    const error = reason instanceof Error ? reason : new PeerError("aborted", text, { cause: reason });
    this.#end({ by: "local", code: "aborted", error });
    this.#parts.connection.abort(error);
  }

  /** The other side broke the protocol. In this order: an event, a frame that says why, the end, `closed`. */
  fault(thrown: unknown): void {
    if (this.#isClosed || this.#reason?.by === "fault") return;
    const error =
      thrown instanceof TroupeError ? thrown : new PeerError("internal", "an internal error", { cause: thrown });
    this.#end({ by: "fault", code: error.code, error });
    this.#parts.channel.emit({ type: "fault", error });
    this.#say(error.code, error.message);
    this.#lifecycle.send({ type: "fault" });
  }

  /** The other side shows no life: there is nobody to say anything to. */
  dead(error: PeerError): void {
    this.#end({ by: "fault", code: error.code, error });
    this.#parts.channel.emit({ type: "fault", error });
    this.#parts.connection.abort(error);
  }

  /** A goodbye frame: [code, message]. `closed` is an orderly end, in which what runs is still answered. */
  goodbye(payload: unknown): void {
    const { code, message } = parseGoodbye(payload);
    if (code === "closed") {
      this.#reason ??= { by: "remote", code };
      this.#parts.caller.stop(this.#reason);
      this.#lifecycle.send({ type: "goodbye" });
      return;
    }
    this.#end({ by: "remote", code, error: new PeerError(code, message) });
    this.#lifecycle.send({ type: "ended" });
  }

  /** The other side will say nothing more. */
  ended(): void {
    const code = "connection-lost";
    const error = new ConnectionLost(code, "the other side left without a word");
    this.#end(this.#parts.channel.format.isTerse ? { by: "remote", code: "closed" } : { by: "fault", code, error });
    this.#lifecycle.send({ type: "ended" });
  }

  /** The connection is no more. */
  lost(error: Error | undefined): void {
    this.#end({ by: "fault", code: "connection-lost", ...(error && { error }) });
    this.#lifecycle.send({ type: "lost" });
  }

  /** Nothing of the other side's is being handled any more. */
  idle(): void {
    if (this.#isClosed) return this.#parts.channel.timers.close();
    // In a job of its own: the statechart may be in the middle of a transition.
    if (this.#reason !== undefined) queueMicrotask(() => this.#lifecycle.send({ type: "idle" }));
  }

  /** Nothing is read any more, and nothing that waits for the other side will be answered. */
  #end(reason: ClosedReason): void {
    this.#reason ??= reason;
    this.isReading = false;
    this.#parts.caller.giveUp(this.#reason, false);
    this.#neverOpens(this.#reason);
  }

  /** Whoever waits for the greeting is told at once, not when the other side has ended its half as well. */
  #neverOpens({ error }: ClosedReason): void {
    this.opening.reject(error ?? new ConnectionLost("closed", "closed before it was open"));
  }

  #drain(): void {
    const { channel, caller, provider } = this.#parts;
    this.#reason ??= { by: "local", code: "closed" };
    channel.emit({ type: "closing", by: "local" });
    this.#say("closed", "");
    caller.giveUp(this.#reason, true);
    this.#neverOpens(this.#reason);
    provider().close();
    if (provider().isIdle) this.idle();
  }

  #finish(): void {
    const { channel, connection } = this.#parts;
    this.#end({ by: "local", code: "closed" });
    channel.outbox.flushAll();
    this.#finishBy = this.#wasOpen && this.#reason?.by !== "fault" ? channel.clock.now() + channel.times.graceMs : 0;
    connection.close();
  }

  #finishLate(): void {
    const { channel, connection } = this.#parts;
    const { deliveredBytes } = channel.outbox;
    const isReading = this.#finishBy > 0 && deliveredBytes > this.#deliveredBytes;
    this.#deliveredBytes = deliveredBytes;
    if (!isReading && channel.clock.now() >= this.#finishBy) return connection.abort();
    this.#cancelFinish = channel.timers.after(FINISH_MS, () => this.#finishLate());
  }

  #close(): void {
    const { channel, caller, provider, onClosed } = this.#parts;
    const reason = this.#reason as ClosedReason;
    this.#isClosed = true;
    this.#cancelFinish?.();
    onClosed();
    provider().abortAll(new ConnectionLost("connection-lost", `the connection ended: ${reason.code}`), true);
    caller.giveUp(reason, false);
    channel.outbox.close();
    // Tasks that ignore their signal still have their time; without any, no timer of the clock is left armed.
    if (provider().isIdle) channel.timers.close();
    channel.emit({ type: "closed", reason });
    this.closing.resolve(reason);
  }

  #say(code: string, message: string): void {
    const { channel } = this.#parts;
    const say = (): void => void channel.post(plain(FrameKind.goodbye, 0), goodbyePayload(code, message));
    try {
      say();
    } catch {
      // A getter in a value that is being encoded has closed the peer: nothing can be said before that is over.
      queueMicrotask(say);
    }
  }
}

function graceOver(): PeerError {
  return new PeerError("closing", "the grace period is over", { maybeExecuted: true });
}

// The inside of a peer: an actor whose mailbox has two lanes. One holds what this side says and waits for credit; the
// other what the other side said, frames that are not handled yet. Outgoing goes ahead of incoming, and a turn ends
// with one write.
//
// A session never waits for its socket: what is written lies in the outbox until the connection takes it. And it never
// stops reading for want of a permit: calls without one are parked, so that answers, credit and cancels get through.

import { Emitter, oneShot, systemClock, systemRandom, Timers, type Clock, type Inspection } from "../base/index.js";
import { Mailbox, type Address, type AnyService, type MailboxOwner } from "../actor/index.js";
import type { Connection } from "../transport/index.js";
import { FrameKind, troupeCbor, type FrameHeader, type FrameReader, type WireFormat } from "../wire/index.js";
import { parseAnnouncement } from "./announcement.js";
import { Caller } from "./caller.js";
import { plain, type Channel } from "./channel.js";
import { ConnectionLost, PeerError } from "./error.js";
import type { ClosedReason, PeerEvent } from "./events.js";
import { goodbyePayload, parseGoodbye } from "./goodbye.js";
import { Heartbeat } from "./heartbeat.js";
import { HELLO_BYTES_MAX, helloPayload, NO_CREDIT, ownHello, parseHello, PROTOCOL_MINOR, type Hello } from "./hello.js";
import { Lifecycle, type LifecycleState } from "./lifecycle.js";
import { limitsOf, timesOf, type PeerLimits, type PeerTimes } from "./limits.js";
import { Outbox } from "./outbox.js";
import type { OutgoingLane, WaitingMessage } from "./outgoing-lane.js";
import { peerAddress } from "./peer-address.js";
import type { Peer, PeerOptions, PeerStats } from "./peer.js";
import { Provider } from "./provider.js";
import { randomId, remoteOf, RemoteServices, type Remote } from "./remote.js";
import type { ServiceMap } from "./service-map.js";

/** How long the other side may take to end its half of a connection that this side has ended. */
const FINISH_MS = 1000;
/** Undecoded bytes beyond which the connection is paused until they are handled. */
const INCOMING_BYTES_MAX = 1024 * 1024;

export class Session implements Channel, MailboxOwner<WaitingMessage, FrameHeader> {
  readonly peer: Peer;
  readonly id: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: PeerLimits;
  readonly times: PeerTimes;
  readonly format: WireFormat;
  readonly reader: FrameReader;
  readonly outbox: Outbox;
  readonly inspection: Inspection | undefined;
  readonly emitter = new Emitter<PeerEvent>();
  readonly opening = oneShot<void>();
  readonly closing = oneShot<ClosedReason>();
  readonly outgoing: OutgoingLane;
  remoteLimits = NO_CREDIT;

  readonly #connection: Connection;
  readonly #caller: Caller;
  readonly #provider: Provider;
  readonly #services: RemoteServices;
  readonly #mailbox: Mailbox<WaitingMessage, FrameHeader>;
  readonly #lifecycle: Lifecycle;
  readonly #heartbeat: Heartbeat;
  #hello: Hello | undefined;
  #servicesAwaited = 0;
  #isGreeting = true;
  #isReading = true;
  #isPaused = false;
  #isClosed = false;
  /** Why the connection ends, as soon as that is known. */
  #reason: ClosedReason | undefined;
  #pongOwed: number | undefined;
  #frames = 0;
  #framesIgnored = 0;

  constructor(peer: Peer, connection: Connection, options: PeerOptions) {
    this.peer = peer;
    this.#connection = connection;
    this.clock = options.clock ?? systemClock;
    this.timers = new Timers(this.clock);
    this.limits = limitsOf(options.limits);
    this.times = timesOf(options);
    this.format = options.wireFormat ?? troupeCbor;
    this.reader = this.format.reader(this.limits);
    this.reader.frameBytesMax = HELLO_BYTES_MAX;
    this.outbox = new Outbox(connection);
    this.inspection = options.inspection;
    this.id = options.id ?? randomId(options.random ?? systemRandom);
    this.#services = new RemoteServices(this.limits.servicesMax);
    this.#caller = new Caller(this);
    this.outgoing = this.#caller.lane;
    this.#provider = new Provider(this, options.backpressure);
    this.#mailbox = new Mailbox(this, this.clock, { isDeferred: true });
    this.#lifecycle = this.#begin();
    this.#heartbeat = new Heartbeat(
      {
        clock: this.clock,
        timers: this.timers,
        outbox: this.outbox,
        hasPartialFrame: () => this.reader.buffered > 0 && !this.#isPaused,
        ping: () => void this.post(plain(FrameKind.ping, 0)),
        dead: (error) => this.#die(error),
      },
      this.times.heartbeatMs,
      this.times.stallMs,
    );
    // Nobody has to wait for a peer to open.
    this.opening.promise.catch(() => {});
    this.#greet(options);
    connection.open({
      received: (bytes) => this.#received(bytes),
      drained: () => this.#drained(),
      ended: () => this.#ended(),
      closed: (error) => this.#lost(error),
    });
  }

  get state(): LifecycleState {
    return this.#lifecycle.state;
  }

  get remote(): Remote {
    return remoteOf(this.#hello, this.#connection.remoteEndpoint, this.#services);
  }

  get stats(): PeerStats {
    return {
      callsInFlight: this.#caller.callsInFlight,
      waiting: this.outgoing.length,
      running: this.#provider.running,
      lateReplies: this.#caller.lateReplies,
      framesIgnored: this.#framesIgnored,
      bytesPending: this.outbox.pendingBytes,
      timers: this.timers.size,
    };
  }

  address<S extends AnyService>(service: S): Address<S> {
    return peerAddress(service, this.#caller, this.#services.of(service));
  }

  provide(services: ServiceMap): void {
    this.#provider.provide(services);
  }

  withdraw(service: AnyService): boolean {
    return this.#provider.withdraw(service);
  }

  close(graceMs: number = this.times.graceMs): Promise<ClosedReason> {
    this.#lifecycle.send({ type: "close", graceMs });
    return this.closing.promise;
  }

  abort(reason: unknown): void {
    if (this.#isClosed) return;
    const error = reason instanceof Error ? reason : new PeerError("aborted", textOf(reason), { cause: reason });
    this.#reason ??= { by: "local", code: "aborted", error };
    this.#caller.end(this.#reason, true);
    this.#connection.abort(error);
  }

  // What the mailbox works for.

  readonly incoming = {
    take: (): FrameHeader | undefined => {
      if (!this.#isReading) return undefined;
      try {
        return this.reader.next() ? this.reader.frame : undefined;
      } catch (error) {
        this.fault(error as Error);
        return undefined;
      }
    },
  };

  handleOutgoing(waiting: WaitingMessage): void {
    this.#caller.release(waiting);
  }

  handleIncoming(frame: FrameHeader): void {
    this.#frames++;
    if (this.inspection?.active === true) this.#inspect("frame-received", frame, this.reader.frameBytes);
    try {
      if (this.#isGreeting) this.#greeted(frame);
      else this.#handle(frame);
    } catch (error) {
      this.fault(error as Error);
    }
  }

  endTurn(): void {
    if (this.#pongOwed !== undefined) {
      const token = this.#pongOwed;
      this.#pongOwed = undefined;
      this.post(plain(FrameKind.pong, token));
    }
    this.outbox.flush();
    if (this.outbox.pendingBytes === 0) this.#provider.flushed();
    const isBehind = this.#isReading && this.reader.buffered > INCOMING_BYTES_MAX;
    if (isBehind === this.#isPaused) return;
    this.#isPaused = isBehind;
    if (isBehind) this.#connection.pause();
    else this.#connection.resume();
  }

  // What the halves use.

  post(header: FrameHeader, payload?: unknown): number {
    const bytes = this.format.write(this.outbox, header, payload, this.remoteLimits.frameBytesMax);
    this.#written(header, bytes);
    return bytes;
  }

  forward(header: FrameHeader, payload: Uint8Array): number {
    const bytes = this.format.forward(this.outbox, header, payload, this.remoteLimits.frameBytesMax);
    this.#written(header, bytes);
    return bytes;
  }

  wake(): void {
    this.#mailbox.wake();
  }

  taskEnded(): void {
    if (this.#reason === undefined || !this.#provider.isIdle) return;
    if (this.#isClosed) this.timers.close();
    else this.#idle();
  }

  emit(event: PeerEvent): void {
    if (this.emitter.has(event.type)) this.emitter.emit(event);
  }

  fault(error: Error): void {
    if (this.#isClosed || this.#reason?.by === "fault") return;
    const code = codeOf(error);
    this.#end({ by: "fault", code, error });
    this.emit({ type: "fault", error });
    this.#say(code, error.message);
    this.#lifecycle.send({ type: "fault" });
  }

  #written(header: FrameHeader, bytes: number): void {
    if (this.inspection?.active === true) this.#inspect("frame-sent", header, bytes);
    this.outbox.frameWritten(this.#caller.inFlight);
    this.#mailbox.wake();
  }

  #inspect(kind: string, { kind: frame, id, service, message }: FrameHeader, bytes: number): void {
    this.inspection?.emit({ kind, source: this.id, at: this.clock.now(), detail: { frame, id, service, message, bytes } });
  }

  // The greeting.

  #greet(options: PeerOptions): void {
    if (options.services !== undefined) this.#provider.provide(options.services);
    const hello = ownHello(this.id, options.name ?? "", this.times.heartbeatMs, this.limits, this.#provider.provided);
    this.post(plain(FrameKind.hello, 0), helloPayload(hello));
    this.#provider.announceAll();
  }

  /** The first frames of the other side: its hello, and as many services as that says. */
  #greeted(frame: FrameHeader): void {
    if (frame.kind === FrameKind.goodbye) return this.#goodbye();
    if (this.#hello === undefined) {
      if (frame.kind !== FrameKind.hello) throw new PeerError("hello-expected", `the first frame is of kind ${frame.kind}`);
      this.#hello = parseHello(this.reader.value(), this.limits.servicesMax);
      this.remoteLimits = this.#hello.limits;
      this.reader.frameBytesMax = this.limits.frameBytesMax;
      this.#servicesAwaited = this.#hello.services;
      this.#heartbeat.greeted(this.#hello.heartbeatMs);
    } else {
      if (frame.kind !== FrameKind.provide) throw new PeerError("hello-expected", `a frame of kind ${frame.kind} interrupts the greeting`);
      this.#services.provide(frame.id, parseAnnouncement(this.reader.value()));
      this.#servicesAwaited--;
    }
    if (this.#servicesAwaited > 0) return;
    this.#isGreeting = false;
    this.#caller.open();
    this.#lifecycle.send({ type: "greeted" });
  }

  // After the greeting. docs/reference/protocol.md has the frames in full.

  #handle(frame: FrameHeader): void {
    switch (frame.kind) {
      case FrameKind.call: // [ConnID] [slot] [message] [ms left] input
        return this.#provider.called();
      case FrameKind.reply: // [ConnID] result
        return this.#caller.replied(frame.id);
      case FrameKind.send: // [slot] [message] input
        return this.#provider.sent();
      case FrameKind.error: // [ConnID] [code, message, data?]
        return this.#caller.failed(frame.id);
      case FrameKind.refuse: // [ConnID, or 0 for a send] [code, message]
        return this.#caller.refused(frame.id);
      case FrameKind.cancel: // [ConnID]
        return this.#provider.cancelled(frame.id);
      case FrameKind.credit: // [messages] [bytes]
        return this.#caller.credited(frame.id, frame.amount);
      case FrameKind.ping: // [token]
        this.#pongOwed = frame.id;
        return;
      case FrameKind.pong: // [token]
        return;
      case FrameKind.watch: // [ConnID] [slot]
        return this.#provider.watched(frame.id, frame.service);
      case FrameKind.provide: // [slot] [name, fingerprint, messages]
        return this.#provided(frame.id);
      case FrameKind.withdraw: // [slot]
        return this.#withdrawn(frame.id);
      case FrameKind.goodbye: // [code, message]
        return this.#goodbye();
      default:
        return this.#unknown(frame.kind);
    }
  }

  #provided(slot: number): void {
    const service = this.#services.provide(slot, parseAnnouncement(this.reader.value()));
    this.emit({ type: "provided", service: service.name });
  }

  #withdrawn(slot: number): void {
    const service = this.#services.withdraw(slot);
    if (service === undefined) throw new PeerError("announcement-invalid", `nothing was provided under slot ${slot}`);
    this.#caller.withdrawn(service);
    this.emit({ type: "withdrawn", service: service.name });
  }

  /** A kind that this version does not know is ignored from a newer one, and nonsense from an equal one. */
  #unknown(kind: number): void {
    if ((this.#hello?.minor ?? 0) <= PROTOCOL_MINOR) throw new PeerError("frame-unknown", `there are no frames of kind ${kind}`);
    this.#framesIgnored++;
  }

  #goodbye(): void {
    const { code, message } = parseGoodbye(this.reader.value());
    if (code === "closed") {
      this.#reason ??= { by: "remote", code };
      this.#caller.end(this.#reason, false);
      this.#lifecycle.send({ type: "goodbye" });
      return;
    }
    this.#end({ by: "remote", code, error: new PeerError(code, message) });
    this.#lifecycle.send({ type: "ended" });
  }

  // The connection.

  #received(bytes: Uint8Array): void {
    if (!this.#isReading) return;
    const framesBefore = this.#frames;
    this.reader.push(bytes);
    this.#mailbox.run();
    this.#heartbeat.received(this.clock.now(), this.#frames > framesBefore);
  }

  #drained(): void {
    this.outbox.drained();
    this.#provider.drained();
    this.#mailbox.run();
  }

  #ended(): void {
    this.#end({ by: "fault", code: "connection-lost", error: new ConnectionLost("connection-lost", "the other side ended the connection without a word") });
    this.#lifecycle.send({ type: "ended" });
  }

  #lost(error: Error | undefined): void {
    this.#end({ by: "fault", code: "connection-lost", ...(error && { error }) });
    this.#lifecycle.send({ type: "lost" });
  }

  #die(error: PeerError): void {
    this.#end({ by: "fault", code: error.code, error });
    this.emit({ type: "fault", error });
    this.#connection.abort(error);
  }

  /** Nothing is read any more, and nothing that waits for the other side will be answered. The first reason stays. */
  #end(reason: ClosedReason): void {
    this.#reason ??= reason;
    this.#isReading = false;
    this.#caller.end(this.#reason, true);
  }

  // The statechart.

  #begin(): Lifecycle {
    return new Lifecycle(
      {
        opened: () => {
          this.emit({ type: "opened", remote: this.remote });
          this.opening.resolve();
        },
        greetingLate: () => this.fault(new PeerError("greeting-late", `no greeting within ${this.times.handshakeMs} ms`)),
        drain: () => this.#drain(),
        leave: () => this.emit({ type: "closing", by: "remote" }),
        graceOver: () => this.#provider.abortAll(new PeerError("closing", "the grace period is over", { maybeExecuted: true }), false),
        finish: () => this.#finish(),
        finishLate: () => this.#connection.abort(),
        closed: () => this.#close(),
      },
      { handshakeMs: this.times.handshakeMs, finishMs: FINISH_MS },
      this.clock,
    );
  }

  #drain(): void {
    this.#reason ??= { by: "local", code: "closed" };
    this.emit({ type: "closing", by: "local" });
    this.#say("closed", "");
    this.#caller.cancelAll(this.#reason);
    this.#caller.end(this.#reason, true);
    this.#provider.close();
    if (this.#provider.isIdle) this.#idle();
  }

  /** Tells the statechart in a turn of its own: it may be in the middle of a transition. */
  #idle(): void {
    queueMicrotask(() => this.#lifecycle.send({ type: "idle" }));
  }

  #finish(): void {
    this.#reason ??= { by: "local", code: "closed" };
    this.#end(this.#reason);
    this.outbox.flushAll();
    this.#connection.close();
  }

  #say(code: string, message: string): void {
    this.post(plain(FrameKind.goodbye, 0), goodbyePayload(code, message));
  }

  #close(): void {
    const reason = this.#reason as ClosedReason;
    this.#isClosed = true;
    this.#mailbox.close();
    this.timers.clear(this.#heartbeat);
    this.#provider.abortAll(new ConnectionLost("connection-lost", `the connection ended: ${reason.code}`), true);
    this.#caller.end(reason, true);
    // Tasks that ignore their signal still have their time; without any, no timer of the clock is left armed.
    if (this.#provider.isIdle) this.timers.close();
    this.opening.reject(reason.error ?? new ConnectionLost("closed", "the connection was closed before it was open"));
    this.emit({ type: "closed", reason });
    this.emitter.end();
    this.closing.resolve(reason);
  }
}

function codeOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : "internal";
}

function textOf(reason: unknown): string {
  return typeof reason === "string" ? reason : "aborted by its owner";
}

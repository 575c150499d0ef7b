// The inside of a peer: an actor whose mailbox has two lanes. One holds what this side says and waits for credit; the
// other what the other side said, frames that are not handled yet. Outgoing goes ahead of incoming, and a turn ends
// with one write.
//
// A session never waits for its socket: what is written lies in the outbox until the connection takes it. And it never
// stops reading for want of a permit: calls without one are parked, so that answers, credit and cancels get through.

import { Emitter, systemClock, systemRandom, Timers, type Clock, type Inspection } from "../base/index.js";
import { Mailbox, type Address, type AnyService, type MailboxOwner, type Semaphore } from "../actor/index.js";
import type { Connection } from "../transport/index.js";
import {
  FrameKind,
  troupeCbor,
  wholeUpTo,
  type FrameHeader,
  type FrameReader,
  type LongFrame,
  type WireFormat,
} from "../wire/index.js";
import { authorized, type Authorize } from "./authorize.js";
import { BulkLane, type Bulk } from "./bulk-lane.js";
import { Caller } from "./caller.js";
import { plain, type Channel } from "./channel.js";
import { Dispatch } from "./dispatch.js";
import { Ending } from "./ending.js";
import { PeerError } from "./error.js";
import type { ClosedReason, PeerEvent } from "./events.js";
import { FreeFrames } from "./free-frames.js";
import { Greeting } from "./greeting.js";
import { Heartbeat } from "./heartbeat.js";
import {
  GREETING_BYTES_MAX,
  HELLO_BYTES_MAX,
  helloPayload,
  ownHello,
  remoteLimitsOf,
  strangersLimits,
  type Hello,
  type RemoteLimits,
} from "./hello.js";
import type { LifecycleState } from "./lifecycle.js";
import { limitsOf, timesOf, type PeerLimits, type PeerTimes } from "./limits.js";
import { Outbox } from "./outbox.js";
import type { WaitingMessage } from "./outgoing-lane.js";
import { peerAddress } from "./peer-address.js";
import type { Peer, PeerOptions } from "./peer.js";
import type { Providing, ProvidingParts } from "./providing.js";
import { randomId, remoteOf, RemoteServices, type Remote } from "./remote.js";
import { RoundTrip } from "./round-trip.js";
import { SendWindow } from "./send-window.js";
import type { ServiceMap } from "./service-map.js";
import { statsOf, type PeerStats } from "./stats.js";
import { Unprovided } from "./unprovided.js";
import { Transfers, type OutgoingTransfer } from "./transfers.js";

/** Undecoded bytes beyond which the connection is paused until they are handled; more if one frame may be longer. */
const INCOMING_BYTES_MAX = 1024 * 1024;

export class Session implements Channel, MailboxOwner<WaitingMessage | Bulk, FrameHeader> {
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
  readonly roundTrip: RoundTrip;
  readonly bulk: BulkLane;
  readonly transfers: Transfers;
  readonly give: Channel["give"];
  readonly emitter: Emitter<PeerEvent> = new Emitter();
  readonly ending: Ending;
  remoteLimits: RemoteLimits = strangersLimits();

  readonly #connection: Connection;
  readonly caller: Caller;
  readonly #providingParts: ProvidingParts;
  readonly #backpressure: Semaphore | undefined;
  #provider: Providing;
  readonly services: RemoteServices;
  readonly #greeting: Greeting;
  readonly #dispatch: Dispatch;
  readonly #mailbox: Mailbox<WaitingMessage | Bulk, FrameHeader>;
  readonly #heartbeat: Heartbeat;
  readonly #hello: PeerOptions;
  #hasSaidHello = false;
  #isGreeting = true;
  /** The other side has said all there is to say, and is not answered yet. */
  #isAuthorizing = false;
  readonly #incomingBytesMax: number;
  #isPaused = false;
  /** Whether there may be whole frames that are not handled yet, and what is to be done after them. */
  #hasIncoming = false;
  readonly #ends: (() => void)[] = [];
  #frames = 0;
  #framesSeen = 0;
  /** How many came together the last time: the other side has about as many calls in flight. */
  #framesLastTurn = 0;

  constructor(peer: Peer, connection: Connection, options: PeerOptions) {
    this.peer = peer;
    this.#connection = connection;
    this.clock = options.clock ?? systemClock;
    this.timers = new Timers(this.clock);
    this.limits = limitsOf(options.limits);
    this.#incomingBytesMax = Math.max(INCOMING_BYTES_MAX, this.limits.frameBytesMax);
    this.times = timesOf(options);
    const { wireFormat = troupeCbor } = options;
    this.format = wireFormat.forConnection?.() ?? wireFormat;
    this.reader = this.format.reader(this.limits);
    this.reader.frameBytesMax = HELLO_BYTES_MAX;
    this.outbox = new Outbox(connection);
    this.roundTrip = new RoundTrip(this.clock, (token) => void this.post(plain(FrameKind.ping, token)));
    this.bulk = new BulkLane(this.outbox, () => this.wake());
    this.transfers = new Transfers(this);
    this.give = connection.give?.bind(connection);
    this.inspection = options.inspection;
    this.id = options.id ?? randomId(options.random ?? systemRandom);
    this.services = new RemoteServices(this.limits);
    this.#greeting = new Greeting(this.services, this.limits.servicesMax);
    this.caller = new Caller(this);
    this.#backpressure = options.backpressure;
    this.#providingParts = {
      freeFrames: new FreeFrames(this),
      sendWindow: new SendWindow(this.limits.sendsMax, this.limits.sendBytesMax),
    };
    this.#provider = new Unprovided(this, this.#providingParts);
    const provider = (): Providing => this.#provider;
    this.#mailbox = new Mailbox(this, this.clock, { isDeferred: true });
    this.ending = new Ending({
      channel: this,
      connection,
      caller: this.caller,
      provider,
      onClosed: () => {
        this.#mailbox.close();
        this.bulk.close();
        this.transfers.close();
        this.timers.clear(this.#heartbeat);
      },
    });
    this.#dispatch = new Dispatch({
      channel: this,
      caller: this.caller,
      provider,
      services: this.services,
      greeting: this.#greeting,
      ending: this.ending,
    });
    this.#heartbeat = new Heartbeat(
      {
        clock: this.clock,
        timers: this.timers,
        outbox: this.outbox,
        hasPartialFrame: () => this.reader.buffered > 0 && !this.#isPaused,
        ping: () => this.post(plain(FrameKind.ping, 0)),
        dead: (error) => this.ending.dead(error),
      },
      this.times.heartbeatMs,
      this.times.stallMs,
    );
    this.#hello = options;
    if (options.authorize === undefined) this.#greet(options.services);
    else this.wake();
    connection.open({
      received: (bytes) => this.#received(bytes),
      given: (bytes) => this.transfers.given(bytes),
      drained: () => this.#drained(),
      ended: () => this.#afterIncoming(() => this.ending.ended()),
      closed: (error) => this.#afterIncoming(() => this.ending.lost(error)),
    });
  }

  get state(): LifecycleState {
    return this.ending.state;
  }

  get remote(): Remote {
    return remoteOf(this.#greeting.hello, this.#connection, this.services);
  }

  get stats(): PeerStats {
    return statsOf(this, this.caller, this.#provider, this.#dispatch);
  }

  address<S extends AnyService>(service: S): Address<S> {
    const target = this.services.of(service);
    if (!target.isProvided) this.format.assumed?.(service, this.services);
    return peerAddress(service, this.caller, target);
  }

  provide(services: ServiceMap): void {
    if (this.#provider instanceof Unprovided) {
      this.#provider = services.providerFor(this, this.#backpressure, this.#providingParts);
      if (this.#hasSaidHello) this.#provider.announceAll();
    }
    this.#provider.provide(services);
  }

  withdraw(service: AnyService): boolean {
    return this.#provider.withdraw(service);
  }

  close(graceMs: number = this.times.graceMs): Promise<ClosedReason> {
    return this.ending.close(graceMs);
  }

  // What the mailbox works for.

  readonly outgoing = {
    take: (): WaitingMessage | Bulk | undefined => this.caller.lane.take() ?? this.bulk.take(),
  };

  readonly incoming = {
    take: (): FrameHeader | undefined => {
      if (!this.ending.isReading) return undefined;
      try {
        this.#hasIncoming = this.reader.next();
        return this.#hasIncoming ? this.reader.frame : undefined;
      } catch (error) {
        this.fault(error);
        return undefined;
      }
    },
  };

  handleOutgoing(said: WaitingMessage | Bulk): void {
    if ("writeNext" in said) said.writeNext();
    else this.caller.release(said);
  }

  handleIncoming(frame: FrameHeader): void {
    this.#frames++;
    if (this.inspection?.active === true) this.#inspect("frame-received", frame, this.reader.frameBytes);
    try {
      if (this.#isGreeting) this.#greeted(frame);
      else this.#dispatch.handle(frame);
    } catch (error) {
      this.fault(error);
    }
  }

  endTurn(): void {
    this.#dispatch.endTurn();
    this.bulk.endTurn();
    this.outbox.flush();
    if (this.#ends.length > 0) this.#endIfHandled();
    const isBehind = this.ending.isReading && this.reader.buffered > this.#incomingBytesMax;
    if (isBehind === this.#isPaused) return;
    this.#isPaused = isBehind;
    if (isBehind) this.#connection.pause();
    else this.#connection.resume();
  }

  // What the halves use.

  post(header: FrameHeader, payload?: unknown): number {
    const written = this.format.write(this.outbox, header, payload, wholeUpTo(this.remoteLimits.frameBytesMax));
    return this.#written(header, written) as number;
  }

  say(header: FrameHeader, payload: unknown): number | OutgoingTransfer {
    return this.#written(header, this.format.write(this.outbox, header, payload, this.remoteLimits));
  }

  forward(header: FrameHeader, payload: Uint8Array): number | OutgoingTransfer {
    return this.#written(header, this.format.forward(this.outbox, header, payload, this.remoteLimits));
  }

  handle(): void {
    this.#dispatch.handle(this.reader.frame);
  }

  wake(): void {
    this.#mailbox.wake();
  }

  roomGrown(): void {
    this.#provider.drained();
  }

  taskEnded(): void {
    if (this.#provider.isIdle) this.ending.idle();
  }

  emit(event: PeerEvent): void {
    if (this.emitter.has(event.type)) this.emitter.emit(event);
    if (event.type === "closed") this.emitter.end();
  }

  fault(error: unknown): void {
    this.ending.fault(error);
  }

  #written(header: FrameHeader, written: number | LongFrame): number | OutgoingTransfer {
    if (typeof written !== "number") return this.transfers.start(written);
    if (this.inspection?.active === true) this.#inspect("frame-sent", header, written);
    this.outbox.frameWritten(this.caller.inFlight + this.#framesLastTurn);
    this.#mailbox.wake();
    return written;
  }

  #inspect(kind: string, { kind: frame, id, service, message }: FrameHeader, bytes: number): void {
    this.inspection?.emit({
      kind,
      source: this.id,
      at: this.clock.now(),
      detail: { frame, id, service, message, bytes },
    });
  }

  // The greeting.

  #greet(services: ServiceMap | undefined): void {
    if (services !== undefined) this.provide(services);
    const { name = "" } = this.#hello;
    const hello = ownHello(this.id, name, this.times.heartbeatMs, this.limits, this.#provider.size);
    this.post(plain(FrameKind.hello, 0), helloPayload(hello));
    this.#hasSaidHello = true;
    this.#provider.announceAll();
  }

  /** The first frames of the other side: its hello, and as many services as that says. */
  #greeted(frame: FrameHeader): void {
    if (frame.kind === FrameKind.goodbye) return this.ending.goodbye(this.reader.value());
    if (this.#isAuthorizing) {
      throw new PeerError("hello-expected", `a frame of kind ${frame.kind} came too early`);
    }
    const isComplete = this.#greeting.take(this.reader);
    if (frame.kind === FrameKind.hello) this.#introduced(this.#greeting.hello as Hello);
    if (!isComplete) return;
    const { authorize } = this.#hello;
    if (authorize === undefined) this.#opened();
    else this.#authorize(authorize);
  }

  #authorize(authorize: Authorize): void {
    this.#isAuthorizing = true;
    authorized(authorize, this.remote, this.ending.opening.promise)
      .then((services) => {
        if (!this.ending.isReading) return;
        this.#greet(services);
        this.#opened();
      })
      .catch((error: unknown) => this.fault(error));
  }

  #opened(): void {
    this.#isGreeting = false;
    this.reader.frameBytesMax = this.limits.frameBytesMax;
    this.caller.open();
    this.ending.greeted();
  }

  /** Who the other side is, and what it takes, is known. */
  #introduced({ limits, heartbeatMs }: Hello): void {
    this.remoteLimits = remoteLimitsOf(limits);
    this.reader.frameBytesMax = Math.max(this.limits.frameBytesMax, GREETING_BYTES_MAX);
    this.#heartbeat.greeted(this.format.isTerse ? Infinity : heartbeatMs);
  }

  // The connection.

  #received(bytes: Uint8Array): void {
    if (!this.ending.isReading) return;
    this.#hasIncoming = true;
    this.reader.push(bytes);
    this.#mailbox.run();
    // Since the last time: a turn may have taken none just now, because others are to have theirs.
    this.#heartbeat.received(this.clock.now(), this.#frames > this.#framesSeen);
    this.#framesLastTurn = this.#frames - this.#framesSeen;
    this.#framesSeen = this.#frames;
  }

  /** An end of the connection comes after what was said before it, also if that waits for its turn. */
  #afterIncoming(end: () => void): void {
    this.#ends.push(end);
    this.#endIfHandled();
  }

  #endIfHandled(): void {
    if (this.#hasIncoming && this.ending.isReading) return;
    for (const end of this.#ends.splice(0)) end();
  }

  #drained(): void {
    this.outbox.drained();
    this.#provider.drained();
    this.#mailbox.run();
  }
}

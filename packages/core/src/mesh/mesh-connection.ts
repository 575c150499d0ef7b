// One connection of a mesh: what waits to be sent over it, and the bytes that have come. It never waits: what the
// connection does not take stays in its own queue, and holds up nobody else.

import { Ring, type Clock } from "../base/index.js";
import type { Connection, TransportError } from "../transport/index.js";
import { Disconnected, Full, SendError, type Envelope } from "./error.js";
import { EventSwitch, HandedBack } from "./handed-back.js";
import { MESH_HEARTBEATS_MISSED_MAX, type MeshLimits } from "./limits.js";
import { HEAD_BYTES, MeshReader } from "./mesh-reader.js";

/** As many messages or bytes leave before the turn is over, so that only a connection that is behind is ever full. */
const EARLY_MESSAGES = 64;
const EARLY_BYTES = 64 * 1024;
/** The most that is put together for one write, unless one message is longer. */
const WRITE_BYTES_MAX = 128 * 1024;

/** How long the other side may take to end its half, in milliseconds. */
const FINISH_MS = 1000;

/** Figures of one connection. */
export interface MeshStats {
  readonly messagesSent: number;
  readonly bytesSent: number;
  readonly messagesReceived: number;
  readonly bytesReceived: number;
  /** What waits in its queue. */
  readonly messagesWaiting: number;
  readonly bytesWaiting: number;
  /** Bytes that it was given and has not sent. */
  readonly bytesBuffered: number;
  /** Whether it is not read at the moment, because nobody takes what has come. */
  readonly isPaused: boolean;
}

/** What a connection tells its mesh. */
export interface MeshOwner {
  readonly clock: Clock;
  readonly limits: MeshLimits;
  /** Bytes have come: there may be messages. */
  arrived(connection: MeshConnection): void;
  /** It is no more. */
  lost(connection: MeshConnection, code: string, error: Error | undefined): void;
  /** Its queue is empty, and everything has left. */
  emptied(): void;
}

export class MeshConnection {
  readonly id: string;
  readonly reader: MeshReader;
  readonly #connection: Connection;
  readonly #owner: MeshOwner;
  readonly #switch: EventSwitch;
  readonly #queue = new Ring<Uint8Array>();
  #queueBytes = 0;
  /** The connection is behind, and will say when it is not. */
  #isBlocked = false;
  #isScheduled = false;
  #isOver = false;
  #isClosed = false;
  #whenClosed: (() => void) | undefined;
  #slab: Uint8Array | undefined;
  #sentAt: number;
  #receivedAt: number;
  #partialSince: number | undefined;
  isPaused = false;
  messagesReceived = 0;
  #bytesReceived = 0;
  #messagesSent = 0;
  #bytesSent = 0;

  constructor(id: string, connection: Connection, owner: MeshOwner) {
    this.id = id;
    this.#connection = connection;
    this.#owner = owner;
    this.reader = new MeshReader(owner.limits.messageBytesMax);
    this.#sentAt = this.#receivedAt = owner.clock.now();
    this.#switch = new EventSwitch({
      received: (bytes) => this.#received(bytes),
      drained: () => this.#drained(),
      ended: () => this.#lose("ended", undefined),
      closed: (error) => {
        this.#isClosed = true;
        this.#whenClosed?.();
        this.#lose("lost", error);
      },
    });
  }

  open(): void {
    this.#connection.open(this.#switch);
  }

  get stats(): MeshStats {
    return {
      messagesSent: this.#messagesSent,
      bytesSent: this.#bytesSent,
      messagesReceived: this.messagesReceived,
      bytesReceived: this.#bytesReceived,
      messagesWaiting: this.#queue.length,
      bytesWaiting: this.#queueBytes,
      bytesBuffered: this.#connection.buffered,
      isPaused: this.isPaused,
    };
  }

  /** Whether everything has left. */
  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#connection.buffered === 0;
  }

  /** @throws Full, Disconnected, or SendError `message-too-long` */
  send(envelope: Envelope): void {
    const { outgoingMax, outgoingBytesMax, messageBytesMax } = this.#owner.limits;
    const { length } = envelope.payload;
    if (!(envelope.payload instanceof Uint8Array)) {
      throw new SendError("option-invalid", "a payload must be a Uint8Array", envelope);
    }
    if (this.#isOver) throw disconnected(envelope);
    if (length > messageBytesMax) {
      throw new SendError("message-too-long", `${length} bytes are over the limit of ${messageBytesMax}`, envelope);
    }
    const isOverBytes = this.#queue.length > 0 && this.#queueBytes + length > outgoingBytesMax;
    if (this.#queue.length >= outgoingMax || isOverBytes) {
      throw new Full("full", `${this.#queue.length} messages wait for ${this.id} already`, envelope);
    }
    this.#queue.push(envelope.payload);
    this.#queueBytes += length;
    if (this.#isBlocked) return;
    if (this.#queue.length >= EARLY_MESSAGES || this.#queueBytes >= EARLY_BYTES) this.#flush();
    else this.#schedule();
  }

  /** Looks whether it is alive, and shows that this side is. Called every now and then. */
  beat(now: number): void {
    const { heartbeatMs, messageMs } = this.#owner.limits;
    if (this.isPaused) this.#receivedAt = now;
    const silentMs = now - this.#receivedAt;
    if (heartbeatMs > 0 && silentMs > heartbeatMs * MESH_HEARTBEATS_MISSED_MAX) return this.#giveUp("silent");
    if (this.#partialSince !== undefined && now - this.#partialSince > messageMs) return this.#giveUp("message-late");
    if (heartbeatMs === 0 || now - this.#sentAt < heartbeatMs || this.#isBlocked) return;
    const ping = new Uint8Array(HEAD_BYTES).fill(0xff);
    this.#sentAt = now;
    this.#write(ping);
  }

  /** A message was taken out of the reader, or none is left in it. */
  looked(): void {
    this.#partialSince = this.reader.hasPartial ? (this.#partialSince ?? this.#owner.clock.now()) : undefined;
  }

  /** A message has become whole: the next one has its own time. */
  advanced(bytes: number): void {
    this.messagesReceived++;
    this.#bytesReceived += bytes;
    this.#partialSince = undefined;
  }

  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.#connection.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#receivedAt = this.#owner.clock.now();
    this.#connection.resume();
  }

  /** What will not be sent any more. */
  takeUnsent(): Envelope[] {
    this.#queueBytes = 0;
    return this.#queue.clear().map((payload) => ({ id: this.id, payload }));
  }

  /** It is not this mesh's any more. */
  handBack(): Connection {
    this.#isOver = true;
    return new HandedBack(this.#connection, this.#switch, this.reader.takeRest(), this.#owner.clock);
  }

  /** Orderly: what the connection was given is sent. Resolves when it is no more, which the other side cannot put off. */
  end(): Promise<void> {
    this.#isOver = true;
    this.#leave();
    return new Promise((resolve) => {
      if (this.#isClosed) return resolve();
      const cancelTimer = this.#owner.clock.schedule(FINISH_MS, () => this.#connection.abort());
      this.#whenClosed = () => {
        cancelTimer();
        resolve();
      };
    });
  }

  #received(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#receivedAt = this.#owner.clock.now();
    this.reader.push(bytes);
    this.#owner.arrived(this);
  }

  #drained(): void {
    this.#isBlocked = false;
    if (this.#queue.length > 0) this.#flush();
    if (this.isEmpty) this.#owner.emptied();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#owner.clock.defer(() => {
      this.#isScheduled = false;
      if (!this.#isBlocked && !this.#isOver) this.#flush();
    });
  }

  #flush(): void {
    while (this.#queue.length > 0 && !this.#isBlocked) this.#write(this.#assemble());
    this.#sentAt = this.#owner.clock.now();
    if (this.isEmpty) this.#owner.emptied();
  }

  /** As many messages as go well into one write, each with its length ahead. */
  #assemble(): Uint8Array {
    const first = (this.#queue.peek() as Uint8Array).length + HEAD_BYTES;
    const bytesMax = Math.max(first, Math.min(this.#queueBytes + this.#queue.length * HEAD_BYTES, WRITE_BYTES_MAX));
    const slab = this.#slabOf(bytesMax);
    let at = 0;
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      const { length } = next;
      if (at + HEAD_BYTES + length > bytesMax) break;
      slab[at] = length;
      slab[at + 1] = length >> 8;
      slab[at + 2] = length >> 16;
      slab[at + 3] = length >> 24;
      slab.set(next, at + HEAD_BYTES);
      at += HEAD_BYTES + length;
      this.#queue.shift();
      this.#queueBytes -= length;
      this.#messagesSent++;
      this.#bytesSent += length;
    }
    return slab.subarray(0, at);
  }

  /** The same memory again, if the connection has let go of it. */
  #slabOf(length: number): Uint8Array {
    if (this.#connection.buffered > 0 || this.#slab === undefined || this.#slab.length < length) {
      this.#slab = new Uint8Array(Math.max(length, 4096));
    }
    return this.#slab;
  }

  #write(bytes: Uint8Array): void {
    this.#isBlocked = !this.#connection.write(bytes);
  }

  #giveUp(code: string): void {
    this.#connection.abort();
    this.#lose(code, undefined);
  }

  #lose(code: string, error: TransportError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#leave();
    this.#owner.lost(this, code, error);
  }

  /** One that is paused would not end. */
  #leave(): void {
    this.#connection.resume();
    this.#connection.close();
  }

  /** The bytes are not what a mesh says: nothing can follow. */
  fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection.abort(error);
    this.#owner.lost(this, "protocol", error);
  }
}

export function disconnected(envelope: Envelope): Disconnected {
  return new Disconnected("disconnected", `${envelope.id} is not connected any more`, envelope);
}

// Many connections of opaque messages behind one send and one receive. Every connection has a bounded queue of its own for
// what goes out, and all share one for what comes in; when that is full, nobody is read, and nobody who is not is held up
// by anybody else.

import {
  Emitter,
  oneShot,
  Ring,
  systemClock,
  systemRandom,
  type CancelTimer,
  type Clock,
  type Random,
  type Unsubscribe,
} from "../base/index.js";
import type { Connection } from "../transport/index.js";
import { AddError, MeshError, NotFound, type Envelope } from "./error.js";
import type { MeshEvent } from "./events.js";
import { IncomingQueue, type ReceiveOptions } from "./incoming-queue.js";
import { meshLimitsOf, type MeshLimits } from "./limits.js";
import { disconnected, MeshConnection, type MeshOwner, type MeshStats } from "./mesh-connection.js";
import {
  rightToControl,
  rightToReceive,
  rightToSend,
  type MeshControl,
  type MeshIncoming,
  type MeshOutgoing,
} from "./rights.js";

/** What a mesh is like. */
export interface MeshOptions extends Partial<MeshLimits> {
  readonly clock?: Clock;
  readonly random?: Random;
}

/** How a mesh is ended. */
export interface MeshCloseOptions {
  /** How long what waits may still take to be sent, in milliseconds. Not at all, unless given. */
  readonly flushMs?: number;
}

/** How many messages one connection may bring before another has its turn, when there is not room for all. */
const TURN_MESSAGES = 32;
/** How many ids are remembered of connections that are no more, so that sending to one says so. */
const GONE_MAX = 4096;
const ID_LENGTH_MAX = 256;
/** How often it is looked whether everything has left, while somebody waits for that. */
const LOOK_MS = 4;

/**
 * Many connections of opaque messages.
 *
 * @example
 * const mesh = new Mesh();
 * const id = mesh.add(messagePortConnection(new MessageChannel().port1));
 * mesh.send({ id, payload: new Uint8Array([1, 2, 3]) });
 * const { payload } = await mesh.recv({ timeoutMs: 1000 });
 */
export class Mesh implements AsyncIterable<Envelope>, AsyncDisposable {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: MeshLimits;
  readonly #connections = new Map<string, MeshConnection>();
  /** Oldest first. */
  readonly #gone = new Set<string>();
  readonly #queue: IncomingQueue;
  /** Those that have brought more than there was room for, in the order of their turns. */
  readonly #backlog = new Ring<MeshConnection>();
  readonly #emitter = new Emitter<MeshEvent>();
  readonly #owner: MeshOwner;
  #cancelBeat: CancelTimer | undefined;
  #closing: Promise<void> | undefined;
  #whenEmpty: (() => void)[] = [];
  #isLooking = false;

  /** @throws MeshError `option-invalid` */
  constructor(options: MeshOptions = {}) {
    this.#limits = meshLimitsOf(options);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#queue = new IncomingQueue(this.#clock);
    this.#owner = {
      clock: this.#clock,
      limits: this.#limits,
      arrived: (connection) => this.#arrived(connection),
      lost: (connection, code, error) => this.#lost(connection, code, error),
      emptied: () => this.#emptied(),
    };
  }

  /** The ids of the connections that there are. */
  get ids(): readonly string[] {
    return [...this.#connections.keys()];
  }

  /** Receiving alone, to be given away. */
  get incoming(): MeshIncoming {
    return rightToReceive(this, this.#queue);
  }

  /** Saying which connections there are alone, to be given away. */
  get control(): MeshControl {
    return rightToControl(this);
  }

  /** Sending to one connection alone, to be given away. Whether there is one of this id shows when something is sent. */
  outgoing(id: string): MeshOutgoing {
    return rightToSend(this, id);
  }

  /** Figures of one connection; undefined if there is none of this id. */
  stats(id: string): MeshStats | undefined {
    return this.#connections.get(id)?.stats;
  }

  on<T extends MeshEvent["type"]>(type: T, listener: (event: Extract<MeshEvent, { type: T }>) => void): Unsubscribe {
    return this.#emitter.on(type, listener);
  }

  /**
   * Takes over a connection that nobody has opened, under an id or one that is made up, and returns the id. The other side
   * is a mesh too, or speaks as one.
   *
   * @throws AddError `duplicate-id`, `connections-full` or `closed`, with the connection, which was not touched; MeshError
   * `option-invalid` for an id that is no text of 1 to 256 characters.
   */
  add(connection: Connection, id: string = this.#freshId()): string {
    if (typeof id !== "string" || id.length === 0 || id.length > ID_LENGTH_MAX) {
      throw new MeshError("option-invalid", `an id must be a text of 1 to ${ID_LENGTH_MAX} characters`);
    }
    if (this.#closing !== undefined) throw new AddError("closed", "the mesh is closed", connection);
    if (this.#connections.has(id))
      throw new AddError("duplicate-id", `there is a connection ${id} already`, connection);
    if (this.#connections.size >= this.#limits.connectionsMax) {
      throw new AddError("connections-full", `there are ${this.#connections.size} connections already`, connection);
    }
    const added = new MeshConnection(id, connection, this.#owner);
    this.#connections.set(id, added);
    this.#gone.delete(id);
    added.open();
    this.#beat();
    this.#emitter.emit({ type: "added", id });
    return id;
  }

  /**
   * Gives a connection back, paused and as if nobody had opened it: what has come and was not a whole message yet comes
   * first. Messages that have come can still be received, under this id; those that waited to be sent are not sent, and the
   * event `removed` has them.
   *
   * @throws MeshError `not-found`; `disconnected`, once, for one that is no more.
   */
  remove(id: string): Connection {
    const connection = this.#connections.get(id);
    if (connection === undefined) {
      if (this.#gone.delete(id)) throw new MeshError("disconnected", `${id} is not connected any more`);
      throw new MeshError("not-found", `there is no connection ${id}`);
    }
    this.#connections.delete(id);
    const unsent = connection.takeUnsent();
    const back = connection.handBack();
    this.#emitter.emit({ type: "removed", id, unsent });
    this.#emptied();
    return back;
  }

  /**
   * Puts a message into the queue of its connection, or throws; it never waits. The payload must not be changed before it
   * has left. That it was put there does not say that it arrives: the event `disconnected` has those that were not sent.
   *
   * @throws Full, NotFound or Disconnected, or SendError `message-too-long`, each with the envelope.
   */
  send(envelope: Envelope): void {
    const connection = this.#connections.get(envelope.id);
    if (connection !== undefined) return connection.send(envelope);
    if (this.#closing !== undefined || this.#gone.has(envelope.id)) throw disconnected(envelope);
    throw new NotFound("not-found", `there is no connection ${envelope.id}`, envelope);
  }

  /**
   * The oldest message that has come and nobody has received; waits for one if there is none. Of several who wait, each gets
   * another one, in turn.
   *
   * @throws MeshError `timeout`, `cancelled`, or `closed` when nothing is left and nothing will come.
   */
  recv(options: ReceiveOptions = {}): Promise<Envelope> {
    const envelope = this.#take();
    return envelope === undefined ? this.#queue.wait(options) : Promise.resolve(envelope);
  }

  /** Messages until the mesh is closed. Several loops share them. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Envelope> {
    const next = (): Promise<IteratorResult<Envelope>> => {
      const envelope = this.#take();
      if (envelope !== undefined) return Promise.resolve({ done: false, value: envelope });
      return this.#queue.wait({}).then(
        (value) => ({ done: false, value }),
        () => ({ done: true, value: undefined }),
      );
    };
    const iterator: AsyncIterableIterator<Envelope> = {
      next,
      return: () => Promise.resolve({ done: true, value: undefined }),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /**
   * Resolves when everything that was sent has left this process.
   *
   * @throws MeshError `timeout`, when that takes longer than `timeoutMs`.
   */
  flush(timeoutMs: number = Infinity): Promise<void> {
    if (this.#isEmpty) return Promise.resolve();
    const { promise, resolve, reject } = oneShot<void>();
    this.#whenEmpty.push(resolve);
    this.#look();
    if (timeoutMs === Infinity) return promise;
    const cancelTimer = this.#clock.schedule(timeoutMs, () => {
      this.#whenEmpty = this.#whenEmpty.filter((each) => each !== resolve);
      reject(new MeshError("timeout", `not everything has left within ${timeoutMs} ms`));
    });
    return promise.finally(cancelTimer);
  }

  /**
   * Ends all connections, in order: takes nothing more, sends what waits for as long as `flushMs` allows, and then tells
   * everybody who waits to receive. What has come can still be received. Idempotent: the first one counts.
   */
  close({ flushMs = 0 }: MeshCloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(flushMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #isEmpty(): boolean {
    for (const connection of this.#connections.values()) if (!connection.isEmpty) return false;
    return true;
  }

  get #isFull(): boolean {
    const { incomingMax, incomingBytesMax } = this.#limits;
    return this.#queue.length >= incomingMax || this.#queue.bytes >= incomingBytesMax;
  }

  #take(): Envelope | undefined {
    const envelope = this.#queue.take();
    if (envelope !== undefined && this.#backlog.length > 0) this.#goOn();
    return envelope;
  }

  #arrived(connection: MeshConnection): void {
    if (!connection.isPaused) this.#read(connection, Infinity);
  }

  /** Takes messages out of a connection while there is room. What is left waits for its turn, and nothing more is read. */
  #read(connection: MeshConnection, messagesMax: number): void {
    try {
      for (let count = 0; count < messagesMax && !this.#isFull; count++) {
        const payload = connection.reader.next();
        if (payload === undefined) {
          connection.looked();
          return connection.resume();
        }
        connection.advanced(payload.length);
        this.#queue.add({ id: connection.id, payload });
      }
    } catch (error) {
      return connection.fail(error as Error);
    }
    if (!connection.reader.hasMore) {
      connection.looked();
      return connection.resume();
    }
    connection.pause();
    this.#backlog.push(connection);
  }

  /** There is room again: one after the other. */
  #goOn(): void {
    for (let left = this.#backlog.length; left > 0 && !this.#isFull; left--) {
      const connection = this.#backlog.shift() as MeshConnection;
      if (this.#connections.get(connection.id) === connection) this.#read(connection, TURN_MESSAGES);
    }
  }

  #lost(connection: MeshConnection, code: string, error: Error | undefined): void {
    const { id } = connection;
    this.#connections.delete(id);
    this.#gone.add(id);
    if (this.#gone.size > GONE_MAX) for (const oldest of this.#gone) if (this.#gone.delete(oldest)) break;
    // What has come whole is received, whatever has become of the connection.
    this.#drain(connection);
    const { bytesBuffered } = connection.stats;
    const reason = error === undefined ? { code } : { code, error };
    this.#emitter.emit({ type: "disconnected", id, reason, unsent: connection.takeUnsent(), bytesBuffered });
    this.#emptied();
  }

  #drain(connection: MeshConnection): void {
    try {
      for (let next = connection.reader.next(); next !== undefined; next = connection.reader.next()) {
        this.#queue.add({ id: connection.id, payload: next });
      }
    } catch {
      // It is lost already.
    }
  }

  /** A connection that takes what it is given does not say when it has left: somebody has to look. */
  #look(): void {
    if (this.#isLooking || this.#whenEmpty.length === 0) return;
    this.#isLooking = true;
    this.#clock.schedule(LOOK_MS, () => {
      this.#isLooking = false;
      this.#emptied();
      this.#look();
    });
  }

  #emptied(): void {
    if (this.#whenEmpty.length === 0 || !this.#isEmpty) return;
    for (const tell of this.#whenEmpty.splice(0)) tell();
  }

  /** One timer for all, and none for none. */
  #beat(): void {
    const { heartbeatMs, messageMs } = this.#limits;
    this.#cancelBeat ??= this.#clock.schedule(Math.max(1, (heartbeatMs === 0 ? messageMs : heartbeatMs) / 2), () => {
      this.#cancelBeat = undefined;
      const now = this.#clock.now();
      for (const connection of [...this.#connections.values()]) connection.beat(now);
      if (this.#connections.size > 0) this.#beat();
    });
  }

  async #close(flushMs: number): Promise<void> {
    if (flushMs > 0) await this.flush(flushMs).catch(() => {});
    this.#cancelBeat?.();
    const ended = [...this.#connections.values()].map((connection) => {
      const end = connection.end();
      this.#lost(connection, "closed", undefined);
      return end;
    });
    this.#queue.close();
    await Promise.all(ended);
    this.#emitter.emit({ type: "closed" });
    this.#emitter.end();
  }

  #freshId(): string {
    return [...this.#random.bytes(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

// A connection over a message port that belongs to it alone. Ports take whatever is posted and never say that they are
// full, so the bytes that the reader has not taken are counted: what is beyond a window counts as buffered.
//
//   Uint8Array   bytes
//   number       so many bytes more were taken by the reader
//   [Uint8Array] bytes that were given away, beside the stream
//   "end"        the sender writes no more
//   "abort"      at once
//
// Anything else is foreign, and ends the connection.

import { Ring, systemClock, type Clock } from "../base/index.js";
import { TransportError, type Connection, type ConnectionEvents } from "./connection.js";
import { listenTo, post, type PostTarget } from "./message-port.js";

/** How many bytes may be on their way before `write` returns false, as those that a socket's system holds. */
export const PORT_WINDOW_BYTES = 262_144;
/** What a paused reader holds at most: a writer that keeps to the window and stops at it never comes near. */
export const PORT_HELD_BYTES_MAX = 67_108_864;
/** What a held message counts as, beside its bytes. */
const MESSAGE_COST_BYTES = 64;

/** What a connection over a port goes by. */
export interface MessagePortConnectionOptions {
  readonly remoteEndpoint?: string | undefined;
  readonly localEndpoint?: string | undefined;
  /** See `PORT_WINDOW_BYTES`; both sides should have the same. */
  readonly windowBytes?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Called when it is no more. */
  readonly onClosed?: (() => void) | undefined;
}

/**
 * Makes a connection of a message port, both ends of which are given to this function, one on each side.
 *
 * @example
 * const { port1, port2 } = new MessageChannel();
 * const left = new Peer(messagePortConnection(port1), { services });
 * const right = new Peer(messagePortConnection(port2));
 */
export function messagePortConnection(port: PostTarget, options: MessagePortConnectionOptions = {}): Connection {
  return new MessagePortConnection(port, options);
}

/** What is posted besides what is only about the connection: bytes, bytes that were given away, the end. */
type Piece = Uint8Array | readonly [Uint8Array] | "end";

const NOTHING = new Uint8Array(0);

function isBytes(data: unknown): data is Uint8Array {
  return data instanceof Uint8Array && data.length > 0;
}

function isGift(data: unknown): data is readonly [Uint8Array] {
  return Array.isArray(data) && data.length === 1 && isBytes(data[0]);
}

function bytesOf(piece: Piece): Uint8Array {
  return piece === "end" ? NOTHING : piece instanceof Uint8Array ? piece : piece[0];
}

class MessagePortConnection implements Connection {
  readonly remoteEndpoint: string;
  readonly localEndpoint: string;
  readonly #port: PostTarget;
  readonly #clock: Clock;
  readonly #windowBytes: number;
  readonly #onClosed: (() => void) | undefined;
  readonly #stopListening: () => void;
  #events: ConnectionEvents | undefined;
  /** What came while the owner did not want it; "end" is the other side's end. */
  readonly #held = new Ring<Piece>();
  #heldBytes = 0;
  /** Written, and not taken by the reader on the other side. */
  #untaken = 0;
  /** Taken by the owner, and not told. */
  #owed = 0;
  #isPaused = false;
  #isOverfull = false;
  #isFlushing = false;
  #isClosing = false;
  #hasEnded = false;
  #isOver = false;
  #failure: TransportError | undefined;

  constructor(port: PostTarget, options: MessagePortConnectionOptions) {
    this.#port = port;
    this.remoteEndpoint = options.remoteEndpoint ?? "message-port://other-side";
    this.localEndpoint = options.localEndpoint ?? "message-port://this-side";
    this.#clock = options.clock ?? systemClock;
    this.#windowBytes = options.windowBytes ?? PORT_WINDOW_BYTES;
    this.#onClosed = options.onClosed;
    this.#stopListening = listenTo(port, {
      message: (data) => this.#posted(data),
      unreadable: () => this.#foreign(),
      gone: (cause) => this.#lost(cause),
    });
  }

  get buffered(): number {
    return this.#isOver ? 0 : Math.max(0, this.#untaken - this.#windowBytes);
  }

  open(events: ConnectionEvents): void {
    this.#events = events;
    this.#flush();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#isOver) return false;
    if (bytes.length > 0) {
      this.#untaken += bytes.length;
      // The copy is given away, so that it is the only one.
      const copy = bytes.slice();
      post(this.#port, copy, [copy.buffer]);
    }
    if (this.buffered === 0) return true;
    this.#isOverfull = true;
    return false;
  }

  give(bytes: Uint8Array): void {
    if (this.#isClosing || this.#isOver) return;
    this.#untaken += bytes.length;
    post(this.#port, [bytes], [bytes.buffer]);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#flush();
  }

  close(): void {
    if (this.#isClosing || this.#isOver) return;
    this.#isClosing = true;
    this.#isOverfull = false;
    post(this.#port, "end");
    this.#finishIfBothClosed();
  }

  abort(reason?: unknown): void {
    if (this.#isOver) return;
    const message = `the connection to ${this.remoteEndpoint} was aborted`;
    post(this.#port, "abort");
    this.#over(new TransportError("connection-aborted", message, this.remoteEndpoint, { cause: reason }));
  }

  #posted(data: unknown): void {
    if (this.#isOver) return;
    if (isBytes(data) && !this.#hasEnded) this.#arrived(data, data.length);
    else if (isGift(data) && !this.#hasEnded) this.#arrived(data, data[0].length);
    else if (typeof data === "number" && data > 0 && data <= this.#untaken) this.#taken(data);
    else if (data === "end" && !this.#hasEnded) this.#arrived(data, 0);
    else if (data === "abort") this.#lost(undefined);
    else this.#foreign();
  }

  #arrived(piece: Piece, bytes: number): void {
    const events = this.#events;
    if (events !== undefined && !this.#isPaused && this.#held.length === 0) return this.#receive(events, piece);
    this.#heldBytes += bytes + MESSAGE_COST_BYTES;
    if (this.#heldBytes > PORT_HELD_BYTES_MAX) {
      const message = `${this.remoteEndpoint} sent more than ${PORT_HELD_BYTES_MAX} bytes to somebody who had paused`;
      return this.#fail(new TransportError("receive-overflow", message, this.remoteEndpoint));
    }
    this.#held.push(piece);
    this.#flush();
  }

  #receive(events: ConnectionEvents, piece: Piece): void {
    if (piece === "end") {
      this.#hasEnded = true;
      events.ended();
      return this.#finishIfBothClosed();
    }
    const bytes = bytesOf(piece);
    this.#owed += bytes.length;
    // A quarter of the window at a time: a few small messages cost nothing.
    if (this.#owed * 4 >= this.#windowBytes) {
      post(this.#port, this.#owed);
      this.#owed = 0;
    }
    if (bytes === piece) events.received(bytes);
    else if (events.given !== undefined) events.given(bytes);
    else this.#foreign();
  }

  /** Hands out what was held, or tells what is due, in a turn of its own. */
  #flush(): void {
    if (this.#isFlushing || this.#events === undefined) return;
    this.#isFlushing = true;
    this.#clock.yield(() => {
      this.#isFlushing = false;
      const events = this.#events as ConnectionEvents;
      if (this.#isOver) return this.#report(events);
      this.#tellDrained(events);
      while (!this.#isPaused && !this.#isOver) {
        const piece = this.#held.shift();
        if (piece === undefined) return;
        this.#heldBytes -= bytesOf(piece).length + MESSAGE_COST_BYTES;
        this.#receive(events, piece);
      }
    });
  }

  #taken(bytes: number): void {
    this.#untaken -= bytes;
    if (this.#events !== undefined) this.#tellDrained(this.#events);
  }

  #tellDrained(events: ConnectionEvents): void {
    if (!this.#isOverfull || this.buffered > 0 || this.#isOver) return;
    this.#isOverfull = false;
    events.drained();
  }

  #finishIfBothClosed(): void {
    if (this.#isClosing && this.#hasEnded) this.#over(undefined);
  }

  #foreign(): void {
    const message = `${this.remoteEndpoint} posted something where the bytes of a connection belong`;
    this.#fail(new TransportError("message-foreign", message, this.remoteEndpoint));
  }

  #fail(failure: TransportError): void {
    if (this.#isOver) return;
    post(this.#port, "abort");
    this.#over(failure);
  }

  #lost(cause: unknown): void {
    if (this.#isOver) return;
    const why = cause instanceof Error ? cause.message : "the other side is gone, or has aborted it";
    const message = `the connection to ${this.remoteEndpoint} was lost: ${why}`;
    this.#over(new TransportError("connection-reset", message, this.remoteEndpoint, { cause }));
  }

  #over(failure: TransportError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = failure;
    this.#held.clear();
    this.#stopListening();
    this.#port.close?.();
    this.#onClosed?.();
    this.#flush();
  }

  #isReported = false;

  #report(events: ConnectionEvents): void {
    if (this.#isReported) return;
    this.#isReported = true;
    events.closed(this.#failure);
  }
}

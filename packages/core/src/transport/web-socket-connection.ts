// A connection over a WebSocket, of whatever kind: the platform's in a browser, `ws` on Node, or another that is adapted
// to `WebSocketPort`. The stream of bytes goes in binary messages, cut anywhere. An empty message says that its sender
// writes no more, since WebSockets have no half that could be closed.

import { Ring, systemClock, type Clock } from "../base/index.js";
import { TransportError, type Connection, type ConnectionEvents, type Identity, type Upgrade } from "./connection.js";

/** Bytes given to the socket that it has not sent, beyond which `write` returns false. */
export const WEB_SOCKET_BUFFER_BYTES = 65_536;
/** The longest message that is sent. */
export const WEB_SOCKET_MESSAGE_BYTES = 262_144;
/** What is held for an owner that has paused, of a socket that cannot be: beyond that the connection is aborted. */
export const WEB_SOCKET_HELD_BYTES_MAX = 16_777_216;
/** What an empty message that is held counts as. */
const MESSAGE_COST_BYTES = 64;
/** How often it is looked whether a socket that does not tell has sent what it was given, in milliseconds. */
const LOOK_MS = 4;

/** Close codes of RFC 6455. */
const CLOSED_IN_ORDER = 1000;
const UNSUPPORTED_DATA = 1003;

/** A WebSocket, open, as a connection needs it. */
export interface WebSocketPort {
  /** Bytes that were given to it and not sent. */
  readonly bufferedAmount: number;
  send(bytes: Uint8Array): void;
  /** Sends a close message behind what was sent. */
  close(code: number): void;
  /** Ends it at once, if it can. */
  terminate(): void;
  /** Stops and goes on reading. Without them what comes is held, up to `WEB_SOCKET_HELD_BYTES_MAX`. */
  pause?(): void;
  resume?(): void;
  /** Whether it calls `handleDrain`. Otherwise it is looked at, every few milliseconds, for as long as it is behind. */
  readonly tellsDrain?: boolean;
}

/** What a connection over a WebSocket goes by. */
export interface WebSocketConnectionOptions {
  readonly remoteEndpoint: string;
  readonly localEndpoint: string;
  readonly identity?: Identity | undefined;
  readonly upgrade?: Upgrade | undefined;
  /** See `WEB_SOCKET_BUFFER_BYTES`. */
  readonly bufferBytes?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** Takes over an open WebSocket. Whoever adapts it calls the `handle` methods, never from inside those of the port. */
export class WebSocketConnection implements Connection {
  readonly remoteEndpoint: string;
  readonly localEndpoint: string;
  readonly identity: Identity | undefined;
  readonly upgrade: Upgrade | undefined;
  readonly #port: WebSocketPort;
  readonly #clock: Clock;
  readonly #bufferBytes: number;
  #events: ConnectionEvents | undefined;
  /** What came while it was not opened, or paused; an empty one is the other side's end. */
  readonly #held = new Ring<Uint8Array>();
  #heldBytes = 0;
  /** Bytes written since nothing was buffered: the port also counts what it adds itself. */
  #written = 0;
  #isPaused = false;
  #isOverfull = false;
  #isWatching = false;
  #isFlushing = false;
  #isClosing = false;
  #hasEnded = false;
  /** The port is no more, or not wanted any more. */
  #isOver = false;
  #isReported = false;
  #failure: TransportError | undefined;
  /** What was said of an end that came while something was held. */
  #closedWith: [code: number, cause: unknown] | undefined;

  constructor(port: WebSocketPort, options: WebSocketConnectionOptions) {
    this.#port = port;
    this.remoteEndpoint = options.remoteEndpoint;
    this.localEndpoint = options.localEndpoint;
    this.identity = options.identity;
    this.upgrade = options.upgrade;
    this.#clock = options.clock ?? systemClock;
    this.#bufferBytes = options.bufferBytes ?? WEB_SOCKET_BUFFER_BYTES;
    port.pause?.();
  }

  get buffered(): number {
    if (this.#isOver) return 0;
    const { bufferedAmount } = this.#port;
    if (bufferedAmount === 0) this.#written = 0;
    return Math.min(bufferedAmount, this.#written);
  }

  open(events: ConnectionEvents): void {
    this.#events = events;
    if (this.#isOver) this.#report();
    else if (!this.#isPaused) this.#goOn();
    this.#watch();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#isOver) return false;
    if (bytes.length === 0) return !this.#isOverfull;
    this.#written += bytes.length;
    for (let at = 0; at < bytes.length; at += WEB_SOCKET_MESSAGE_BYTES) {
      this.#port.send(
        bytes.length <= WEB_SOCKET_MESSAGE_BYTES ? bytes : bytes.subarray(at, at + WEB_SOCKET_MESSAGE_BYTES),
      );
    }
    if (this.buffered < this.#bufferBytes) return true;
    this.#isOverfull = true;
    this.#watch();
    return false;
  }

  pause(): void {
    this.#isPaused = true;
    if (!this.#isOver) this.#port.pause?.();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#events !== undefined && !this.#isOver) this.#goOn();
  }

  close(): void {
    if (this.#isClosing || this.#isOver) return;
    this.#isClosing = true;
    this.#isOverfull = false;
    this.#port.send(NOTHING);
    this.#finishIfBothClosed();
  }

  abort(reason?: unknown): void {
    const message = `the connection to ${this.remoteEndpoint} was aborted`;
    this.#abort(new TransportError("connection-aborted", message, this.remoteEndpoint, { cause: reason }));
  }

  /** A binary message came. Its bytes are given away. */
  handleMessage(bytes: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#hasEnded) return this.#foreign("something after its end");
    if (this.#events === undefined || this.#isPaused || this.#held.length > 0) return this.#hold(bytes);
    this.#receive(this.#events, bytes);
  }

  /** A text message came, which nobody here understands. */
  handleText(): void {
    this.#foreign("a text message");
  }

  /** The port has sent everything that it was given. */
  handleDrain(): void {
    if (!this.#isOverfull || this.#isOver || this.buffered > 0) return;
    this.#isOverfull = false;
    this.#events?.drained();
  }

  /** The port is no more: its code says why, or `cause` does. */
  handleClose(code: number, cause?: unknown): void {
    if (this.#isReported) return;
    // What it said before is still received, as soon as the owner wants it.
    if (this.#held.length > 0 && this.#failure === undefined) {
      this.#closedWith = [code, cause];
      return;
    }
    if (!this.#isClosing || !this.#hasEnded) {
      const message = `the connection to ${this.remoteEndpoint} was lost, with code ${code}`;
      this.#failure ??= new TransportError("connection-reset", message, this.remoteEndpoint, { cause });
    }
    this.#isOver = true;
    this.#report();
  }

  #goOn(): void {
    if (this.#held.length > 0) this.#flush();
    else this.#port.resume?.();
  }

  /** Hands out what was held, in a turn of its own. */
  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#clock.yield(() => {
      this.#isFlushing = false;
      const events = this.#events as ConnectionEvents;
      while (!this.#isPaused && !this.#isOver) {
        const bytes = this.#held.shift();
        if (bytes === undefined) break;
        this.#heldBytes -= bytes.length + MESSAGE_COST_BYTES;
        this.#receive(events, bytes);
      }
      if (this.#isPaused || this.#isOver) return;
      if (this.#closedWith === undefined) this.#port.resume?.();
      else this.handleClose(...this.#closedWith);
    });
  }

  #hold(bytes: Uint8Array): void {
    this.#heldBytes += bytes.length + MESSAGE_COST_BYTES;
    if (this.#heldBytes > WEB_SOCKET_HELD_BYTES_MAX) {
      const message = `${this.remoteEndpoint} sent more than ${WEB_SOCKET_HELD_BYTES_MAX} bytes while paused`;
      return this.#abort(new TransportError("receive-overflow", message, this.remoteEndpoint));
    }
    this.#held.push(bytes);
    if (this.#events !== undefined && !this.#isPaused) this.#flush();
  }

  #receive(events: ConnectionEvents, bytes: Uint8Array): void {
    if (bytes.length > 0) return events.received(bytes);
    this.#hasEnded = true;
    events.ended();
    this.#finishIfBothClosed();
  }

  #finishIfBothClosed(): void {
    if (this.#isClosing && this.#hasEnded && !this.#isOver) this.#port.close(CLOSED_IN_ORDER);
  }

  #foreign(what: string): void {
    const message = `${this.remoteEndpoint} sent ${what} where the bytes of a connection belong`;
    this.#abort(new TransportError("message-foreign", message, this.remoteEndpoint), UNSUPPORTED_DATA);
  }

  #abort(failure: TransportError, code?: number): void {
    if (this.#isOver) return;
    this.#failure = failure;
    this.#isOver = true;
    this.#held.clear();
    if (code !== undefined) this.#port.close(code);
    else this.#port.terminate();
    if (this.#events !== undefined) this.#report();
  }

  /** Tells that it is closed, once, in a turn of its own. */
  #report(): void {
    if (this.#isReported || this.#events === undefined) return;
    this.#isReported = true;
    const events = this.#events;
    this.#clock.yield(() => events.closed(this.#failure));
  }

  /** Looks whether a port that does not tell has sent everything. */
  #watch(): void {
    if (!this.#isOverfull || this.#isWatching || this.#port.tellsDrain === true || this.#events === undefined) return;
    this.#isWatching = true;
    this.#clock.schedule(LOOK_MS, () => {
      this.#isWatching = false;
      this.handleDrain();
      if (!this.#isOver) this.#watch();
    });
  }
}

const NOTHING = new Uint8Array(0);

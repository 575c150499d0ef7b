// A connection over a socket of Node: TCP, TLS or a Unix socket. The listeners of a socket are functions shared by all
// sockets and find their connection on the socket, so that an idle connection costs one small object above the socket
// itself.

import type { Socket } from "node:net";
import { TransportError, type Connection, type ConnectionEvents, type Identity } from "@troupe/core";
import { reasonOf } from "./socket-error.js";

/** How many bytes wait in the process, each way, before `write` returns false or reading from the system stops. */
export const SOCKET_BUFFER_BYTES = 65_536;

/** What the sockets of a connection are like, dialled and accepted. */
export function socketOptions(bufferBytes: number = SOCKET_BUFFER_BYTES): {
  readonly allowHalfOpen: true;
  readonly noDelay: true;
  readonly highWaterMark: number;
} {
  return { allowHalfOpen: true, noDelay: true, highWaterMark: bufferBytes };
}

/** The ends of a connection, and what is particular to its kind of socket. */
export interface SocketKind {
  readonly remoteEndpoint: string;
  readonly localEndpoint: string;
  readonly identity?: Identity | undefined;
  /** Ends it at once. The other side must be able to tell that from an orderly end. */
  readonly reset: (socket: Socket) => void;
  /** The socket that the system knows, if there is another one above it. */
  readonly raw?: Socket;
  /** What an error of the socket means to this kind; a reset unless it says so. */
  readonly explain?: (error: NodeJS.ErrnoException, endpoint: string) => TransportError | undefined;
  /** What an end means that comes ahead of the first byte, though this side has said something. */
  readonly explainSilence?: (endpoint: string) => TransportError;
}

interface OwnedSocket extends Socket {
  troupeConnection: SocketConnection;
}

/** Takes over a socket that is open and paused. */
export class SocketConnection implements Connection {
  readonly #kind: SocketKind;
  readonly #socket: Socket;
  #events: ConnectionEvents | undefined;
  #failure: TransportError | undefined;
  #isPaused = false;
  /** `write` returned false, and `drained` has not answered it yet. */
  #isOverfull = false;
  /** From then on the socket is not touched: what is below it may be gone already. */
  #isAborted = false;

  constructor(socket: Socket, kind: SocketKind) {
    this.#kind = kind;
    this.#socket = socket;
    (socket as OwnedSocket).troupeConnection = this;
    socket.on("error", onError);
    socket.on("close", onClose);
  }

  get remoteEndpoint(): string {
    return this.#kind.remoteEndpoint;
  }

  get localEndpoint(): string {
    return this.#kind.localEndpoint;
  }

  get identity(): Identity | undefined {
    return this.#kind.identity;
  }

  get buffered(): number {
    return this.#isAborted || this.#socket.destroyed ? 0 : this.#socket.writableLength;
  }

  open(events: ConnectionEvents): void {
    this.#events = events;
    const socket = this.#socket;
    if (socket.closed) return process.nextTick(closedBeforeOpen, this);
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("drain", onDrain);
    if (this.#isOverfull) process.nextTick(drainedBeforeOpen, this);
    if (!this.#isPaused) socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (this.#isAborted || !socket.writable) return false;
    if (bytes.length === 0) return !this.#isOverfull;
    // Node may say false although the system took everything at once; the `drain` that it emits then is not passed on.
    if (socket.write(bytes) || socket.writableLength === 0) return true;
    this.#isOverfull = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
    if (!this.#isAborted) this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#events !== undefined && !this.#isAborted) this.#socket.resume();
  }

  close(): void {
    this.#isOverfull = false;
    if (!this.#isAborted && this.#socket.writable) this.#socket.end();
  }

  abort(reason?: unknown): void {
    if (this.#isAborted || this.#socket.destroyed) return;
    this.#isAborted = true;
    const message = `the connection to ${this.remoteEndpoint} was aborted`;
    this.#failure = new TransportError("connection-aborted", message, this.remoteEndpoint, { cause: reason });
    this.#kind.reset(this.#socket);
  }

  handleData(bytes: Uint8Array): void {
    if (!this.#isAborted) this.#events?.received(bytes);
  }

  /**
   * libuv reports an end when the other side has reset a connection whose last bytes were not read yet. A write of
   * nothing sends nothing and fails after a reset, so it tells the two apart. It cannot be made once this side is closed
   * or has bytes waiting; the bytes that wait will fail by themselves.
   */
  handleEnd(): void {
    const socket = this.#socket;
    if (this.#isAborted) return;
    const { explainSilence, remoteEndpoint } = this.#kind;
    if (explainSilence !== undefined && socket.bytesRead === 0 && socket.bytesWritten > 0 && socket.writable) {
      this.#failure ??= explainSilence(remoteEndpoint);
      return void socket.destroy();
    }
    if (!socket.writable || socket.writableLength > 0) return this.#events?.ended();
    const probed = this.#kind.raw ?? socket;
    probed.write(new Uint8Array(0), (error) => {
      if (!error && !this.#isAborted && !socket.destroyed) this.#events?.ended();
    });
  }

  handleDrain(): void {
    if (!this.#isOverfull || this.#isAborted || this.#socket.destroyed || this.#socket.writableLength > 0) return;
    this.#isOverfull = false;
    this.#events?.drained();
  }

  handleError(error: NodeJS.ErrnoException): void {
    const { remoteEndpoint, explain } = this.#kind;
    this.#failure ??= explain?.(error, remoteEndpoint) ?? connectionReset(remoteEndpoint, error);
  }

  /** Without events yet, `open` tells it. */
  handleClose(): void {
    this.#events?.closed(this.#failure);
  }
}

function connectionReset(endpoint: string, error: Error): TransportError {
  const message = `the connection to ${endpoint} was lost: ${reasonOf(error)}`;
  return new TransportError("connection-reset", message, endpoint, { cause: error });
}

function onData(this: Socket, bytes: Uint8Array): void {
  (this as OwnedSocket).troupeConnection.handleData(bytes);
}

function onEnd(this: Socket): void {
  (this as OwnedSocket).troupeConnection.handleEnd();
}

function onDrain(this: Socket): void {
  (this as OwnedSocket).troupeConnection.handleDrain();
}

function onError(this: Socket, error: Error): void {
  (this as OwnedSocket).troupeConnection.handleError(error);
}

function onClose(this: Socket): void {
  (this as OwnedSocket).troupeConnection.handleClose();
}

function closedBeforeOpen(connection: SocketConnection): void {
  connection.handleClose();
}

function drainedBeforeOpen(connection: SocketConnection): void {
  connection.handleDrain();
}

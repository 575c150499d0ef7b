// TCP, and the only file that knows `node:net`. The listeners of a socket are functions shared by all sockets and find
// their connection on the socket, so that an idle connection costs one small object above the socket itself.

import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import {
  endpointInvalid,
  formatEndpoint,
  parseEndpoint,
  TransportError,
  type Connection,
  type ConnectionEvents,
  type TransportConnectOptions,
  type Transport,
  type TransportListener,
  type TransportListenOptions,
} from "@troupe/core";

/** How many bytes wait in the process, each way, before `write` returns false or reading from the system stops. */
export const TCP_BUFFER_BYTES = 65_536;

/** What TCP connections are like. */
export interface TcpOptions {
  /** See `TCP_BUFFER_BYTES`. */
  readonly bufferBytes?: number;
}

/** Makes the transport whose endpoints are `tcp://host:port`; port 0 listens on one that is free. */
export function tcp(options: TcpOptions = {}): Transport {
  return new TcpTransport(options);
}

class TcpTransport implements Transport {
  readonly schemes: readonly string[] = ["tcp"];
  readonly #socketOptions: { allowHalfOpen: boolean; noDelay: boolean; highWaterMark: number };

  constructor(options: TcpOptions) {
    this.#socketOptions = {
      allowHalfOpen: true,
      noDelay: true,
      highWaterMark: options.bufferBytes ?? TCP_BUFFER_BYTES,
    };
  }

  async connect(endpoint: string, { signal }: TransportConnectOptions = {}): Promise<Connection> {
    const { host, port } = addressOf(endpoint);
    if (port === 0) throw endpointInvalid(endpoint, "port 0 is for listening only");
    if (signal?.aborted === true) throw cancelled(endpoint, signal);
    // Paused from the start: nothing is read before `open`.
    const socket = connect({ ...this.#socketOptions, host, port }).pause();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        signal?.removeEventListener("abort", cancel);
        socket.off("connect", connected);
      };
      const cancel = (): void => {
        settle();
        socket.destroy();
        reject(cancelled(endpoint, signal));
      };
      // It stays when dialling failed, for errors that come late.
      const failed = (error: NodeJS.ErrnoException): void => {
        settle();
        reject(dialFailed(endpoint, error));
      };
      const connected = (): void => {
        settle();
        socket.off("error", failed);
        const local = endpointOf(socket.localAddress, socket.localPort);
        resolve(new TcpConnection(socket, formatEndpoint({ scheme: "tcp", host, port, path: "" }), local));
      };
      socket.on("connect", connected).on("error", failed);
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  async listen(
    endpoint: string,
    accept: (connection: Connection) => void,
    options: TransportListenOptions = {},
  ): Promise<TransportListener> {
    const { host, port } = addressOf(endpoint);
    const server = createServer({ ...this.#socketOptions, pauseOnConnect: true });
    await new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => reject(listenFailed(endpoint, error));
      server.once("error", failed);
      server.listen({ host, port }, () => {
        server.off("error", failed);
        resolve();
      });
    });
    return new TcpListener(server, accept, options);
  }
}

class TcpListener implements TransportListener {
  readonly endpoint: string;
  readonly #server: Server;

  constructor(server: Server, accept: (connection: Connection) => void, options: TransportListenOptions) {
    const { address, port } = server.address() as AddressInfo;
    const endpoint = endpointOf(address, port);
    const isAnyAddress = address === "::" || address === "0.0.0.0";
    const { connectionsMax = Infinity, onError } = options;
    this.endpoint = endpoint;
    this.#server = server;
    // Node takes 0 for no limit.
    if (connectionsMax > 0 && connectionsMax !== Infinity) server.maxConnections = connectionsMax;
    server.on("connection", (socket) => {
      if (connectionsMax <= 0) return void socket.destroy();
      const remote = endpointOf(socket.remoteAddress, socket.remotePort);
      const local = isAnyAddress ? endpointOf(socket.localAddress, socket.localPort) : endpoint;
      const connection = new TcpConnection(socket, remote, local);
      try {
        accept(connection);
      } catch (error) {
        connection.abort(error);
        throw error;
      }
    });
    server.on("error", (error) => {
      const message = `a connection to ${endpoint} could not be accepted: ${reasonOf(error)}`;
      onError?.(new TransportError("accept-failed", message, endpoint, { cause: error }));
    });
  }

  async close(): Promise<void> {
    // The system's socket is closed within the call. Node's own callback would wait for the connections too.
    if (this.#server.listening) this.#server.close();
  }
}

interface OwnedSocket extends Socket {
  troupeConnection: TcpConnection;
}

class TcpConnection implements Connection {
  readonly remoteEndpoint: string;
  readonly localEndpoint: string;
  readonly #socket: Socket;
  #events: ConnectionEvents | undefined;
  #failure: TransportError | undefined;
  #isPaused = false;
  /** `write` returned false, and `drained` has not answered it yet. */
  #isOverfull = false;

  constructor(socket: Socket, remoteEndpoint: string, localEndpoint: string) {
    this.remoteEndpoint = remoteEndpoint;
    this.localEndpoint = localEndpoint;
    this.#socket = socket;
    (socket as OwnedSocket).troupeConnection = this;
    socket.on("error", onError);
    socket.on("close", onClose);
  }

  get buffered(): number {
    return this.#socket.destroyed ? 0 : this.#socket.writableLength;
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
    if (!socket.writable) return false;
    if (bytes.length === 0) return !this.#isOverfull;
    // Node may say false although the system took everything at once; the `drain` that it emits then is not passed on.
    if (socket.write(bytes) || socket.writableLength === 0) return true;
    this.#isOverfull = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#events !== undefined) this.#socket.resume();
  }

  close(): void {
    this.#isOverfull = false;
    if (this.#socket.writable) this.#socket.end();
  }

  abort(reason?: unknown): void {
    if (this.#socket.destroyed) return;
    const message = `the connection to ${this.remoteEndpoint} was aborted`;
    this.#failure = new TransportError("connection-aborted", message, this.remoteEndpoint, { cause: reason });
    this.#socket.resetAndDestroy();
  }

  handleData(bytes: Uint8Array): void {
    this.#events?.received(bytes);
  }

  /**
   * libuv reports an end when the other side has reset a connection whose last bytes were not read yet. A write of
   * nothing sends nothing and fails after a reset, so it tells the two apart. It cannot be made once this side is closed
   * or has bytes waiting; the bytes that wait will fail by themselves.
   */
  handleEnd(): void {
    const socket = this.#socket;
    if (!socket.writable || socket.writableLength > 0) return this.#events?.ended();
    socket.write(new Uint8Array(0), (error) => {
      if (!error && !socket.destroyed) this.#events?.ended();
    });
  }

  handleDrain(): void {
    if (!this.#isOverfull || this.#socket.destroyed || this.#socket.writableLength > 0) return;
    this.#isOverfull = false;
    this.#events?.drained();
  }

  handleError(error: Error): void {
    const message = `the connection to ${this.remoteEndpoint} was lost: ${reasonOf(error)}`;
    this.#failure ??= new TransportError("connection-reset", message, this.remoteEndpoint, { cause: error });
  }

  /** Without events yet, `open` tells it. */
  handleClose(): void {
    this.#events?.closed(this.#failure);
  }
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

function closedBeforeOpen(connection: TcpConnection): void {
  connection.handleClose();
}

function drainedBeforeOpen(connection: TcpConnection): void {
  connection.handleDrain();
}

function addressOf(endpoint: string): { host: string; port: number } {
  const { scheme, host, port, path } = parseEndpoint(endpoint);
  if (scheme !== "tcp" || host === "" || port === undefined || path !== "") {
    throw endpointInvalid(endpoint, "it should look like tcp://host:port");
  }
  return { host, port };
}

/** The parts are undefined when the other side is gone already. */
function endpointOf(host: string | undefined, port: number | undefined): string {
  return formatEndpoint({ scheme: "tcp", host: host ?? "unknown", port, path: "" });
}

function cancelled(endpoint: string, signal: AbortSignal | undefined): TransportError {
  return new TransportError("cancelled", `dialling ${endpoint} was cancelled`, endpoint, { cause: signal?.reason });
}

function dialFailed(endpoint: string, error: NodeJS.ErrnoException): TransportError {
  if (error.code === "ECONNREFUSED") {
    return new TransportError("connect-refused", `nobody listens on ${endpoint}`, endpoint, { cause: error });
  }
  const message = `${endpoint} could not be reached: ${reasonOf(error)}`;
  return new TransportError("connect-failed", message, endpoint, { cause: error });
}

function listenFailed(endpoint: string, error: NodeJS.ErrnoException): TransportError {
  if (error.code === "EADDRINUSE") {
    return new TransportError("address-in-use", `somebody listens on ${endpoint} already`, endpoint, { cause: error });
  }
  const message = `it was not possible to listen on ${endpoint}: ${reasonOf(error)}`;
  return new TransportError("listen-failed", message, endpoint, { cause: error });
}

/** A host name with several addresses fails with one error for each of them, and no message of its own. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((each: Error) => each.message).join("; ");
  return error.message;
}

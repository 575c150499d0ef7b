// Dialling and listening with sockets of Node, the same for TCP, TLS and Unix sockets.

import type { ListenOptions as SocketAddress, Server, Socket } from "node:net";
import {
  dialCancelled,
  formatEndpoint,
  type Connection,
  type TransportError,
  type TransportListener,
  type TransportListenOptions,
} from "@troupe/core";
import { acceptFailed, dialFailed, listenFailed } from "./socket-error.js";

/** Waits until `socket` has emitted `event`. It is destroyed when that fails or `signal` is aborted. */
export function untilOpen<T extends Socket>(
  socket: T,
  event: string,
  endpoint: string,
  signal: AbortSignal | undefined,
  explain: (error: NodeJS.ErrnoException) => TransportError = (error) => dialFailed(endpoint, error),
): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal?.removeEventListener("abort", cancel);
      socket.off(event, opened).off("close", closed);
    };
    const cancel = (): void => {
      settle();
      socket.destroy();
      reject(dialCancelled(endpoint, signal));
    };
    // It stays when dialling failed, for errors that come late.
    const failed = (error: NodeJS.ErrnoException): void => {
      settle();
      socket.destroy();
      reject(explain(error));
    };
    const closed = (): void => failed(new Error("the other side ended it"));
    const opened = (): void => {
      settle();
      socket.off("error", failed);
      resolve(socket);
    };
    socket.on(event, opened).on("error", failed).on("close", closed);
    if (signal?.aborted === true) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
  });
}

/** How many may wait to be accepted: as many as systems allow. Node's own 511 are too few when everybody comes back at once. */
const BACKLOG = 4096;

/** Resolves when `server` listens. */
export function untilListening(server: Server, address: SocketAddress, endpoint: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(listenFailed(endpoint, error));
    server.once("error", failed);
    server.listen({ backlog: BACKLOG, ...address }, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

/** Hands every socket that a listening server accepts to `take`, and its errors to whoever listens. */
export class SocketListener implements TransportListener {
  readonly endpoint: string;
  readonly #server: Server;

  constructor(
    endpoint: string,
    server: Server,
    take: (socket: Socket) => void,
    { connectionsMax = Infinity, onError }: TransportListenOptions,
  ) {
    this.endpoint = endpoint;
    this.#server = server;
    // Node takes 0 for no limit.
    if (connectionsMax > 0 && connectionsMax !== Infinity) server.maxConnections = connectionsMax;
    server.on("connection", (socket: Socket) => {
      if (connectionsMax <= 0) socket.destroy();
      else take(socket);
    });
    server.on("error", (error) => onError?.(acceptFailed(endpoint, error)));
  }

  async close(): Promise<void> {
    // The system's socket is closed within the call. Node's own callback would wait for the connections too.
    if (this.#server.listening) this.#server.close();
  }
}

/** Gives a connection away; one that is not taken is aborted. */
export function handOver(connection: Connection, accept: (connection: Connection) => void): void {
  try {
    accept(connection);
  } catch (error) {
    connection.abort(error);
    throw error;
  }
}

/** The parts are undefined when the other side is gone already. */
export function endpointOf(scheme: string, host: string | undefined, port: number | undefined): string {
  return formatEndpoint({ scheme, host: host ?? "unknown", port, path: "" });
}

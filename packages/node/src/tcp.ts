// TCP: endpoints are `tcp://host:port`.

import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import {
  dialCancelled,
  endpointInvalid,
  formatEndpoint,
  parseEndpoint,
  type Connection,
  type TransportConnectOptions,
  type Transport,
  type TransportListener,
  type TransportListenOptions,
} from "@troupe/core";
import { SocketConnection, socketOptions } from "./socket-connection.js";
import { resetSocket } from "./socket-reset.js";
import { endpointOf, handOver, SocketListener, untilListening, untilOpen } from "./socket-dial.js";

/** What TCP connections are like. */
export interface TcpOptions {
  /** See `SOCKET_BUFFER_BYTES`. */
  readonly bufferBytes?: number;
}

/** Makes the transport whose endpoints are `tcp://host:port`; port 0 listens on one that is free. */
export function tcp(options: TcpOptions = {}): Transport {
  return new TcpTransport(options);
}

class TcpTransport implements Transport {
  readonly schemes: readonly string[] = ["tcp"];
  readonly #options: ReturnType<typeof socketOptions>;

  constructor({ bufferBytes }: TcpOptions) {
    this.#options = socketOptions(bufferBytes);
  }

  async connect(endpoint: string, { signal }: TransportConnectOptions = {}): Promise<Connection> {
    const { host, port } = hostAndPort(endpoint, "tcp");
    if (port === 0) throw endpointInvalid(endpoint, "port 0 is for listening only");
    if (signal?.aborted === true) throw dialCancelled(endpoint, signal);
    // Paused from the start: nothing is read before `open`.
    const dialling = connect({ ...this.#options, host, port }).pause();
    const socket = await untilOpen(dialling, "connect", endpoint, signal);
    const remoteEndpoint = formatEndpoint({ scheme: "tcp", host, port, path: "" });
    const localEndpoint = endpointOf("tcp", socket.localAddress, socket.localPort);
    return new SocketConnection(socket, { remoteEndpoint, localEndpoint, reset: resetSocket });
  }

  async listen(
    endpoint: string,
    accept: (connection: Connection) => void,
    options: TransportListenOptions = {},
  ): Promise<TransportListener> {
    const { host, port } = hostAndPort(endpoint, "tcp");
    const server = createServer({ ...this.#options, pauseOnConnect: true });
    await untilListening(server, { host, port }, endpoint);
    const local = server.address() as AddressInfo;
    const own = endpointOf("tcp", local.address, local.port);
    const take = (socket: Socket): void => {
      const ends = acceptedEnds("tcp", socket, own);
      handOver(new SocketConnection(socket, { ...ends, reset: resetSocket }), accept);
    };
    return new SocketListener(own, server, take, options);
  }
}

/** The host and port of an endpoint that has to have both, and no path. */
export function hostAndPort(endpoint: string, wanted: string): { host: string; port: number } {
  const { scheme, host, port, path } = parseEndpoint(endpoint);
  if (scheme !== wanted || host === "" || port === undefined || path !== "") {
    throw endpointInvalid(endpoint, `it should look like ${wanted}://host:port`);
  }
  return { host, port };
}

/** The ends of an accepted socket. A listener on any address names the one that was dialled. */
export function acceptedEnds(
  scheme: string,
  socket: Socket,
  own: string,
): { remoteEndpoint: string; localEndpoint: string } {
  const { host } = parseEndpoint(own);
  const isAnyAddress = host === "::" || host === "0.0.0.0";
  return {
    remoteEndpoint: endpointOf(scheme, socket.remoteAddress, socket.remotePort),
    localEndpoint: isAnyAddress ? endpointOf(scheme, socket.localAddress, socket.localPort) : own,
  };
}

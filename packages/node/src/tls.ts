// TLS: endpoints are `tls://host:port`. Both sides verify what they are shown before a byte of the application passes.

import { connect as connectSocket, createServer, isIP, type AddressInfo, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer, type Server, type TLSSocket } from "node:tls";
import {
  dialCancelled,
  endpointInvalid,
  formatEndpoint,
  TransportError,
  type Connection,
  type TransportConnectOptions,
  type Transport,
  type TransportListener,
  type TransportListenOptions,
} from "@troupe/core";
import { HandshakeGate } from "./handshake-gate.js";
import { SocketConnection, socketOptions } from "./socket-connection.js";
import { whenNotEnding } from "./socket-reset.js";
import { endpointOf, handOver, SocketListener, untilListening, untilOpen } from "./socket-dial.js";
import { acceptedEnds, hostAndPort } from "./tcp.js";
import { identityOf, refusalOf, TlsCredentials, type TlsOptions } from "./tls-credentials.js";
import { alerted, endedAtOnce, tlsAcceptFailed, tlsDialFailed } from "./tls-error.js";

/**
 * Makes the transport whose endpoints are `tls://host:port`. The certificate of who listens is always verified, that of
 * who dials if the listener demands it.
 *
 * @throws TransportError `certificate-invalid` when key and certificate cannot be used.
 *
 * @example
 * const server = tls({ cert: { file: "server.pem" }, key: { file: "server.key" }, ca: { file: "clients.pem" } });
 */
export function tls(options: TlsOptions = {}): Transport {
  return new TlsTransport(options);
}

class TlsTransport implements Transport {
  readonly schemes: readonly string[] = ["tls"];
  readonly #credentials: TlsCredentials;
  readonly #options: TlsOptions;

  constructor(options: TlsOptions) {
    this.#options = options;
    this.#credentials = new TlsCredentials(options);
  }

  async connect(endpoint: string, { signal }: TransportConnectOptions = {}): Promise<Connection> {
    const { host, port } = hostAndPort(endpoint, "tls");
    if (port === 0) throw endpointInvalid(endpoint, "port 0 is for listening only");
    if (signal?.aborted === true) throw dialCancelled(endpoint, signal);
    const dialling = connectSocket({ ...socketOptions(this.#options.bufferBytes), host, port });
    const raw = await untilOpen(dialling, "connect", endpoint, signal);
    const socket = secured(raw, host, this.#credentials);
    await untilOpen(socket, "secureConnect", endpoint, signal, (error) => tlsDialFailed(endpoint, error));
    socket.pause();
    return new SocketConnection(socket, {
      remoteEndpoint: formatEndpoint({ scheme: "tls", host, port, path: "" }),
      localEndpoint: endpointOf("tls", raw.localAddress, raw.localPort),
      identity: identityOf(socket),
      raw,
      reset: () => resetBoth(raw, socket),
      explain: alerted,
      explainSilence: endedAtOnce,
    });
  }

  async listen(
    endpoint: string,
    accept: (connection: Connection) => void,
    options: TransportListenOptions = {},
  ): Promise<TransportListener> {
    const { host, port } = hostAndPort(endpoint, "tls");
    if (!this.#credentials.hasCertificate) {
      throw new TransportError(
        "certificate-missing",
        `to listen on ${endpoint} takes a certificate and a key`,
        endpoint,
      );
    }
    // One who leaves during the handshake has left; only a connection has halves.
    const server = createServer({ ...socketOptions(this.#options.bufferBytes), allowHalfOpen: false });
    await untilListening(server, { host, port }, endpoint);
    const local = server.address() as AddressInfo;
    const own = endpointOf("tls", local.address, local.port);
    const gate = new HandshakeGate("tls", options);
    const handshakes = this.#handshakes(own, gate, accept);
    const take = (raw: Socket): void => {
      gate.enter(raw);
      this.#credentials.renew(handshakes, options.onError);
      handshakes.emit("connection", raw);
    };
    return new GatedListener(new SocketListener(own, server, take, options), gate);
  }

  /** Node's own server of TLS, which does not listen itself: it is given the sockets that were accepted. */
  #handshakes(own: string, gate: HandshakeGate, accept: (connection: Connection) => void): Server {
    const server = createTlsServer(this.#credentials.serverOptions());
    server.on("tlsClientError", (error, socket) => tellRefusal(gate, error, socket));
    server.on("secureConnection", (socket) => {
      const raw = gate.of(socket);
      if (raw === undefined || !gate.leave(raw)) return void socket.destroy();
      const ends = acceptedEnds("tls", raw, own);
      const refusal = refusalOf(socket, ends.remoteEndpoint);
      if (refusal !== undefined) {
        gate.failed(refusal);
        return void socket.destroy();
      }
      socket.allowHalfOpen = true;
      socket.pause();
      const identity = socket.authorized ? identityOf(socket) : undefined;
      const kind = { ...ends, identity, raw, reset: () => resetBoth(raw, socket), explain: alerted };
      handOver(new SocketConnection(socket, kind), accept);
    });
    return server;
  }
}

/** A handshake has come to nothing, for the reason that Node gives or for what it found about the certificate. */
export function tellRefusal(gate: HandshakeGate, error: Error, socket: TLSSocket): void {
  const raw = gate.of(socket);
  if (raw === undefined) return;
  const failure = tlsAcceptFailed(gate.endpointOf(raw), socket, error);
  if (!gate.leave(raw)) return;
  gate.failed(failure);
  raw.destroy();
}

/** A listener whose handshakes end with it. */
export class GatedListener implements TransportListener {
  readonly #listener: TransportListener;
  readonly #gate: HandshakeGate;

  constructor(listener: TransportListener, gate: HandshakeGate) {
    this.#listener = listener;
    this.#gate = gate;
  }

  get endpoint(): string {
    return this.#listener.endpoint;
  }

  async close(): Promise<void> {
    this.#gate.close();
    await this.#listener.close();
  }
}

/** TLS of who dials, over a socket that is open. */
export function secured(raw: Socket, host: string, credentials: TlsCredentials): TLSSocket {
  const name = credentials.serverName ?? host;
  return connectTls({
    socket: raw,
    secureContext: credentials.context(),
    host: name,
    // An address is no name that could be asked for.
    ...(isIP(name) === 0 && { servername: name }),
    // Said in so many words, since the environment of the process can change what holds when it is not.
    rejectUnauthorized: true,
  });
}

/**
 * Node ends the socket above first and then destroys the one below, and only in that order is it safe: so that one is
 * made to end with a reset, which tells the other side that this was no orderly end.
 */
function resetBoth(raw: Socket, socket: Socket): void {
  raw.destroy = (error) => {
    Reflect.deleteProperty(raw, "destroy");
    return error === undefined ? raw.resetAndDestroy() : raw.destroy(error);
  };
  whenNotEnding(socket, () => void socket.destroy());
}

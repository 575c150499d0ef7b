// WebSockets on Node, both ends, and the only file that knows `ws`: endpoints are `ws://host:port/path` and `wss://…`.

import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { isIP, type AddressInfo, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import {
  dialCancelled,
  endpointInvalid,
  formatEndpoint,
  parseEndpoint,
  TransportError,
  WebSocketConnection,
  type Connection,
  type Endpoint,
  type TransportConnectOptions,
  type Transport,
  type TransportListener,
  type TransportListenOptions,
  type Upgrade,
  type WebSocketPort,
} from "@troupe/core";
import { WebSocket, WebSocketServer } from "ws";
import { HandshakeGate } from "./handshake-gate.js";
import { originCheck, type Origins } from "./origins.js";
import { endpointOf, handOver, SocketListener, untilListening } from "./socket-dial.js";
import { addressInUse, dialFailed } from "./socket-error.js";
import { identityOf, refusalOf, TlsCredentials, type TlsOptions } from "./tls-credentials.js";
import { GatedListener, tellRefusal } from "./tls.js";
import { tlsDialFailed } from "./tls-error.js";

/** The longest message that is taken. */
export const WEB_SOCKET_TAKEN_BYTES_MAX = 1_048_576;

/** Where WebSockets are accepted, and of whom. */
export interface NodeWebSocketOptions {
  /** The pages that may connect: none unless they are listed. What is no browser always may. */
  readonly origins?: Origins;
  /** A running server of HTTP to listen on, beside what it does already, in place of a port of its own. */
  readonly server?: Server | SecureServer;
  /** Keys and certificates of `wss://`. */
  readonly tls?: TlsOptions | undefined;
  /** See `WEB_SOCKET_BUFFER_BYTES`. */
  readonly bufferBytes?: number;
}

/** Makes the transport whose endpoints are `ws://host:port/path` and `wss://host:port/path`. */
export function webSocket(options: NodeWebSocketOptions = {}): Transport {
  return new NodeWebSocketTransport(options);
}

/** Compression costs more than it saves on bytes that are packed already, and memory for each connection. */
const PLAIN = { perMessageDeflate: false, maxPayload: WEB_SOCKET_TAKEN_BYTES_MAX, skipUTF8Validation: true } as const;

class NodeWebSocketTransport implements Transport {
  readonly schemes: readonly string[] = ["ws", "wss"];
  readonly #options: NodeWebSocketOptions;
  readonly #isAllowed: (origin: string | undefined) => boolean;
  readonly #credentials: TlsCredentials;

  constructor(options: NodeWebSocketOptions) {
    this.#options = options;
    this.#isAllowed = originCheck(options.origins);
    this.#credentials = new TlsCredentials(options.tls ?? {});
  }

  async connect(endpoint: string, { signal }: TransportConnectOptions = {}): Promise<Connection> {
    const { scheme, host } = addressOf(endpoint);
    if (signal?.aborted === true) throw dialCancelled(endpoint, signal);
    const name = this.#credentials.serverName ?? host;
    const socket = new WebSocket(endpoint, {
      ...PLAIN,
      followRedirects: false,
      ...(scheme === "wss" && {
        secureContext: this.#credentials.context(),
        rejectUnauthorized: true,
        // An address is no name that could be asked for.
        servername: isIP(name) === 0 ? name : "",
      }),
    });
    return await dialled(socket, endpoint, signal, this.#options.bufferBytes);
  }

  async listen(
    endpoint: string,
    accept: (connection: Connection) => void,
    options: TransportListenOptions = {},
  ): Promise<TransportListener> {
    const { scheme, host, port, path } = parseEndpoint(endpoint);
    if (!this.schemes.includes(scheme) || host === "" || path.includes("?")) {
      throw endpointInvalid(endpoint, "it should look like ws://host:port/path, or wss:// the same");
    }
    const gate = new HandshakeGate(scheme, options);
    const upgrades = new Upgrades({
      scheme,
      path: pathOnly(path),
      gate,
      accept,
      isAllowed: this.#isAllowed,
      bufferBytes: this.#options.bufferBytes,
      connectionsMax: options.connectionsMax ?? Infinity,
    });
    const given = this.#options.server;
    if (given !== undefined) return new AttachedListener(given, scheme, path, upgrades);
    const server = scheme === "wss" ? this.#secureServer(endpoint, gate, options) : createServer();
    server.on("request", (_request, response) => {
      response.writeHead(426, { connection: "close", upgrade: "websocket" }).end("WebSockets only.\n");
    });
    server.on("upgrade", (request, socket: Duplex, head) => upgrades.take(request, socket as Socket, head));
    server.on("clientError", (_error, socket) => void socket.destroy());
    await untilListening(server, { host, port: port ?? (scheme === "wss" ? 443 : 80) }, endpoint);
    const { address, port: taken } = server.address() as AddressInfo;
    const own = formatEndpoint({ scheme, host: address, port: taken, path });
    const listener = new SocketListener(own, server, (socket) => gate.enter(socket), options);
    return new GatedListener(listener, gate);
  }

  #secureServer(endpoint: string, gate: HandshakeGate, { onError }: TransportListenOptions): SecureServer {
    if (!this.#credentials.hasCertificate) {
      throw new TransportError(
        "certificate-missing",
        `to listen on ${endpoint} takes a certificate and a key`,
        endpoint,
      );
    }
    const server = createSecureServer(this.#credentials.serverOptions());
    // Ahead of Node's own listener, which begins the handshake.
    server.prependListener("connection", () => this.#credentials.renew(server, onError));
    server.on("tlsClientError", (error, socket) => tellRefusal(gate, error, socket));
    return server;
  }
}

interface UpgradesOptions {
  readonly scheme: string;
  readonly path: string;
  readonly gate: HandshakeGate;
  readonly accept: (connection: Connection) => void;
  readonly isAllowed: (origin: string | undefined) => boolean;
  readonly bufferBytes: number | undefined;
  readonly connectionsMax: number;
}

/** Turns requests into connections, or refuses them while they are still requests. */
class Upgrades {
  readonly #options: UpgradesOptions;
  readonly #sockets = new WebSocketServer({ ...PLAIN, noServer: true, clientTracking: false });
  #connections = 0;

  constructor(options: UpgradesOptions) {
    this.#options = options;
  }

  isFor(request: IncomingMessage): boolean {
    return pathOf(request) === this.#options.path;
  }

  take(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { gate, scheme, accept, isAllowed, bufferBytes, connectionsMax } = this.#options;
    const raw = gate.of(socket);
    const remoteEndpoint = endpointOf(scheme, socket.remoteAddress, socket.remotePort);
    const refuse = (status: string, error: TransportError | undefined): void => {
      if (error !== undefined) gate.failed(error);
      // The gate goes on counting its time until it is gone.
      socket.on("error", () => {});
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    if (!this.isFor(request)) return refuse("404 Not Found", undefined);
    const { origin } = request.headers;
    if (!isAllowed(origin)) {
      const message = `${remoteEndpoint} was refused: pages of ${origin} may not connect`;
      return refuse("403 Forbidden", new TransportError("origin-refused", message, remoteEndpoint));
    }
    const refusal = socket instanceof TLSSocket ? refusalOf(socket, remoteEndpoint) : undefined;
    if (refusal !== undefined) {
      if (raw !== undefined) gate.leave(raw);
      gate.failed(refusal);
      return void socket.destroy();
    }
    if (this.#connections >= connectionsMax) return refuse("503 Service Unavailable", undefined);
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      if (raw !== undefined && !gate.leave(raw)) return webSocket.terminate();
      this.#connections++;
      webSocket.once("close", () => this.#connections--);
      const identity = socket instanceof TLSSocket && socket.authorized ? identityOf(socket) : undefined;
      const localEndpoint = endpointOf(scheme, socket.localAddress, socket.localPort);
      const ends = { remoteEndpoint, localEndpoint, identity, upgrade: upgradeOf(request), bufferBytes };
      handOver(adapted(webSocket, ends), accept);
    });
  }
}

/** A listener on one path of somebody else's server. */
class AttachedListener implements TransportListener {
  readonly endpoint: string;
  readonly #server: Server | SecureServer;
  readonly #path: string;
  readonly #take: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

  constructor(server: Server | SecureServer, scheme: string, path: string, upgrades: Upgrades) {
    const address = server.address();
    if (address === null || typeof address === "string") {
      throw new TransportError("listen-failed", "the server that was given does not listen on a port", `${scheme}://`);
    }
    this.endpoint = formatEndpoint({ scheme, host: address.address, port: address.port, path });
    this.#server = server;
    this.#path = pathOnly(path);
    if (upgradesOf(server).has(this.#path)) throw addressInUse(this.endpoint);
    upgradesOf(server).add(this.#path);
    this.#take = (request, socket, head) => {
      const isNobodys = server.listenerCount("upgrade") === 1;
      if (upgrades.isFor(request) || isNobodys) upgrades.take(request, socket as Socket, head);
    };
    server.on("upgrade", this.#take);
  }

  async close(): Promise<void> {
    this.#server.off("upgrade", this.#take);
    upgradesOf(this.#server).delete(this.#path);
  }
}

let attached: WeakMap<Server | SecureServer, Set<string>> | undefined;

/** The paths of a server that somebody listens on. */
function upgradesOf(server: Server | SecureServer): Set<string> {
  attached ??= new WeakMap();
  let paths = attached.get(server);
  if (paths === undefined) attached.set(server, (paths = new Set()));
  return paths;
}

/** Where to dial. @throws TransportError `endpoint-invalid` */
function addressOf(endpoint: string): Endpoint {
  const parsed = parseEndpoint(endpoint);
  const { scheme, host, port, path } = parsed;
  if ((scheme !== "ws" && scheme !== "wss") || host === "" || port === 0 || path.includes("#")) {
    throw endpointInvalid(endpoint, "it should look like ws://host:port/path, or wss:// the same");
  }
  return parsed;
}

function pathOnly(path: string): string {
  return path === "" ? "/" : path;
}

function pathOf({ url = "/" }: IncomingMessage): string {
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}

function upgradeOf({ url = "/", headers }: IncomingMessage): Upgrade {
  const texts = Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
  return Object.freeze({ path: url, origin: headers.origin, headers: Object.freeze(Object.fromEntries(texts)) });
}

function dialled(
  webSocket: WebSocket,
  endpoint: string,
  signal: AbortSignal | undefined,
  bufferBytes: number | undefined,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let below: Socket | undefined;
    const settle = (): void => {
      signal?.removeEventListener("abort", cancel);
    };
    const fail = (error: TransportError): void => {
      settle();
      reject(error);
      webSocket.terminate();
    };
    const cancel = (): void => fail(dialCancelled(endpoint, signal));
    const failed = (error: Error): void => fail(explained(endpoint, error));
    webSocket.on("error", failed);
    webSocket.once("upgrade", ({ socket }) => (below = socket));
    webSocket.once("unexpected-response", (_request, { statusCode, statusMessage }) => {
      const message = `${endpoint} refused the connection: ${statusCode} ${statusMessage}`;
      const code = statusCode === 403 ? "origin-refused" : "connect-failed";
      fail(new TransportError(code, message, endpoint));
    });
    webSocket.once("open", () => {
      settle();
      webSocket.off("error", failed);
      const socket = below as Socket;
      const { scheme } = parseEndpoint(endpoint);
      const localEndpoint = endpointOf(scheme, socket.localAddress, socket.localPort);
      const identity = socket instanceof TLSSocket ? identityOf(socket) : undefined;
      resolve(adapted(webSocket, { remoteEndpoint: endpoint, localEndpoint, identity, bufferBytes }));
    });
    signal?.addEventListener("abort", cancel, { once: true });
  });
}

function explained(endpoint: string, error: Error): TransportError {
  return endpoint.startsWith("wss") ? tlsDialFailed(endpoint, error) : dialFailed(endpoint, error);
}

/** A connection over a WebSocket of `ws`. */
function adapted(
  webSocket: WebSocket,
  options: ConstructorParameters<typeof WebSocketConnection>[1],
): WebSocketConnection {
  const port: WebSocketPort = {
    get bufferedAmount() {
      return webSocket.bufferedAmount;
    },
    tellsDrain: true,
    // Told of each message: the socket's own `drain` comes only when it was fuller than this side may let it become.
    send: (bytes) => webSocket.send(bytes, () => connection.handleDrain()),
    close: (code) => webSocket.close(code),
    terminate: () => webSocket.terminate(),
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
  };
  const connection = new WebSocketConnection(port, options);
  webSocket.on("message", (data: Buffer, isBinary) => {
    if (isBinary) connection.handleMessage(data);
    else connection.handleText();
  });
  let cause: Error | undefined;
  webSocket.on("error", (error) => (cause = error));
  webSocket.on("close", (code) => connection.handleClose(code, cause));
  return connection;
}

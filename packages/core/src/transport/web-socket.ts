// WebSockets that are dialled with what the platform has: endpoints are `ws://host:port/path` and `wss://…`. Browsers
// cannot listen; on Node, `@troupe/node` can.

import { oneShot, type Clock } from "../base/index.js";
import {
  TransportError,
  type Connection,
  type TransportConnectOptions,
  type Transport,
  type TransportListener,
} from "./connection.js";
import { endpointInvalid, formatEndpoint, parseEndpoint } from "./endpoint.js";
import { WebSocketConnection, type WebSocketPort } from "./web-socket-connection.js";

/** A WebSocket of the platform, as far as it is used here. */
export interface PlatformWebSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  send(bytes: Uint8Array): void;
  close(code?: number): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
}

/** How WebSockets are dialled. */
export interface WebSocketOptions {
  /** Makes one; the platform's own unless given. */
  readonly WebSocket?: new (url: string) => PlatformWebSocket;
  /** See `WEB_SOCKET_BUFFER_BYTES`. */
  readonly bufferBytes?: number;
  readonly clock?: Clock;
}

/** Codes that a page may close with begin here. */
const PRIVATE_CODES = 3000;
/** Says that this side gave up: a code for private use. */
const ABORTED = 4000;

/**
 * Makes the transport that dials `ws://` and `wss://` with the platform's WebSocket.
 *
 * @example
 * const peer = await connect("wss://example.org/troupe", { transports: [webSocket()] });
 */
export function webSocket(options: WebSocketOptions = {}): Transport {
  return new WebSocketTransport(options);
}

class WebSocketTransport implements Transport {
  readonly schemes: readonly string[] = ["ws", "wss"];
  readonly #options: WebSocketOptions;

  constructor(options: WebSocketOptions) {
    this.#options = options;
  }

  async connect(endpoint: string, { signal }: TransportConnectOptions = {}): Promise<Connection> {
    const url = webSocketUrl(endpoint);
    if (signal?.aborted === true) throw cancelled(endpoint, signal);
    const Made = this.#options.WebSocket ?? (globalThis as Pick<WebSocketOptions, "WebSocket">).WebSocket;
    if (Made === undefined) {
      throw new TransportError(
        "connect-failed",
        `${endpoint} cannot be dialled: this platform has no WebSocket`,
        endpoint,
      );
    }
    return await dial(new Made(url), endpoint, signal, this.#options);
  }

  async listen(endpoint: string): Promise<TransportListener> {
    webSocketUrl(endpoint);
    throw new TransportError("listen-unsupported", `this platform cannot listen on ${endpoint}`, endpoint);
  }
}

/** @throws TransportError `endpoint-invalid` */
export function webSocketUrl(endpoint: string): string {
  const { scheme, host, port, path } = parseEndpoint(endpoint);
  if ((scheme !== "ws" && scheme !== "wss") || host === "" || path.includes("#")) {
    throw endpointInvalid(endpoint, "it should look like ws://host:port/path, or wss:// the same");
  }
  if (port === 0) throw endpointInvalid(endpoint, "port 0 is for listening only");
  return formatEndpoint({ scheme, host, port, path });
}

function dial(
  socket: PlatformWebSocket,
  endpoint: string,
  signal: AbortSignal | undefined,
  { bufferBytes, clock }: WebSocketOptions,
): Promise<Connection> {
  const { promise, resolve, reject } = oneShot<Connection>();
  let connection: WebSocketConnection | undefined;
  const cancel = (): void => {
    reject(cancelled(endpoint, signal));
    socket.close();
  };
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    signal?.removeEventListener("abort", cancel);
    connection = new WebSocketConnection(portOf(socket), {
      remoteEndpoint: endpoint,
      localEndpoint: endpoint,
      bufferBytes,
      clock,
    });
    resolve(connection);
  };
  socket.onmessage = ({ data }: { data: unknown }) => {
    if (data instanceof ArrayBuffer) connection?.handleMessage(new Uint8Array(data));
    else connection?.handleText();
  };
  socket.onclose = ({ code }: { code: number }) => {
    signal?.removeEventListener("abort", cancel);
    connection?.handleClose(code);
    // A page is not told why.
    const message = `${endpoint} could not be reached, or refused the connection (close code ${code})`;
    reject(new TransportError("connect-failed", message, endpoint));
  };
  socket.onerror = () => {};
  signal?.addEventListener("abort", cancel, { once: true });
  return promise;
}

function portOf(socket: PlatformWebSocket): WebSocketPort {
  return {
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
    send: (bytes) => socket.send(bytes),
    // Of the codes of the standard a page may use the first only.
    close: (code) => socket.close(code === 1000 || code >= PRIVATE_CODES ? code : PRIVATE_CODES + code),
    terminate: () => socket.close(ABORTED),
  };
}

function cancelled(endpoint: string, signal: AbortSignal | undefined): TransportError {
  return new TransportError("cancelled", `dialling ${endpoint} was cancelled`, endpoint, { cause: signal?.reason });
}

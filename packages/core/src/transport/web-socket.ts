// WebSockets that are dialled with what the platform has: endpoints are `ws://host:port/path` and `wss://…`. Browsers
// cannot listen; on Node, `@troupe/node` can.

import { oneShot, type Clock } from "../base/index.js";
import {
  dialCancelled,
  TransportError,
  type Connection,
  type TransportConnectOptions,
  type Transport,
  type TransportListener,
} from "./connection.js";
import { endpointInvalid } from "./endpoint.js";
import { WebSocketConnection, type WebSocketPort } from "./web-socket-connection.js";

/** A WebSocket of the platform, as far as it is used here. */
export interface PlatformWebSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  send(bytes: Uint8Array): void;
  close(code?: number): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
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

/** Says that this side gave up: a code for private use, since of those of the standard a page may use 1000 only. */
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
    if (signal?.aborted === true) throw dialCancelled(endpoint, signal);
    const Made = this.#options.WebSocket ?? (globalThis as Pick<WebSocketOptions, "WebSocket">).WebSocket;
    if (Made === undefined) {
      throw new TransportError(
        "connect-failed",
        `${endpoint} cannot be dialled: this platform has no WebSocket`,
        endpoint,
      );
    }
    return await dial(made(Made, endpoint), endpoint, signal, this.#options);
  }

  async listen(endpoint: string): Promise<TransportListener> {
    throw new TransportError("listen-unsupported", `this platform cannot listen on ${endpoint}`, endpoint);
  }
}

/** The platform knows what it can dial. */
function made(WebSocket: NonNullable<WebSocketOptions["WebSocket"]>, endpoint: string): PlatformWebSocket {
  try {
    return new WebSocket(endpoint);
  } catch (error) {
    throw endpointInvalid(endpoint, String(error));
  }
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
    reject(dialCancelled(endpoint, signal));
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
  signal?.addEventListener("abort", cancel, { once: true });
  return promise;
}

function portOf(socket: PlatformWebSocket): WebSocketPort {
  return {
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
    send: (bytes) => socket.send(bytes),
    close: (code) => socket.close(code === 1000 ? code : ABORTED),
    terminate: () => socket.close(ABORTED),
  };
}

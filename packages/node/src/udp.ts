// Reliable UDP: endpoints are `udp://address:port`. udx orders, repeats and paces; handshake, window and ends are Troupe's own.
// The only file that loads udx-native.

import { randomBytes, randomInt } from "node:crypto";
import { isIP } from "node:net";
import {
  dialCancelled,
  endpointInvalid,
  formatEndpoint,
  systemClock,
  TransportError,
  type Connection,
  type Transport,
  type TransportConnectOptions,
  type TransportListener,
  type TransportListenOptions,
} from "@troupe/core";
import type UDX from "udx-native";
import type { UdxAddress, UdxSocket } from "udx-native";
import { handOver } from "./socket-dial.js";
import { acceptFailed, dialFailed, listenFailed } from "./socket-error.js";
import { hostAndPort } from "./tcp.js";
import { COOKIE_MS, Cookies, encodeHandshake, HandshakeKind, parseHandshake, type Handshake } from "./udp-handshake.js";
import { udpConnection, UDP_WINDOW_BYTES } from "./udx-port.js";

/** What connections over UDP are like. */
export interface UdpOptions {
  /** See `UDP_WINDOW_BYTES`; both sides should have the same. */
  readonly windowBytes?: number;
}

/** How often a question is asked again that was not answered, and after how long, in milliseconds. */
const ASKED_MAX = 10;
const ASK_MS = 200;
/** How long after its stream has ended a socket may take to be done with what was written, in milliseconds. */
const LINGER_MS = 2000;
/** The same where all that was written was given up, but for that word. */
const ABORTED_MS = 250;

/** How many connections that are gone are remembered, so that nobody repeats them. */
const OVER_MAX = 10_000;

let loading: Promise<UDX> | undefined;

/** One for the process. Where there is no binary for the platform, that is told when it is used. */
function load(endpoint: string): Promise<UDX> {
  loading ??= import("udx-native").then(({ default: Udx }) => new Udx());
  return loading.catch((error: unknown) => {
    const message = `${endpoint}: there is no reliable UDP on this platform`;
    throw new TransportError("udp-unavailable", message, endpoint, { cause: error });
  });
}

/** Makes the transport whose endpoints are `udp://address:port`; port 0 listens on one that is free. */
export function udp(options: UdpOptions = {}): Transport {
  return new UdpTransport(options);
}

class UdpTransport implements Transport {
  readonly schemes: readonly string[] = ["udp"];
  readonly #windowBytes: number;

  constructor({ windowBytes = UDP_WINDOW_BYTES }: UdpOptions) {
    this.#windowBytes = windowBytes;
  }

  async connect(endpoint: string, { signal }: TransportConnectOptions = {}): Promise<Connection> {
    const { host, port } = addressOf(endpoint);
    if (port === 0) throw endpointInvalid(endpoint, "port 0 is for listening only");
    throwIfCancelled(endpoint, signal);
    const udx = await load(endpoint);
    throwIfCancelled(endpoint, signal);
    const socket = bound(udx, 0, isIP(host) === 6 ? "::" : "0.0.0.0", (error) => dialFailed(endpoint, error));
    const stream = randomInt(1, 2 ** 32 - 1);
    let accepted: Handshake;
    try {
      accepted = await asked(socket, endpoint, { host, port, stream }, signal);
    } catch (error) {
      void socket.close();
      throw error;
    }
    const from = socket.address() as UdxAddress;
    return connected(udx, socket, stream, { host, port: accepted.port, id: accepted.stream }, this.#windowBytes, {
      remoteEndpoint: formatEndpoint({ scheme: "udp", host, port, path: "" }),
      localEndpoint: formatEndpoint({ scheme: "udp", host: from.host, port: from.port, path: "" }),
    });
  }

  async listen(
    endpoint: string,
    accept: (connection: Connection) => void,
    options: TransportListenOptions = {},
  ): Promise<TransportListener> {
    const { host, port } = addressOf(endpoint);
    const udx = await load(endpoint);
    const socket = bound(udx, port, host, (error) => listenFailed(endpoint, error));
    const local = socket.address() as UdxAddress;
    return new UdpListener(udx, socket, { host, port: local.port }, this.#windowBytes, accept, options);
  }
}

/** Accepts whoever confirms, each on a socket of its own. */
class UdpListener implements TransportListener {
  readonly endpoint: string;
  readonly #udx: UDX;
  readonly #socket: UdxSocket;
  readonly #host: string;
  readonly #windowBytes: number;
  readonly #accept: (connection: Connection) => void;
  readonly #connectionsMax: number;
  readonly #onError: TransportListenOptions["onError"];
  readonly #cookies = new Cookies();
  /** What was answered to those who are connected, in case the answer was lost. */
  readonly #answered = new Map<string, Buffer>();
  /** Until when the words of those who are gone could be believed, if somebody said them again; the oldest first. */
  readonly #over = new Map<string, number>();
  #closing: Promise<void> | undefined;

  constructor(
    udx: UDX,
    socket: UdxSocket,
    { host, port }: UdxAddress,
    windowBytes: number,
    accept: (connection: Connection) => void,
    { connectionsMax = Infinity, onError }: TransportListenOptions,
  ) {
    this.#onError = onError;
    this.endpoint = formatEndpoint({ scheme: "udp", host, port, path: "" });
    this.#udx = udx;
    this.#socket = socket;
    this.#host = host;
    this.#windowBytes = windowBytes;
    this.#accept = accept;
    this.#connectionsMax = connectionsMax;
    socket.on("message", (bytes: Buffer, from: UdxAddress) => this.#received(bytes, from));
  }

  close(): Promise<void> {
    this.#closing ??= this.#socket.close();
    return this.#closing;
  }

  #received(bytes: Buffer, from: UdxAddress): void {
    const asked = parseHandshake(bytes);
    if (asked === undefined || this.#closing !== undefined) return;
    const { kind, nonce, cookie } = asked;
    if (kind === HandshakeKind.ask) {
      const answer = encodeHandshake({
        kind: HandshakeKind.cookie,
        nonce,
        cookie: this.#cookies.of(nonce, from.host, from.port, systemClock.now()),
      });
      this.#socket.trySend(answer, from.port, from.host);
    } else if (
      kind === HandshakeKind.confirm &&
      this.#cookies.isOwn(cookie, nonce, from.host, from.port, systemClock.now())
    ) {
      try {
        this.#socket.trySend(this.#confirmed(asked, from), from.port, from.host);
      } catch (error) {
        // Too many open files, or an owner who throws: whoever asked asks again, and the others go on.
        this.#onError?.(error instanceof TransportError ? error : acceptFailed(this.endpoint, error as Error));
      }
    }
  }

  #confirmed({ nonce, stream }: Handshake, from: UdxAddress): Buffer {
    const name = `${from.host} ${from.port} ${nonce.toString("hex")}`;
    const known = this.#answered.get(name);
    if (known !== undefined) return known;
    for (const [each, until] of this.#over) {
      if (until > systemClock.now() && this.#over.size < OVER_MAX) break;
      this.#over.delete(each);
    }
    const isOver = this.#over.has(name);
    if (isOver || this.#answered.size >= this.#connectionsMax)
      return encodeHandshake({ kind: HandshakeKind.refuse, nonce });
    const socket = bound(this.#udx, 0, this.#host, (error) => acceptFailed(this.endpoint, error));
    const id = randomInt(1, 2 ** 32 - 1);
    const { port } = socket.address() as UdxAddress;
    const answer = encodeHandshake({ kind: HandshakeKind.accept, nonce, stream: id, port });
    this.#answered.set(name, answer);
    const connection = connected(
      this.#udx,
      socket,
      id,
      { ...from, id: stream },
      this.#windowBytes,
      {
        remoteEndpoint: formatEndpoint({ scheme: "udp", host: from.host, port: from.port, path: "" }),
        localEndpoint: this.endpoint,
      },
      () => {
        this.#answered.delete(name);
        this.#over.set(name, systemClock.now() + 2 * COOKIE_MS);
      },
    );
    handOver(connection, this.#accept);
    return answer;
  }
}

/** A connection between a stream of this side and one of the other, on a socket of its own. */
function connected(
  udx: UDX,
  socket: UdxSocket,
  id: number,
  remote: UdxAddress & { readonly id: number },
  windowBytes: number,
  ends: { readonly remoteEndpoint: string; readonly localEndpoint: string },
  onClosed: () => void = () => {},
): Connection {
  const stream = udx.createStream(id);
  stream.connect(socket, remote.id, remote.port, remote.host);
  stream.once("close", () => void socket.close());
  return udpConnection(stream, ends, windowBytes, (isAborted) => {
    onClosed();
    // The last words of this side are still repeated if they are lost, but not for ever.
    const cancel = systemClock.schedule(isAborted ? ABORTED_MS : LINGER_MS, () => stream.destroy());
    stream.once("close", cancel);
  });
}

/** Asks to be let in, again and again; resolves with the answer. */
function asked(
  socket: UdxSocket,
  endpoint: string,
  { host, port, stream }: UdxAddress & { readonly stream: number },
  signal: AbortSignal | undefined,
): Promise<Handshake> {
  const nonce = randomBytes(8);
  let question = encodeHandshake({ kind: HandshakeKind.ask, nonce, stream });
  let times = 0;
  let cancelTimer = (): void => {};
  return new Promise<Handshake>((resolve, reject) => {
    const send = (): void => {
      if (times++ >= ASKED_MAX) {
        return reject(new TransportError("connect-refused", `nobody answers at ${endpoint}`, endpoint));
      }
      socket.trySend(question, port, host);
      cancelTimer = systemClock.schedule(ASK_MS, send);
    };
    signal?.addEventListener("abort", () => reject(dialCancelled(endpoint, signal)), { once: true });
    socket.on("message", (bytes: Buffer, from: UdxAddress) => {
      const answer = parseHandshake(bytes);
      if (answer === undefined || !answer.nonce.equals(nonce) || from.port !== port) return;
      if (answer.kind === HandshakeKind.cookie) {
        const { cookie } = answer;
        question = encodeHandshake({ kind: HandshakeKind.confirm, nonce, stream, cookie });
        cancelTimer();
        send();
      } else if (answer.kind === HandshakeKind.accept) resolve(answer);
      else if (answer.kind === HandshakeKind.refuse) {
        reject(new TransportError("connect-refused", `${endpoint} takes nobody more`, endpoint));
      }
    });
    send();
  }).finally(() => {
    cancelTimer();
    socket.removeAllListeners("message");
  });
}

function bound(
  udx: UDX,
  port: number,
  host: string,
  explain: (error: NodeJS.ErrnoException) => TransportError,
): UdxSocket {
  const socket = udx.createSocket();
  try {
    socket.bind(port, host);
    return socket;
  } catch (error) {
    throw explain(error as NodeJS.ErrnoException);
  }
}

function throwIfCancelled(endpoint: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw dialCancelled(endpoint, signal);
}

/** An address and a port: names are not looked up. */
function addressOf(endpoint: string): UdxAddress {
  const { host, port } = hostAndPort(endpoint, "udp");
  const address = host === "localhost" ? "127.0.0.1" : host;
  if (isIP(address) === 0) throw endpointInvalid(endpoint, "it should look like udp://address:port");
  return { host: address, port };
}

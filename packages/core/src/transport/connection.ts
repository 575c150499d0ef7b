// The contract of a transport: bytes in order, both ways, with backpressure both ways. It knows nothing of frames.
// `memory.ts` is the reference implementation, and every implementation runs the conformance suite of
// `@troupe/core/testing`.

import { TroupeError } from "../base/index.js";

/**
 * What a transport reports. Codes: `endpoint-invalid`, `scheme-unknown`, `connect-refused`, `connect-failed`,
 * `connect-timeout`, `listen-failed`, `listen-unsupported`, `address-in-use`, `accept-failed`, `option-invalid`,
 * `handshake-failed`, `handshake-late`, `handshakes-full`, `certificate-expired`, `certificate-untrusted`,
 * `certificate-mismatch`, `certificate-missing`, `certificate-invalid`, `origin-refused`, `connection-reset` (lost,
 * whatever the fault), `connection-aborted` (by this side), `message-foreign`, `receive-overflow` and `cancelled`.
 */
export class TransportError extends TroupeError {
  /** The endpoint that this is about. */
  readonly endpoint: string;

  constructor(code: string, message: string, endpoint: string, options?: { cause?: unknown }) {
    super(code, message, options);
    this.endpoint = endpoint;
  }
}

/** What the owner of a connection is told. Never called from inside one of the connection's own methods. */
export interface ConnectionEvents {
  /** Bytes arrived, cut anywhere. They belong to the receiver from now on and do not change. Never empty. */
  received(bytes: Uint8Array): void;
  /** Bytes changed hands: `give` was called on the other side. Only from transports that have that. */
  given?(bytes: Uint8Array): void;
  /** Everything written has left (`buffered` is 0), after a `write` that returned false. */
  drained(): void;
  /** The other side will write no more; this side still may. At most once. */
  ended(): void;
  /**
   * The connection is no more. Exactly once, after everything else; with an error unless both sides closed it. The loss
   * of the other side may go unnoticed while this side is paused and writes nothing.
   */
  closed(error?: TransportError): void;
}

/** Dialling was given up by whoever dialled. */
export function dialCancelled(endpoint: string, signal: AbortSignal | undefined): TransportError {
  return new TransportError("cancelled", `dialling ${endpoint} was cancelled`, endpoint, { cause: signal?.reason });
}

/** Who the other side has proven to be, as the transport has verified it: for TLS, by its certificate. */
export interface Identity {
  /** The common name of the certificate's subject; empty if it has none. */
  readonly name: string;
  /** Its alternative names, each with its type ahead: `DNS:worker-7.example`, `URI:spiffe://…`, `IP Address:10.0.0.7`. */
  readonly altNames: readonly string[];
  /** The distinguished name of who issued it, one part per line, as in `CN=Example CA`. */
  readonly issuer: string;
  /** SHA-256 of the whole certificate: 64 hexadecimal digits in lower case. */
  readonly fingerprint: string;
}

/** What a WebSocket's opening request said. */
export interface Upgrade {
  /** The path that was asked for, with its query. */
  readonly path: string;
  /** What the browser says that the page is from; undefined for what is no browser. */
  readonly origin: string | undefined;
  /** The headers by their names in lower case, such as `cookie`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One open transport, carrying bytes both ways. */
export interface Connection {
  /** The other side as a URL, for people and logs. */
  readonly remoteEndpoint: string;
  /** This side as a URL. */
  readonly localEndpoint: string;
  /** Who the other side is, if the transport has verified it. */
  readonly identity?: Identity | undefined;
  /** How the other side asked for the connection, if it came by a WebSocket. */
  readonly upgrade?: Upgrade | undefined;
  /**
   * Bytes given to `write` that are not yet the operating system's (or the other side's); 0 right after a `write` that
   * was taken whole. Once the connection was aborted or is closed it is 0.
   */
  readonly buffered: number;

  /**
   * Starts the flow of events. Called once, by the owner. Every other method may be called before it, and nothing that
   * happens before it is lost: events only wait. Who opens a connection must `close` or `abort` it in the end, and who
   * never opens it must `abort` it.
   */
  open(events: ConnectionEvents): void;

  /**
   * Hands over bytes. They are borrowed, not copied: the caller must leave them alone until `buffered` is 0 again.
   * Returns false when the owner should wait for `drained`; the bytes are taken all the same. No bytes are sent when
   * there are none. After `close`, `abort` or `closed` it does nothing and returns false, and no `drained` follows. Never
   * throws: failures arrive as `closed`.
   */
  write(bytes: Uint8Array): boolean;

  /**
   * Hands over bytes for good, without copying them, beside the stream: the other side gets them as `given`, ahead of what is
   * written later. Only where both ends can share memory. After `close`, `abort` or `closed` it does nothing.
   */
  give?(bytes: Uint8Array): void;
  /**
   * No `received` and no `ended` until `resume`, so that the other side is slowed; one that is on its way inside the
   * process may still come. A paused connection does not finish closing: resume or abort it.
   */
  pause(): void;
  resume(): void;

  /**
   * Orderly: what was written is sent, then the other side gets `ended`. Reading goes on until the other side closes too;
   * how long to wait for that is for the owner to decide. Idempotent.
   */
  close(): void;

  /**
   * At once, in both directions, whatever is buffered. `closed` follows, with code `connection-aborted` and `reason` as
   * its cause, and nothing else; the other side gets `closed` with an error. Idempotent: the first reason counts.
   */
  abort(reason?: unknown): void;
}

/** How to dial. */
export interface TransportConnectOptions {
  /** Aborting it gives up, with code `cancelled`. */
  readonly signal?: AbortSignal;
}

/** How many to accept, and whom to tell of failures. */
export interface TransportListenOptions {
  /** More connections than this at once are closed right after they are accepted, and `accept` never sees them. */
  readonly connectionsMax?: number;
  /** How long a handshake below the connection (TLS, the WebSocket upgrade) may take, in milliseconds. */
  readonly handshakeMs?: number;
  /** With as many unfinished handshakes, whoever comes takes the place of the oldest. */
  readonly handshakesMax?: number;
  /**
   * An error of accepting after which the listener goes on: too many open files, or a handshake that failed. Of the
   * latter, the endpoint is that of the other side.
   */
  readonly onError?: (error: TransportError) => void;
}

/** Something that accepts connections. */
export interface TransportListener {
  /** Where it really listens: port 0 is resolved here. */
  readonly endpoint: string;
  /** Stops accepting; connections that are open stay so. Resolves when the endpoint is free again. Idempotent. */
  close(): Promise<void>;
}

/** How bytes get from here to there. */
export interface Transport {
  /** The schemes of the endpoints it takes, without `://`. */
  readonly schemes: readonly string[];

  /** Opens a connection. Rejects with a `TransportError` that names the endpoint. */
  connect(endpoint: string, options?: TransportConnectOptions): Promise<Connection>;

  /**
   * Accepts connections until closed. Rejects with a `TransportError` that names the endpoint. `accept` owns what it is
   * given, and may open it later. When `accept` throws, the connection is aborted and the error is an uncaught one.
   */
  listen(
    endpoint: string,
    accept: (connection: Connection) => void,
    options?: TransportListenOptions,
  ): Promise<TransportListener>;
}

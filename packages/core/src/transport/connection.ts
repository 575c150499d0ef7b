// The contract of a transport: bytes in order, both ways, with backpressure both ways. It knows nothing of frames.
// `memory.ts` is the reference implementation, and every implementation runs the conformance suite of
// `@troupe/core/testing`.

import { TroupeError } from "../base/index.js";

/**
 * What a transport reports. Codes: `endpoint-invalid`, `scheme-unknown`, `connect-refused`, `connect-failed`,
 * `listen-failed`, `address-in-use`, `connection-reset`, `connection-aborted`, `cancelled`.
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
  /** Everything written has left (`buffered` is 0), after a `write` that returned false. */
  drained(): void;
  /** The other side will write no more; this side still may. At most once. */
  ended(): void;
  /** The connection is no more. Exactly once, after everything else; with an error unless both sides closed it. */
  closed(error?: TransportError): void;
}

/** One open transport, carrying bytes both ways. */
export interface Connection {
  /** The other side as a URL, for people and logs. */
  readonly remoteEndpoint: string;
  /** This side as a URL. */
  readonly localEndpoint: string;
  /** Bytes given to `write` that are not yet the operating system's (or the other side's). */
  readonly buffered: number;

  /** Starts the flow of events. Called once, by the owner; nothing is lost before it. */
  open(events: ConnectionEvents): void;

  /**
   * Hands over bytes. They are borrowed, not copied: the caller must leave them alone until `buffered` is 0 again.
   * Returns false when the owner should wait for `drained`; the bytes are taken all the same. After `close`, `abort` or
   * `closed` it does nothing and returns false. Never throws: failures arrive as `closed`.
   */
  write(bytes: Uint8Array): boolean;

  /** No `received` until `resume`, so that the other side is slowed; what is on its way inside the process may still come. */
  pause(): void;
  resume(): void;

  /** Orderly: what was written is sent, then the other side gets `ended`. Reading goes on until the other side closes. */
  close(): void;

  /** At once, in both directions, whatever is buffered; `closed` follows with `reason` as its cause. Idempotent. */
  abort(reason?: unknown): void;
}

export interface ConnectOptions {
  /** Aborting it gives up, with code `cancelled`. */
  readonly signal?: AbortSignal;
}

export interface TransportListenOptions {
  /** More connections than this at once are closed right after they are accepted. */
  readonly connectionsMax?: number;
  /** An accept error after which the listener goes on, such as too many open files. */
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
  connect(endpoint: string, options?: ConnectOptions): Promise<Connection>;

  /** Accepts connections until closed. Rejects with a `TransportError` that names the endpoint. */
  listen(
    endpoint: string,
    accept: (connection: Connection) => void,
    options?: TransportListenOptions,
  ): Promise<TransportListener>;
}

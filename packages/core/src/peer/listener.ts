// Accepts connections and makes peers of them.

import { Emitter, oneShot, type Unsubscribe } from "../base/index.js";
import { findTransport, type Connection, type Transport, type TransportListener } from "../transport/index.js";
import { PeerError } from "./error.js";
import { PEER_TIMES } from "./limits.js";
import { checkOptions } from "./options.js";
import { Peer, type CloseOptions, type PeerOptions } from "./peer.js";
import { UNKNOWN_ID } from "./remote.js";

/** Whom to accept, and what each peer is and provides. */
export interface ListenOptions extends PeerOptions {
  /** What may be listened on; the scheme of the endpoint chooses. */
  readonly transports: readonly Transport[];
  /** More connections than this at once are closed as soon as they come. */
  readonly connectionsMax?: number;
  /**
   * With as many unfinished greetings, whoever comes takes the place of the oldest who has not said hello; if all have,
   * it is closed itself. So strangers who say nothing cannot crowd out friends.
   */
  readonly greetingsMax?: number;
}

/** What a listener holds at once unless it is told otherwise. */
export const LISTEN_DEFAULTS: { readonly connectionsMax: number; readonly greetingsMax: number } = Object.freeze({
  connectionsMax: 10_000,
  greetingsMax: 1000,
});

/** What can be observed on a listener. */
export type ListenerEvent =
  /** A greeting is complete. */
  | { readonly type: "peer"; readonly peer: Peer }
  /** A connection was refused, came to nothing before its greeting was complete, or could not be accepted. */
  | { readonly type: "failed"; readonly endpoint: string; readonly error: Error }
  | { readonly type: "closed" };

/** Peers of everybody who dials. Made by `listen`. */
export class Listener {
  readonly #options: ListenOptions;
  readonly #emitter = new Emitter<ListenerEvent>();
  readonly #peers = new Set<Peer>();
  readonly #greetings = new Set<Peer>();
  /** Those of them that had not said hello when they were last looked at, oldest first. */
  readonly #silent = new Set<Peer>();
  #transport: TransportListener | undefined;
  #closing: Promise<void> | undefined;

  /** For `listen` only. */
  constructor(options: ListenOptions) {
    checkOptions(options);
    this.#options = options;
  }

  /** Where it really listens: a port of 0 is resolved here. */
  get endpoint(): string {
    return this.#transport?.endpoint ?? "";
  }

  /** The peers that are open. */
  get peers(): readonly Peer[] {
    return [...this.#peers];
  }

  on<T extends ListenerEvent["type"]>(
    type: T,
    listener: (event: Extract<ListenerEvent, { type: T }>) => void,
  ): Unsubscribe {
    return this.#emitter.on(type, listener);
  }

  /** Peers that are open or will be, each once, until the listener is closed. One that closes unseen is left out. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Peer> {
    return new PeerIterator(this.peers, this.#emitter, this.#closing !== undefined);
  }

  /**
   * Stops accepting, closes all peers in order, also those that are being greeted, and resolves when they are closed and
   * the endpoint is free. No `peer` and no `failed` comes any more. Idempotent: the first grace counts.
   */
  close(options?: CloseOptions): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  /** The same at once. */
  async abort(reason?: unknown): Promise<void> {
    for (const peer of [...this.#peers, ...this.#greetings]) peer.abort(reason);
    await this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For `listen` only. */
  async open(endpoint: string): Promise<this> {
    const transport = findTransport(this.#options.transports, endpoint);
    this.#transport = await transport.listen(endpoint, (connection) => this.#accept(connection), {
      connectionsMax: this.#options.connectionsMax ?? LISTEN_DEFAULTS.connectionsMax,
      handshakesMax: this.#options.greetingsMax ?? LISTEN_DEFAULTS.greetingsMax,
      handshakeMs: this.#options.handshakeMs ?? PEER_TIMES.handshakeMs,
      onError: (error) => this.#emitter.emit({ type: "failed", endpoint: error.endpoint, error }),
    });
    return this;
  }

  #accept(connection: Connection): void {
    if (this.#closing !== undefined) return connection.abort();
    if (!this.#makeRoom()) return this.#refuse(connection, this.#greetingsFull());
    let peer: Peer;
    try {
      peer = new Peer(connection, this.#options);
    } catch (error) {
      // The options were checked, but the map of services may have changed since.
      return this.#refuse(connection, error as Error);
    }
    this.#greetings.add(peer);
    this.#silent.add(peer);
    // In the turn in which the greeting is complete: ahead of any message that came with it.
    peer.on("opened", () => this.#opened(peer));
    peer.opened.catch((error: Error) => this.#failed(peer, error));
  }

  /** False if there is no place for another greeting, and all who have one have said hello. */
  #makeRoom(): boolean {
    const { greetingsMax = LISTEN_DEFAULTS.greetingsMax } = this.#options;
    if (this.#greetings.size < greetingsMax) return true;
    for (const oldest of this.#silent) {
      this.#silent.delete(oldest);
      if (oldest.remote.id !== UNKNOWN_ID) continue;
      this.#greetings.delete(oldest);
      oldest.abort(this.#greetingsFull());
      return true;
    }
    return false;
  }

  #greetingsFull(): PeerError {
    return new PeerError("greetings-full", `${this.#greetings.size} others are being greeted already`);
  }

  #refuse(connection: Connection, error: Error): void {
    const endpoint = connection.remoteEndpoint;
    connection.abort(error);
    this.#emitter.emit({ type: "failed", endpoint, error });
  }

  #opened(peer: Peer): void {
    this.#forget(peer);
    this.#peers.add(peer);
    void peer.closed.then(() => this.#peers.delete(peer));
    // When this listener closes, so does the peer: nobody should begin anything with it.
    if (this.#closing === undefined) this.#emitter.emit({ type: "peer", peer });
  }

  #failed(peer: Peer, error: Error): void {
    // It keeps its place until its connection is no more.
    void peer.closed.then(() => this.#forget(peer));
    // Cut short by this side's own end, it has not failed.
    if (this.#closing !== undefined) return;
    this.#emitter.emit({ type: "failed", endpoint: peer.remote.endpoint, error });
  }

  #forget(greeted: Peer): void {
    this.#greetings.delete(greeted);
    this.#silent.delete(greeted);
  }

  async #close(options: CloseOptions | undefined): Promise<void> {
    const freed = this.#transport?.close();
    await Promise.all([...this.#peers, ...this.#greetings].map((peer) => peer.close(options)));
    await freed;
    this.#emitter.emit({ type: "closed" });
    this.#emitter.end();
  }
}

/**
 * Accepts connections on `endpoint` and greets whoever dials.
 *
 * @throws TransportError naming the endpoint: `scheme-unknown`, `endpoint-invalid`, `address-in-use`, `listen-failed`.
 */
export async function listen(endpoint: string, options: ListenOptions): Promise<Listener> {
  return await new Listener(options).open(endpoint);
}

/** Holds the peers that its reader has not seen; those that close meanwhile leave, so it never holds more than are open. */
class PeerIterator implements AsyncIterableIterator<Peer> {
  readonly #unseen = new Set<Peer>();
  readonly #stop: Unsubscribe[];
  #isEnded: boolean;
  #arrival = oneShot<void>();

  constructor(peers: readonly Peer[], emitter: Emitter<ListenerEvent>, isEnded: boolean) {
    this.#isEnded = isEnded;
    for (const peer of peers) this.#add(peer);
    this.#stop = [emitter.on("peer", ({ peer }) => this.#add(peer)), emitter.on("closed", () => void this.return())];
  }

  async next(): Promise<IteratorResult<Peer>> {
    for (;;) {
      for (const peer of this.#unseen) {
        this.#unseen.delete(peer);
        return { done: false, value: peer };
      }
      if (this.#isEnded) return { done: true, value: undefined };
      await this.#arrival.promise;
    }
  }

  return(): Promise<IteratorResult<Peer>> {
    this.#isEnded = true;
    this.#unseen.clear();
    for (const stop of this.#stop) stop();
    this.#arrival.resolve();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #add(peer: Peer): void {
    this.#unseen.add(peer);
    void peer.closed.then(() => this.#unseen.delete(peer));
    this.#arrival.resolve();
    this.#arrival = oneShot();
  }
}

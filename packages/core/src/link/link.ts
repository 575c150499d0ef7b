// A connection that is made again when it breaks: zero or one peer at a time. Its addresses stay valid all the while.

import { Emitter, oneShot, systemClock, systemRandom, type Clock, type Unsubscribe } from "../base/index.js";
import type { Address, AnyService, SendOptions } from "../actor/index.js";
import {
  checkOptions,
  connect,
  ConnectionLost,
  PEER_TIMES,
  type ClosedReason,
  type CloseOptions,
  type DialOptions,
  type Peer,
  type ServiceMap,
} from "../peer/index.js";
import { findTransport, parseEndpoint, TransportError } from "../transport/index.js";
import { Backoff, type BackoffOptions } from "./backoff.js";
import { LinkLifecycle, type LinkState } from "./lifecycle.js";
import { linkAddress, type LinkRequests } from "./link-address.js";
import { Offer } from "./offer.js";
import { WaitingRequests, type Begin, type RequestOptions } from "./waiting-requests.js";

/** How to dial, again and again, and what each peer is and provides. */
export interface LinkOptions extends DialOptions {
  /** Aborting it aborts the link, at any time. */
  readonly signal?: AbortSignal;
  readonly backoff?: BackoffOptions;
  /** Where to dial this time, in place of the endpoint; asked before every attempt. What it throws fails that attempt. */
  readonly resolve?: () => string | Promise<string>;
  /** What becomes of calls and sends made while the link is down, unless they say otherwise. `wait` unless set. */
  readonly whenDown?: "wait" | "fail";
  /** How many of them may wait. */
  readonly waitingMax?: number;
}

/** How many calls and sends may wait for a link that is down, unless it is told otherwise. */
export const LINK_WAITING_MAX = 1024;

/** What can be observed on a link. */
export type LinkEvent =
  /** There is a connection. What waited for one is on its way already. */
  | { readonly type: "up"; readonly peer: Peer }
  /** The connection is lost, or was closed by anything but the link. */
  | { readonly type: "down"; readonly reason: ClosedReason }
  /** An attempt has failed or a connection was lost; attempt number `attempt` since the last stable connection comes in `delayMs`. */
  | { readonly type: "retrying"; readonly attempt: number; readonly delayMs: number; readonly error?: Error }
  /** Nothing more will happen. The error, if there is one, is why the link has given up by itself. */
  | { readonly type: "closed"; readonly error?: Error };

/** Keeps a connection to one endpoint. Made by `link`. */
export class Link implements LinkRequests {
  readonly endpoint: string;
  readonly #options: LinkOptions;
  readonly #clock: Clock;
  readonly #emitter = new Emitter<LinkEvent>();
  readonly #backoff: Backoff;
  /** Calls and sends, and those who only wait until the link is up. */
  readonly #waiting: WaitingRequests;
  readonly #readers: WaitingRequests;
  readonly #lifecycle: LinkLifecycle;
  readonly #offer: Offer;
  readonly #closed = oneShot<void>();
  /** Aborted when the link ends. */
  readonly #life = new AbortController();
  /** Why it ends: what its owner or its endpoint gave as the reason. */
  #cause: unknown;
  /** The attempt that is under way, or the last one. Never rejects. */
  #attempt: Promise<void> = Promise.resolve();
  /** From when a connection is up until it is no more. */
  #peer: Peer | undefined;
  #upAt = 0;
  /** Why the last attempt failed, or the last connection was lost. */
  #lastError: Error | undefined;

  /** For `link` only. */
  constructor(endpoint: string, options: LinkOptions) {
    // Fails here, and not in every attempt, if nothing can dial it.
    parseEndpoint(endpoint);
    findTransport(options.transports, endpoint);
    checkOptions(options);
    const { clock = systemClock, random = systemRandom, services, signal } = options;
    this.endpoint = endpoint;
    this.#options = options;
    this.#clock = clock;
    const { waitingMax = LINK_WAITING_MAX } = options;
    this.#waiting = new WaitingRequests(clock, waitingMax, () => this.#lastError);
    this.#readers = new WaitingRequests(clock, waitingMax, () => this.#lastError);
    this.#backoff = new Backoff(options.backoff, random, clock.now());
    this.#offer = new Offer(options.limits);
    if (services !== undefined) this.#offer.provide(services, undefined);
    this.#lifecycle = new LinkLifecycle({ dial: () => void (this.#attempt = this.#dial()) }, clock);
    signal?.addEventListener("abort", () => this.abort(signal.reason), { once: true, signal: this.#life.signal });
    this.#lifecycle.start();
    if (signal?.aborted === true) this.#end(signal.reason);
  }

  get state(): LinkState {
    return this.#lifecycle.state;
  }

  /** For addresses of this link: how long a call waits unless it says otherwise. */
  get callTimeoutMs(): number {
    return this.#options.callTimeoutMs ?? PEER_TIMES.callTimeoutMs;
  }

  /** The peer while the link is up, until either side begins to close it: what is made from then on waits for the next. */
  get peer(): Peer | undefined {
    return this.#peer?.state === "open" && !this.#isEnded ? this.#peer : undefined;
  }

  /** How many calls and sends wait for the link to come up. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the link is closed and nothing of it is left. Never rejects. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** An address that stays valid through any number of connections. */
  address<S extends AnyService>(service: S): Address<S> {
    return linkAddress(service, this);
  }

  /**
   * Resolves with the peer as soon as the link is up. Rejects with ConnectionLost `closed` if it is closed instead, and
   * with PeerError `timeout` or `cancelled`, as the options say; the cause of a timeout is why it is not up.
   */
  ready(options: RequestOptions = {}): Promise<Peer> {
    if (this.#isEnded) return Promise.reject(this.#closedError());
    if (this.peer !== undefined) return Promise.resolve(this.peer);
    return this.#readers.add(options, (peer) => Promise.resolve(peer));
  }

  /** Observes one type of event from now on. */
  on<T extends LinkEvent["type"]>(type: T, listener: (event: Extract<LinkEvent, { type: T }>) => void): Unsubscribe {
    return this.#emitter.on(type, listener);
  }

  /** All events from now on, until the link is closed. */
  events(): AsyncIterableIterator<LinkEvent> {
    return this.#emitter.events();
  }

  /**
   * Provides services on this connection and on every later one.
   *
   * @throws PeerError `services-too-large` when no other side would take all of them.
   */
  provide(services: ServiceMap): void {
    this.#offer.provide(services, this.#peer);
  }

  /** Provides a service no longer. False if it was not provided. */
  withdraw(service: AnyService): boolean {
    return this.#offer.withdraw(service, this.#peer);
  }

  /** Tries again now instead of when the delay is over: the network is back, say. Nothing if the link is not waiting. */
  retry(): void {
    this.#lifecycle.send({ type: "retry" });
  }

  /** Closes the connection in order and makes no other. What waits is rejected. Idempotent: the first grace counts. */
  close(options?: CloseOptions): Promise<void> {
    this.#end(undefined);
    void this.#peer?.close(options);
    return this.closed;
  }

  /** The same at once, also in the middle of `close`. */
  abort(reason?: unknown): void {
    this.#end(reason);
    this.#peer?.abort(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For addresses of this link only. */
  request<T>(options: RequestOptions & Pick<SendOptions, "whenDown">, begin: Begin<T>): Promise<T> {
    if (this.#isEnded) return Promise.reject(this.#closedError());
    if ((options.whenDown ?? this.#options.whenDown) !== "fail") return this.#waiting.add(options, begin);
    return Promise.reject(new ConnectionLost("link-down", `the link to ${this.endpoint} is down`));
  }

  get #isEnded(): boolean {
    return this.#life.signal.aborted;
  }

  async #dial(): Promise<void> {
    // The constructor ends a link whose owner has given up already.
    if (this.#options.signal?.aborted === true) return;
    this.#backoff.attempted(this.#clock.now());
    this.#offer.greeting();
    let peer: Peer;
    try {
      const { services } = this.#offer;
      const { resolve } = this.#options;
      const endpoint = resolve === undefined ? this.endpoint : await resolve();
      peer = await connect(endpoint, { ...this.#options, services, signal: this.#life.signal });
    } catch (error) {
      return this.#failed(error as Error);
    }
    if (this.#isEnded) peer.abort(this.#closedError());
    else if (peer.state === "open") return this.#up(peer);
    // It has come and gone: as good as none.
    this.#retry((await peer.closed).error);
  }

  #failed(error: Error): void {
    // Only the transport knows all that can be wrong with an endpoint, and it will be wrong the next time as well.
    const isHopeless = this.#options.resolve === undefined && error instanceof TransportError;
    if (isHopeless && error.code === "endpoint-invalid") this.#end(error, error);
    else this.#retry(error);
  }

  #up(peer: Peer): void {
    this.#peer = peer;
    this.#upAt = this.#clock.now();
    this.#offer.greeted(peer);
    this.#lifecycle.send({ type: "connected" });
    void peer.closed.then((reason) => this.#down(reason));
    // Ahead of anybody who sees that the link is up and sends as well: what has waited goes first.
    this.#waiting.beginAll(peer);
    this.#readers.beginAll(peer);
    this.#emitter.emit({ type: "up", peer });
  }

  #down(reason: ClosedReason): void {
    this.#peer = undefined;
    this.#retry(reason.error, this.#clock.now() - this.#upAt, reason);
  }

  /** Waits for the next attempt, and says so: also what was lost, if it was not only an attempt. */
  #retry(error: Error | undefined, lastedMs?: number, lost?: ClosedReason): void {
    if (this.#isEnded) return;
    this.#lastError = error;
    const attempt = this.#backoff.failed(lastedMs);
    const delayMs = this.#backoff.delayMs(this.#clock.now());
    this.#lifecycle.send({ type: "down", delayMs });
    if (lost !== undefined) this.#emitter.emit({ type: "down", reason: lost });
    // Whoever saw that may have closed the link, or have made it try at once.
    if (this.state === "waiting") this.#emitter.emit({ type: "retrying", attempt, delayMs, ...(error && { error }) });
  }

  /** No attempt is made any more, and nothing waits. The connection is for the caller to end. */
  #end(cause: unknown, error?: Error): void {
    if (this.#isEnded) return;
    this.#cause = cause;
    this.#life.abort(cause);
    this.#lifecycle.send({ type: "close" });
    this.#waiting.failAll(() => this.#closedError());
    this.#readers.failAll(() => this.#closedError());
    void Promise.all([this.#attempt, this.#peer?.closed]).then(() => this.#ended(error));
  }

  #ended(error: Error | undefined): void {
    this.#lifecycle.send({ type: "ended" });
    this.#closed.resolve();
    this.#emitter.emit({ type: "closed", ...(error && { error }) });
    this.#emitter.end();
  }

  #closedError(): ConnectionLost {
    const options = this.#cause === undefined ? {} : { cause: this.#cause };
    return new ConnectionLost("closed", `the link to ${this.endpoint} is closed`, options);
  }
}

/**
 * Keeps a connection to `endpoint`: dials at once, and again after every loss, until it is closed. Returns before it is
 * up; calls and sends made meanwhile wait, or fail if `whenDown` says so. An endpoint that only its transport can tell
 * to be invalid closes the link.
 *
 * @throws TransportError `scheme-unknown` or `endpoint-invalid`, naming the endpoint; PeerError `option-invalid`.
 */
export function link(endpoint: string, options: LinkOptions): Link {
  return new Link(endpoint, options);
}

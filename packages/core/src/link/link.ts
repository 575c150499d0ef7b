// A connection that is made again when it breaks: zero or one peer at a time. Its addresses stay valid all the while.

import { Emitter, oneShot, systemClock, systemRandom, Timers, type Clock, type OneShot, type Unsubscribe } from "../base/index.js";
import type { Address, AnyService } from "../actor/index.js";
import {
  connect,
  ConnectionLost,
  PEER_TIMES,
  PeerError,
  ServiceMap,
  type ClosedReason,
  type CloseOptions,
  type DialOptions,
  type Peer,
} from "../peer/index.js";
import { findTransport } from "../transport/index.js";
import { Backoff, BACKOFF_DEFAULTS, type BackoffOptions } from "./backoff.js";
import { linkAddress, type LinkRequests, type RequestOptions } from "./link-address.js";
import { LinkLifecycle, type LinkState } from "./lifecycle.js";
import { WaitingRequest, WaitingRequests } from "./waiting-request.js";

export interface LinkOptions extends DialOptions {
  readonly backoff?: BackoffOptions;
  /** What becomes of calls and sends made while the link is down, unless they say otherwise. `wait` unless set. */
  readonly whenDown?: "wait" | "fail";
  /** How many of them may wait. */
  readonly waitingMax?: number;
}

export const LINK_WAITING_MAX = 1024;

export type LinkEvent =
  | { readonly type: "up"; readonly peer: Peer }
  /** The connection is lost. */
  | { readonly type: "down"; readonly reason: ClosedReason }
  /** An attempt has failed or a connection was lost; the next attempt comes in `delayMs`. */
  | { readonly type: "retrying"; readonly attempt: number; readonly delayMs: number; readonly error?: Error }
  | { readonly type: "closed" };

/** Keeps a connection to one endpoint. Made by `link`. */
export class Link implements LinkRequests {
  readonly endpoint: string;
  readonly #options: LinkOptions;
  readonly #clock: Clock;
  readonly #emitter = new Emitter<LinkEvent>();
  readonly #timers: Timers;
  readonly #backoff: Backoff;
  readonly #waiting: WaitingRequests;
  readonly #lifecycle: LinkLifecycle;
  readonly #services = new ServiceMap();
  readonly #closed = oneShot<void>();
  readonly #dialling = new AbortController();
  #ready: OneShot<Peer> | undefined;
  #peer: Peer | undefined;
  #closing: Promise<void> | undefined;
  /** Whether it is closed, without asking the statechart for every call. */
  #isEnded = false;
  #upSince = 0;

  /** For `link` only. */
  constructor(endpoint: string, options: LinkOptions) {
    // Fails here, and not in every attempt, if nothing can dial it.
    findTransport(options.transports, endpoint);
    this.endpoint = endpoint;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timers = new Timers(this.#clock);
    this.#waiting = new WaitingRequests(options.waitingMax ?? LINK_WAITING_MAX);
    this.#backoff = new Backoff({ ...BACKOFF_DEFAULTS, ...options.backoff }, options.random ?? systemRandom, this.#clock.now());
    if (options.services !== undefined) this.#services.addAll(options.services);
    this.#lifecycle = new LinkLifecycle({ dial: () => void this.#dial() }, this.#clock);
    options.signal?.addEventListener("abort", () => this.abort(options.signal?.reason), { once: true, signal: this.#dialling.signal });
    this.#lifecycle.start();
  }

  get state(): LinkState {
    return this.#lifecycle.state;
  }

  /** For addresses of this link: how long a call waits unless it says otherwise. */
  get callTimeoutMs(): number {
    return this.#options.callTimeoutMs ?? PEER_TIMES.callTimeoutMs;
  }

  /** The peer while the link is up. */
  get peer(): Peer | undefined {
    return this.#isEnded ? undefined : this.#peer;
  }

  /** How many calls and sends wait for the link to come up. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when the link is closed. Never rejects. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** An address that stays valid through any number of connections. */
  address<S extends AnyService>(service: S): Address<S> {
    return linkAddress(service, this);
  }

  /** Resolves with the peer as soon as the link is up. Rejects with `closed` if it is closed instead. */
  ready(): Promise<Peer> {
    if (this.peer !== undefined) return Promise.resolve(this.peer);
    if (this.#isEnded) return Promise.reject(linkClosed(this.endpoint));
    this.#ready ??= oneShot();
    return this.#ready.promise;
  }

  on<T extends LinkEvent["type"]>(type: T, listener: (event: Extract<LinkEvent, { type: T }>) => void): Unsubscribe {
    return this.#emitter.on(type, listener);
  }

  /** All events from now on, until the link is closed. */
  events(): AsyncIterableIterator<LinkEvent> {
    return this.#emitter.events();
  }

  /** Provides services on this connection and on every later one. */
  provide(services: ServiceMap): void {
    this.#services.addAll(services);
    this.peer?.provide(services);
  }

  /** Provides a service no longer. False if it was not provided. */
  withdraw(service: AnyService): boolean {
    this.peer?.withdraw(service);
    return this.#services.remove(service);
  }

  /** Tries again now instead of when the delay is over: the network is back, say. Nothing if the link is not waiting. */
  retry(): void {
    this.#lifecycle.send({ type: "retry" });
  }

  /** Closes the connection in order and makes no other. What waits is rejected. Idempotent. */
  close(options?: CloseOptions): Promise<void> {
    this.#end();
    this.#closing ??= (this.#peer?.close(options) ?? Promise.resolve()).then(() => this.#finish());
    return this.#closing;
  }

  /** The same at once. */
  abort(reason?: unknown): void {
    this.#end();
    this.#peer?.abort(reason);
    this.#finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For addresses of this link only. */
  request<T>(options: RequestOptions | undefined, begin: (peer: Peer, remainingMs?: number) => Promise<T>): Promise<T> {
    if (this.#isEnded) return Promise.reject(linkClosed(this.endpoint));
    if ((options?.whenDown ?? this.#options.whenDown) === "fail") {
      return Promise.reject(new ConnectionLost("link-down", `the link to ${this.endpoint} is down`));
    }
    const { signal } = options ?? {};
    if (signal?.aborted === true) {
      return Promise.reject(new PeerError("cancelled", "cancelled by the caller", { cause: signal.reason }));
    }
    return new Promise<T>((resolve, reject) => {
      const request = new WaitingRequest(
        this.#timers,
        options?.timeoutMs,
        signal,
        (peer, remainingMs) => resolve(begin(peer, options?.timeoutMs === undefined ? undefined : remainingMs)),
        reject,
      );
      if (this.#waiting.add(request)) return;
      request.fail(new PeerError("waiting-full", `${this.#waiting.length} messages wait for the link already`));
    });
  }

  async #dial(): Promise<void> {
    this.#backoff.attempted(this.#clock.now());
    try {
      const peer = await connect(this.endpoint, { ...this.#options, services: this.#services, signal: this.#dialling.signal });
      this.#up(peer);
    } catch (error) {
      if (!this.#isEnded) this.#retry(error as Error);
    }
  }

  #up(peer: Peer): void {
    if (this.#isEnded) return peer.abort(linkClosed(this.endpoint));
    this.#peer = peer;
    this.#upSince = this.#clock.now();
    void peer.closed.then((reason) => this.#down(reason));
    this.#lifecycle.send({ type: "connected" });
    this.#emitter.emit({ type: "up", peer });
    this.#ready?.resolve(peer);
    this.#ready = undefined;
    const now = this.#clock.now();
    for (const request of this.#waiting.takeAll()) request.begin(peer, now);
  }

  #down(reason: ClosedReason): void {
    if (this.#isEnded) return;
    this.#peer = undefined;
    this.#backoff.lost(this.#clock.now() - this.#upSince);
    this.#emitter.emit({ type: "down", reason });
    this.#retry(reason.error);
  }

  #retry(error: Error | undefined): void {
    const delayMs = this.#backoff.delayMs(this.#clock.now());
    this.#lifecycle.send({ type: "down", delayMs });
    this.#emitter.emit({ type: "retrying", attempt: this.#backoff.failures, delayMs, ...(error && { error }) });
  }

  #end(): void {
    this.#isEnded = true;
    this.#lifecycle.send({ type: "close" });
    this.#dialling.abort();
    for (const request of this.#waiting.takeAll()) request.fail(linkClosed(this.endpoint));
    this.#ready?.promise.catch(() => {});
    this.#ready?.reject(linkClosed(this.endpoint));
    this.#ready = undefined;
    this.#timers.close();
  }

  #finish(): void {
    this.#emitter.emit({ type: "closed" });
    this.#emitter.end();
    this.#closed.resolve();
  }
}

/**
 * Keeps a connection to `endpoint`: dials at once, and again after every loss, until it is closed. Returns before it is
 * up; calls and sends made meanwhile wait, or fail if `whenDown` says so.
 *
 * @throws TransportError `scheme-unknown` or `endpoint-invalid`, naming the endpoint.
 */
export function link(endpoint: string, options: LinkOptions): Link {
  return new Link(endpoint, options);
}

function linkClosed(endpoint: string): ConnectionLost {
  return new ConnectionLost("closed", `the link to ${endpoint} is closed`);
}

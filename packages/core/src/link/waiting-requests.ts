// What waits while a link is down: calls and sends in order, with their own deadlines and signals, and bounded. It does
// not know whether the link is down: it holds what it is given until there is a peer to begin it on, or none any more.

import { Deadline, Timers, type Clock } from "../base/index.js";
import { cancelledBy, PeerError, type Peer } from "../peer/index.js";

export interface RequestOptions {
  /** How long it may wait, in milliseconds. For ever unless set. */
  readonly timeoutMs?: number;
  /** Aborting it ends the waiting. */
  readonly signal?: AbortSignal;
}

/** Makes a request of a peer, which has `remainingMs` left. */
export type Begin<T> = (peer: Peer, remainingMs: number) => Promise<T>;

/** The requests of one link, oldest first. */
export class WaitingRequests {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #waitingMax: number;
  readonly #whyDown: () => unknown;
  readonly #requests = new Set<WaitingRequest>();

  /** `whyDown` says what keeps the link from being up, as the cause of a timeout. */
  constructor(clock: Clock, waitingMax: number, whyDown: () => unknown) {
    this.#clock = clock;
    this.#timers = new Timers(clock);
    this.#waitingMax = waitingMax;
    this.#whyDown = whyDown;
  }

  get length(): number {
    return this.#requests.size;
  }

  /**
   * Settles as what `begin` returns, if it comes to that; otherwise rejects with PeerError `timeout` or `cancelled`, with
   * what `failAll` makes of it, or at once with `waiting-full`. None of these was executed.
   */
  add<T>({ timeoutMs, signal }: RequestOptions, begin: Begin<T>): Promise<T> {
    if (signal?.aborted === true) return Promise.reject(cancelledBy(signal.reason, false));
    if (timeoutMs === 0) return Promise.reject(this.#late());
    if (this.#requests.size >= this.#waitingMax) {
      return Promise.reject(new PeerError("waiting-full", `${this.#requests.size} messages wait for the link already`));
    }
    return new Promise((resolve, reject) => {
      const request = new WaitingRequest(
        (peer, remainingMs) => resolve(begin(peer, remainingMs)),
        reject,
        () => this.#late(),
        () => {
          this.#requests.delete(request);
          this.#timers.clear(request);
        },
      );
      this.#requests.add(request);
      if (timeoutMs !== undefined) this.#timers.set(request, timeoutMs);
      if (signal !== undefined) request.cancelOn(signal);
    });
  }

  #late(): PeerError {
    return new PeerError("timeout", "the link was not up in time", { cause: this.#whyDown() });
  }

  /** Begins all of them on `peer`, in order. */
  beginAll(peer: Peer): void {
    const now = this.#clock.now();
    for (const request of [...this.#requests]) request.begin(peer, now);
  }

  /** Rejects all of them, each with an error of its own. Leaves no timer. */
  failAll(error: () => Error): void {
    for (const request of [...this.#requests]) request.fail(error());
    this.#timers.close();
  }
}

/** Something to do as soon as there is a peer. It gives up by itself if it cannot wait that long. */
class WaitingRequest extends Deadline {
  readonly #begin: (peer: Peer, remainingMs: number) => void;
  readonly #reject: (error: Error) => void;
  readonly #late: () => Error;
  readonly #leave: () => void;
  #signal: AbortSignal | undefined;

  constructor(
    begin: (peer: Peer, remainingMs: number) => void,
    reject: (error: Error) => void,
    late: () => Error,
    leave: () => void,
  ) {
    super();
    this.#begin = begin;
    this.#reject = reject;
    this.#late = late;
    this.#leave = leave;
  }

  cancelOn(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener("abort", this);
  }

  begin(peer: Peer, now: number): void {
    this.#end();
    this.#begin(peer, Math.max(1, this.expiresAt - now));
  }

  fail(error: Error): void {
    this.#end();
    this.#reject(error);
  }

  override expired(): void {
    this.fail(this.#late());
  }

  /** The listener of the abort signal. */
  handleEvent(): void {
    this.fail(cancelledBy(this.#signal?.reason, false));
  }

  #end(): void {
    this.#leave();
    this.#signal?.removeEventListener("abort", this);
  }
}

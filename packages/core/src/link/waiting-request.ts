// What waits while a link is down: calls and sends with their own deadlines, in order and bounded.

import { Deadline, Ring, type Timers } from "../base/index.js";
import type { Peer } from "../peer/index.js";
import { PeerError } from "../peer/index.js";

/** Something to do as soon as there is a peer. It settles itself if it cannot wait that long. */
export class WaitingRequest extends Deadline {
  readonly #begin: (peer: Peer, remainingMs: number) => void;
  readonly #reject: (error: PeerError) => void;
  readonly #timers: Timers;
  readonly #signal: AbortSignal | undefined;
  isDone = false;

  constructor(
    timers: Timers,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
    begin: (peer: Peer, remainingMs: number) => void,
    reject: (error: PeerError) => void,
  ) {
    super();
    this.#timers = timers;
    this.#signal = signal;
    this.#begin = begin;
    this.#reject = reject;
    if (timeoutMs !== undefined) timers.set(this, timeoutMs);
    signal?.addEventListener("abort", this);
  }

  begin(peer: Peer, now: number): void {
    const remainingMs = Math.max(1, this.expiresAt - now);
    this.#leave();
    this.#begin(peer, remainingMs);
  }

  fail(error: PeerError): void {
    this.#leave();
    this.#reject(error);
  }

  override expired(): void {
    this.fail(new PeerError("timeout", "the link was not up in time"));
  }

  /** The listener of the abort signal. */
  handleEvent(): void {
    this.fail(new PeerError("cancelled", "cancelled by the caller", { cause: this.#signal?.reason }));
  }

  #leave(): void {
    this.isDone = true;
    this.#timers.clear(this);
    this.#signal?.removeEventListener("abort", this);
  }
}

/** The requests of one link, oldest first. */
export class WaitingRequests {
  #queue = new Ring<WaitingRequest>();
  readonly #waitingMax: number;

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** False if there is no room, even after those that have given up are swept out. */
  add(request: WaitingRequest): boolean {
    if (this.#queue.length >= this.#waitingMax) this.#sweep();
    if (this.#queue.length >= this.#waitingMax) return false;
    this.#queue.push(request);
    return true;
  }

  /** Takes out those that still wait. */
  takeAll(): WaitingRequest[] {
    return this.#queue.clear().filter(({ isDone }) => !isDone);
  }

  #sweep(): void {
    const kept = this.takeAll();
    this.#queue = new Ring();
    for (const request of kept) this.#queue.push(request);
  }
}

// A connection under observation: it records the events, lets a case wait for them, and notes every breach of what
// holds in all situations, such as an event from inside a method.

import { oneShot, systemClock, type CancelTimer, type OneShot } from "../../base/index.js";
import type { Connection, TransportError } from "../../transport/index.js";
import { Checksum } from "./checksum.js";

/** How long a case waits, in real time, for something that must happen. */
export const WAIT_MS = 8000;

/** What all connections of a case share. */
export interface Observation {
  /** The method that is being called right now. */
  inside: string | undefined;
  readonly breaches: string[];
}

interface Waiter {
  readonly what: string;
  readonly isMet: () => boolean;
  readonly met: OneShot<void>;
  readonly cancelTimer: CancelTimer;
}

/** Records one end of a connection. */
export class ObservedConnection {
  readonly name: string;
  readonly connection: Connection;
  /** Of the bytes received so far, in order. */
  readonly received: Checksum = new Checksum();
  /** Every piece as it was received; kept only when a case asks for it. */
  pieces: Uint8Array[] | undefined;
  drainedCount = 0;
  hasEnded = false;
  closedCount = 0;
  closedBy: TransportError | undefined;
  isOpen = false;
  /** Called after each piece was recorded. */
  onReceived: ((bytes: Uint8Array) => void) | undefined;
  /** Called after the end was recorded. */
  onEnded: (() => void) | undefined;
  readonly #observation: Observation;
  #waiters: Waiter[] = [];
  #isDrainedDue = false;

  constructor(name: string, connection: Connection, observation: Observation) {
    this.name = name;
    this.connection = connection;
    this.#observation = observation;
  }

  get isClosed(): boolean {
    return this.closedCount > 0;
  }

  open(): this {
    this.isOpen = true;
    this.#within("open", () =>
      this.connection.open({
        received: (bytes) => this.#event("received", () => this.#receive(bytes)),
        drained: () => this.#event("drained", () => this.#drain()),
        ended: () => this.#event("ended", () => this.#end()),
        closed: (error) => this.#event("closed", () => this.#closed(error)),
      }),
    );
    return this;
  }

  write(bytes: Uint8Array): boolean {
    const isTaken = this.#within("write", () => this.connection.write(bytes));
    this.#isDrainedDue ||= !isTaken;
    return isTaken;
  }

  /** Writes, and resolves when there is room for more. */
  async send(bytes: Uint8Array): Promise<void> {
    const before = this.drainedCount;
    if (!this.write(bytes)) await this.until("drained", () => this.drainedCount > before || this.isClosed);
  }

  pause(): void {
    this.#within("pause", () => this.connection.pause());
  }

  resume(): void {
    this.#within("resume", () => this.connection.resume());
  }

  close(): void {
    this.#within("close", () => this.connection.close());
  }

  abort(reason?: unknown): void {
    this.#within("abort", () => this.connection.abort(reason));
  }

  /**
   * Resolves as soon as `isMet` holds after an event; rejects, naming `what`, when it does not in `WAIT_MS` or until the
   * connection is closed.
   */
  until(what: string, isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    if (this.isClosed) return Promise.reject(new Error(this.#waitedFor(what)));
    const met = oneShot<void>();
    const cancelTimer = systemClock.schedule(WAIT_MS, () => met.reject(new Error(this.#waitedFor(what))));
    this.#waiters.push({ what, isMet, met, cancelTimer });
    return met.promise;
  }

  untilReceived(byteCount: number): Promise<void> {
    return this.until(`${byteCount} bytes received`, () => this.received.byteCount >= byteCount);
  }

  untilEnded(): Promise<void> {
    return this.until("the other side's end", () => this.hasEnded);
  }

  untilClosed(): Promise<void> {
    return this.until("closed", () => this.isClosed);
  }

  /** Gives up all waiting, at the end of a case. */
  dismiss(): void {
    for (const waiter of this.#waiters) waiter.cancelTimer();
    this.#waiters = [];
  }

  #receive(bytes: Uint8Array): void {
    if (bytes.length === 0) this.#breach("received no bytes at all");
    if (this.hasEnded) this.#breach("received bytes after the end");
    this.received.add(bytes);
    this.pieces?.push(bytes);
    this.onReceived?.(bytes);
  }

  #drain(): void {
    if (!this.#isDrainedDue) this.#breach("drained although no write had returned false");
    if (this.connection.buffered !== 0) this.#breach(`drained with ${this.connection.buffered} bytes buffered`);
    this.#isDrainedDue = false;
    this.drainedCount++;
  }

  #end(): void {
    if (this.hasEnded) this.#breach("ended twice");
    this.hasEnded = true;
    this.onEnded?.();
  }

  #closed(error: TransportError | undefined): void {
    this.closedCount++;
    this.closedBy = error;
    if (error === undefined && !this.hasEnded) this.#breach("closed in order without the other side's end");
  }

  #event(event: string, record: () => void): void {
    if (this.#observation.inside !== undefined) this.#breach(`${event} came from inside ${this.#observation.inside}()`);
    if (this.isClosed) this.#breach(`${event} came after closed`);
    record();
    const due = this.#waiters.filter((waiter) => waiter.isMet());
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const { cancelTimer, met } of due) {
      cancelTimer();
      met.resolve();
    }
    if (!this.isClosed) return;
    // Nothing comes after closed.
    for (const { what, met } of this.#waiters) met.reject(new Error(this.#waitedFor(what)));
    this.dismiss();
  }

  #within<T>(method: string, call: () => T): T {
    const { inside } = this.#observation;
    this.#observation.inside = method;
    try {
      return call();
    } catch (error) {
      this.#breach(`${method}() threw ${String(error)}`);
      throw error;
    } finally {
      this.#observation.inside = inside;
    }
  }

  #breach(what: string): void {
    this.#observation.breaches.push(`${this.name}: ${what}`);
  }

  #waitedFor(what: string): string {
    const state = `${this.received.byteCount} bytes received, ${this.connection.buffered} buffered`;
    const ends = `ended: ${this.hasEnded}, closed: ${this.closedCount}, drained: ${this.drainedCount}`;
    return `${this.name} waited in vain for: ${what} (${state}, ${ends})`;
  }
}

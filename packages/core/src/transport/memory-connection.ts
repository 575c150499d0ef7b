// Two connections in one process, each the other's far end. It is the contract of `Connection` in its plainest form:
// bytes are copied when written and handed over in a later turn, so that no method calls back into its caller.

import { reportUncaught, Ring, systemClock, type Clock } from "../base/index.js";
import { TransportError, type Connection, type ConnectionEvents } from "./connection.js";

/** How many written bytes may wait for the reader before `write` returns false. */
export const MEMORY_BUFFER_BYTES = 65_536;

/** What the two ends of a pair are like. */
export interface MemoryPairOptions {
  /** Bytes and events are handed over in its `yield`. */
  readonly clock?: Clock;
  /** See `MEMORY_BUFFER_BYTES`. */
  readonly bufferBytes?: number;
  /** How many of the `byteCount` bytes of a write that are left to hand over next; all of them unless given. */
  readonly chunk?: (byteCount: number) => number;
}

/** Two connections that are each other's other side. */
export function memoryPair(options: MemoryPairOptions = {}): [Connection, Connection] {
  return pairMemory("memory://left", "memory://right", options);
}

/** As `memoryPair`; each end goes by an endpoint, and `onSecondClosed` is called when the second is no more. */
export function pairMemory(
  first: string,
  second: string,
  options: MemoryPairOptions,
  onSecondClosed?: () => void,
): [Connection, Connection] {
  const left = new MemoryConnection(first, options);
  const right = new MemoryConnection(second, options, onSecondClosed);
  left.join(right);
  right.join(left);
  return [left, right];
}

class MemoryConnection implements Connection {
  readonly localEndpoint: string;
  readonly #clock: Clock;
  readonly #bufferBytes: number;
  readonly #chunk: ((byteCount: number) => number) | undefined;
  readonly #onClosed: (() => void) | undefined;
  readonly #outgoing = new Ring<Uint8Array>();
  #otherSide!: MemoryConnection;
  #events: ConnectionEvents | undefined;
  #buffered = 0;
  /** A `write` returned false, and `drained` has not answered it yet. */
  #isOverfull = false;
  #isPaused = false;
  #isClosing = false;
  /** The other side's end was reported. */
  #hasEnded = false;
  /** No more: in good order, or with `#failure`. */
  #isOver = false;
  #failure: TransportError | undefined;
  #isReported = false;
  #isAwaitingTurn = false;

  constructor(localEndpoint: string, options: MemoryPairOptions, onClosed?: () => void) {
    this.localEndpoint = localEndpoint;
    this.#clock = options.clock ?? systemClock;
    this.#bufferBytes = options.bufferBytes ?? MEMORY_BUFFER_BYTES;
    this.#chunk = options.chunk;
    this.#onClosed = onClosed;
  }

  join(otherSide: MemoryConnection): void {
    this.#otherSide = otherSide;
  }

  get remoteEndpoint(): string {
    return this.#otherSide.localEndpoint;
  }

  get buffered(): number {
    return this.#buffered;
  }

  open(events: ConnectionEvents): void {
    this.#events = events;
    this.#awaitTurn();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosing || this.#isOver) return false;
    if (bytes.length > 0) {
      this.#outgoing.push(bytes.slice());
      this.#buffered += bytes.length;
      this.#otherSide.#awaitTurn();
    }
    if (this.#buffered < this.#bufferBytes) return true;
    this.#isOverfull = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#awaitTurn();
  }

  close(): void {
    this.#isClosing = true;
    this.#awaitTurn();
    this.#otherSide.#awaitTurn();
  }

  abort(reason?: unknown): void {
    if (this.#isOver) return;
    const aborted = `the connection to ${this.remoteEndpoint} was aborted`;
    this.#fail(new TransportError("connection-aborted", aborted, this.remoteEndpoint, { cause: reason }));
    const reset = `the connection to ${this.localEndpoint} was aborted by the other side`;
    this.#otherSide.#fail(new TransportError("connection-reset", reset, this.localEndpoint));
  }

  #fail(failure: TransportError): void {
    if (this.#isOver) return;
    this.#failure = failure;
    this.#over();
  }

  #over(): void {
    this.#isOver = true;
    this.#outgoing.clear();
    this.#buffered = 0;
    this.#onClosed?.();
    this.#awaitTurn();
  }

  #awaitTurn(): void {
    if (this.#isAwaitingTurn || this.#isReported || this.#events === undefined) return;
    this.#isAwaitingTurn = true;
    this.#clock.yield(() => this.#turn(this.#events as ConnectionEvents));
  }

  /** Everything that the owner is told, it is told from here. */
  #turn(events: ConnectionEvents): void {
    this.#isAwaitingTurn = false;
    this.#receive(events);
    const otherSide = this.#otherSide;
    const isEnd = otherSide.#isClosing && otherSide.#buffered === 0;
    if (isEnd && !this.#isPaused && !this.#isOver && !this.#hasEnded) {
      this.#hasEnded = true;
      guarded(() => events.ended());
      otherSide.#awaitTurn();
    }
    if (this.#isOverfull && this.#buffered === 0 && !this.#isClosing && !this.#isOver) {
      this.#isOverfull = false;
      guarded(() => events.drained());
    }
    if (this.#isClosing && this.#hasEnded && otherSide.#hasEnded && !this.#isOver) this.#over();
    if (!this.#isOver || this.#isReported) return;
    this.#isReported = true;
    guarded(() => events.closed(this.#failure));
  }

  /** Takes what the other side has written until now; what it writes meanwhile waits for the next turn. */
  #receive(events: ConnectionEvents): void {
    const from = this.#otherSide;
    for (let due = from.#buffered; due > 0 && !this.#isPaused && !this.#isOver;) {
      const bytes = this.#next(from.#outgoing);
      due -= bytes.length;
      from.#buffered -= bytes.length;
      if (from.#buffered === 0) from.#awaitTurn();
      guarded(() => events.received(bytes));
    }
    if (from.#buffered > 0 && !this.#isPaused) this.#awaitTurn();
  }

  #next(outgoing: Ring<Uint8Array>): Uint8Array {
    const bytes = outgoing.shift() as Uint8Array;
    const wanted = this.#chunk?.(bytes.length) ?? bytes.length;
    const length = Math.min(Math.max(1, Math.floor(wanted)), bytes.length);
    if (length === bytes.length) return bytes;
    outgoing.unshift(bytes.subarray(length));
    return bytes.subarray(0, length);
  }
}

/** An owner that throws must not stop what the other side waits for. */
function guarded(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    reportUncaught(error);
  }
}

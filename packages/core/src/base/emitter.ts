// Events that many may observe at any time. An observer that throws does not disturb the others or the one observed.

import { Ring } from "./ring.js";

/** Stops observing. Calling it twice does nothing. */
export type Unsubscribe = () => void;

/** How many events an `events()` iterator holds for a reader that is behind; beyond that the oldest are dropped. */
export const EVENTS_BUFFERED_MAX = 1024;

type OfType<E extends { type: string }, T extends E["type"]> = Extract<E, { type: T }>;

/** Emits events of the union `E`, told apart by `type`. */
export class Emitter<E extends { readonly type: string }> {
  #listeners: Map<string, Set<(event: E) => void>> | undefined;
  #streams: Set<EventStream<E>> | undefined;
  #ended = false;

  /** Whether anybody would see an event of this type: making one may be skipped otherwise. */
  has(type: E["type"]): boolean {
    return this.#streams !== undefined || this.#listeners?.has(type) === true;
  }

  on<T extends E["type"]>(type: T, listener: (event: OfType<E, T>) => void): Unsubscribe {
    this.#listeners ??= new Map();
    let listeners = this.#listeners.get(type);
    if (listeners === undefined) this.#listeners.set(type, (listeners = new Set()));
    // A wrapper of its own for each registration: the same function may observe twice, and each stops by itself.
    const registered = (event: E): void => listener(event as OfType<E, T>);
    listeners.add(registered);
    return () => {
      listeners.delete(registered);
      if (listeners.size === 0 && this.#listeners?.get(type) === listeners) this.#listeners.delete(type);
    };
  }

  /** All events from now on, until `end`. A reader that falls behind loses the oldest, see `EVENTS_BUFFERED_MAX`. */
  events(): AsyncIterableIterator<E> {
    const stream = new EventStream<E>((closed) => {
      this.#streams?.delete(closed);
      if (this.#streams?.size === 0) this.#streams = undefined;
    });
    if (this.#ended) stream.end();
    else (this.#streams ??= new Set()).add(stream);
    return stream;
  }

  emit(event: E): void {
    const listeners = this.#listeners?.get(event.type);
    if (listeners !== undefined) {
      for (const listener of [...listeners]) {
        try {
          listener(event);
        } catch (error) {
          reportUncaught(error);
        }
      }
    }
    if (this.#streams !== undefined) for (const stream of this.#streams) stream.push(event);
  }

  /** Ends every iterator once its buffer is read, and forgets the listeners. */
  end(): void {
    this.#ended = true;
    const streams = this.#streams;
    this.#streams = undefined;
    this.#listeners = undefined;
    if (streams !== undefined) for (const stream of streams) stream.end();
  }
}

class EventStream<E> implements AsyncIterableIterator<E> {
  readonly #buffer = new Ring<E>();
  readonly #readers = new Ring<(result: IteratorResult<E>) => void>();
  readonly #onClose: (stream: EventStream<E>) => void;
  #ended = false;

  constructor(onClose: (stream: EventStream<E>) => void) {
    this.#onClose = onClose;
  }

  push(event: E): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) return reader({ done: false, value: event });
    if (this.#buffer.length === EVENTS_BUFFERED_MAX) this.#buffer.shift();
    this.#buffer.push(event);
  }

  end(): void {
    this.#ended = true;
    for (const reader of this.#readers.clear()) reader({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<E>> {
    const event = this.#buffer.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<E>> {
    this.#buffer.clear();
    this.end();
    this.#onClose(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Hands an error that nobody can catch to the host, as an uncaught one, without unwinding the caller. */
export function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

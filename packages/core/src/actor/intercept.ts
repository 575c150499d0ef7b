// What is done around messages, on the caller's side or on the handler's: authentication, logging, tracing, trying again.
// It knows addresses and messages, and not where they go.

import type { Address, AnyService, Ended, WatchOptions } from "./address.js";
import { NO_METADATA, type Metadata } from "./handlers.js";
import { lazyStream } from "./lazy-stream.js";
import type { Message } from "./service.js";

/** A message on its way, as an interceptor sees it. */
export interface InterceptedMessage {
  /** Whether it leaves its caller, or has come to its handler. */
  readonly side: "caller" | "handler";
  readonly service: AnyService;
  readonly message: string;
  readonly kind: Message["kind"];
  /** Whether the contract says that handling it twice is as good as once. */
  readonly idempotent: boolean;
  readonly input: unknown;
  readonly metadata: Metadata;
  /** Aborted when nobody wants it any more; on the caller's side only if the caller gave one. */
  readonly signal: AbortSignal | undefined;
  /** How long the caller still waits, in milliseconds; on the caller's side undefined if it did not say. */
  readonly remainingMs: number | undefined;
  /** On the handler's side: what the handler is told, such as the `peer` of a message from elsewhere. */
  readonly context: unknown;
}

/** What an interceptor may change before it passes a message on. The last two only on the caller's side. */
export interface MessageChanges {
  readonly input?: unknown;
  readonly metadata?: Metadata;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Passes the message on, with changes or without. Gives what comes of it: a promise of the answer of a call, a promise that
 * a send was taken, the outputs of a stream.
 */
export type Next = (changes?: MessageChanges) => unknown;

/**
 * Does something around a message, and gives back what its caller gets in the end: what `next` gave, or something else of
 * its kind. What it throws is what the caller gets; without `next`, the message goes no further.
 */
export type Interceptor = (message: InterceptedMessage, next: Next) => unknown;

/** Runs `interceptors` around `end`, the first one outermost. */
export function runIntercepted(
  interceptors: readonly Interceptor[],
  message: InterceptedMessage,
  end: (message: InterceptedMessage, changes: MessageChanges) => unknown,
  index: number = 0,
  changes: MessageChanges = {},
): unknown {
  const interceptor = interceptors[index];
  if (interceptor === undefined) return end(message, changes);
  return interceptor(message, (more) =>
    more === undefined
      ? runIntercepted(interceptors, message, end, index + 1, changes)
      : runIntercepted(interceptors, changed(message, more), end, index + 1, { ...changes, ...more }),
  );
}

function changed(message: InterceptedMessage, changes: MessageChanges): InterceptedMessage {
  const { input = message.input, metadata = message.metadata, signal = message.signal } = changes;
  return { ...message, input, metadata, signal, remainingMs: changes.timeoutMs ?? message.remainingMs };
}

/** The options of any message. */
interface AnyOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly metadata?: Metadata;
}

/** An address with the types of its service left out. */
interface AnyAddress {
  readonly service: AnyService;
  call(message: string, input: unknown, options?: AnyOptions): Promise<unknown>;
  send(message: string, input: unknown, options?: AnyOptions): Promise<void>;
  trySend(message: string, input: unknown): boolean;
  stream(message: string, input: unknown, options?: AnyOptions): AsyncIterableIterator<unknown, undefined>;
  watch(options?: WatchOptions): Promise<Ended>;
}

class InterceptedAddress {
  readonly service: AnyService;
  readonly #target: AnyAddress;
  readonly #interceptors: readonly Interceptor[];

  constructor(target: AnyAddress, interceptors: readonly Interceptor[]) {
    this.service = target.service;
    this.#target = target;
    this.#interceptors = interceptors;
  }

  async call(message: string, input?: unknown, options?: AnyOptions): Promise<unknown> {
    return this.#run("call", message, input, options, (changed, all) => this.#target.call(message, changed, all));
  }

  async send(message: string, input?: unknown, options?: AnyOptions): Promise<void> {
    await this.#run("send", message, input, options, (changed, all) => this.#target.send(message, changed, all));
  }

  /** Without a promise there is nothing to do around it: it goes straight on. */
  trySend(message: string, input?: unknown): boolean {
    return this.#target.trySend(message, input);
  }

  stream(message: string, input?: unknown, options?: AnyOptions): AsyncIterableIterator<unknown, undefined> {
    return lazyStream(async () => {
      const outputs = await this.#run("stream", message, input, options, (changed, all) =>
        this.#target.stream(message, changed, all),
      );
      return (outputs as AsyncIterable<unknown, undefined>)[Symbol.asyncIterator]();
    });
  }

  watch(options?: WatchOptions): Promise<Ended> {
    return this.#target.watch(options);
  }

  #run(
    kind: Message["kind"],
    name: string,
    input: unknown,
    options: AnyOptions | undefined,
    end: (input: unknown, options: AnyOptions | undefined) => unknown,
  ): unknown {
    const { messages } = this.service;
    const message: InterceptedMessage = {
      side: "caller",
      service: this.service,
      message: name,
      kind,
      idempotent: Object.hasOwn(messages, name) && messages[name]?.idempotent === true,
      input,
      metadata: options?.metadata ?? NO_METADATA,
      signal: options?.signal,
      remainingMs: options?.timeoutMs,
      context: undefined,
    };
    return runIntercepted(this.#interceptors, message, (last, { input: _, ...changes }) =>
      end(
        last.input,
        options === undefined && Object.keys(changes).length === 0 ? undefined : { ...options, ...changes },
      ),
    );
  }
}

/**
 * The same address with `interceptors` around every call, send and stream that goes through it; the first one is the
 * outermost. `trySend` and `watch` go straight on.
 *
 * @example
 * const logged = intercept(address, async (message, next) => {
 *   console.log(message.message);
 *   return next();
 * });
 */
export function intercept<S extends AnyService>(
  address: Address<S>,
  ...interceptors: readonly Interceptor[]
): Address<S> {
  if (interceptors.length === 0) return address;
  return new InterceptedAddress(address as unknown as AnyAddress, interceptors) as unknown as Address<S>;
}

// The only way to reach an actor, here or elsewhere.

import { ActorError } from "./error.js";
import type { HandlerContext, Metadata, Outputs } from "./handlers.js";
import type { Given, Messages, NamesOf, Result, Sent, Service } from "./service.js";

/** How long a call waits for its answer when its caller does not say. */
export const CALL_TIMEOUT_MS = 30_000;

/** How a call waits, and what ends the waiting early. */
export interface CallOptions {
  /** How long to wait for the answer, in milliseconds. `CALL_TIMEOUT_MS` unless set, and instead of Infinity. */
  readonly timeoutMs?: number;
  /** Aborting it rejects the call at once with code `cancelled` and tells the handler. */
  readonly signal?: AbortSignal;
  /** On a link that is down: wait until it is up or the time is over, or fail at once. As the link says, unless set. */
  readonly whenDown?: "wait" | "fail";
  /** What travels beside the input: see `HandlerContext.metadata`. */
  readonly metadata?: Metadata;
  /** See `Inheriting`. */
  readonly context?: Inheriting;
}

/**
 * What a handler is told, passed on with what it asks on its caller's behalf: that then has as much time as its caller still
 * waits, or less if `timeoutMs` says so, and is cancelled with it.
 */
export type Inheriting = Pick<HandlerContext, "remainingMs" | "signal">;

/** How long a stream may take, and what ends it early. */
export interface StreamOptions {
  /** How long the whole stream may take, in milliseconds. For as long as both sides like, unless set. */
  readonly timeoutMs?: number;
  /** Aborting it ends the stream at once with code `cancelled` and tells the handler. */
  readonly signal?: AbortSignal;
  /** See `CallOptions.whenDown`. */
  readonly whenDown?: "wait" | "fail";
  /** See `CallOptions.metadata`. */
  readonly metadata?: Metadata;
  /** See `Inheriting`. */
  readonly context?: Inheriting;
}

/** What the caller streams, where the message has such inputs. It is closed early if the handler wants no more. */
export type WithInputs<T, Options> =
  StreamsInputs<T> extends true
    ? Options & { readonly inputs: Outputs<Given<T>> }
    : Options & { readonly inputs?: IsAny<Given<T>> extends true ? Outputs<Given<T>> : undefined };

/** Whether the caller has to stream something. Where types are left open, it may. */
type StreamsInputs<T> = IsAny<Given<T>> extends true ? false : [Given<T>] extends [never] ? false : true;

/** What ends the waiting of a send early. */
export interface SendOptions {
  /** Aborting it gives up waiting for room, with code `cancelled`; a message that is on its way stays so. */
  readonly signal?: AbortSignal;
  /** See `CallOptions.whenDown`; a send waits for as long as it takes. */
  readonly whenDown?: "wait" | "fail";
  /** See `CallOptions.metadata`. */
  readonly metadata?: Metadata;
}

/** What ends a watch early. */
export interface WatchOptions {
  readonly signal?: AbortSignal;
}

/** Why an actor, or a connection to it, is no more. */
export interface Ended {
  /** `stopped`, `restarts-exhausted`, `withdrawn`, `connection-lost` … */
  readonly reason: string;
  readonly error?: unknown;
}

/** What follows the name of a message: an input, unless it is void, and options. */
export type Arguments<T, Options> =
  IsAny<Sent<T>> extends true
    ? [input?: Sent<T>, options?: Options]
    : [Sent<T>] extends [void]
      ? [input?: undefined, options?: Options]
      : undefined extends Sent<T>
        ? [input?: Sent<T>, options?: Options]
        : [input: Sent<T>, options?: Options];

/** The same for a message whose caller may stream: if it has to, options are needed, and with them what comes before. */
export type StreamingArguments<T, Options> =
  StreamsInputs<T> extends true
    ? [Sent<T>] extends [void]
      ? [input: undefined, options: WithInputs<T, Options>]
      : [input: Sent<T>, options: WithInputs<T, Options>]
    : Arguments<T, WithInputs<T, Options>>;

/** `any` extends everything, `void` as well. */
type IsAny<T> = 0 extends 1 & T ? true : false;

/** Where to reach one service: an actor in this program, or one behind a peer or a link. */
export interface Address<S extends Service = Service> {
  readonly service: S;

  /**
   * Asks and waits for the answer. Settles exactly once, always: with the answer, with `RemoteError` when the handler
   * threw, or with a `TroupeError` that says why there is none.
   */
  call<Name extends NamesOf<S["messages"], "call">>(
    message: Name,
    ...rest: StreamingArguments<S["messages"][Name], CallOptions>
  ): Promise<Result<S["messages"][Name]>>;

  /**
   * Asks for outputs, one after the other. It begins when the first one is asked for, and what is asked for slowly is
   * made slowly. Leaving a `for await` early, or `return()`, tells the handler to stop. Ends as the handler does, or with
   * the error that ended it, told once.
   */
  stream<Name extends NamesOf<S["messages"], "stream">>(
    message: Name,
    ...rest: StreamingArguments<S["messages"][Name], StreamOptions>
  ): AsyncIterableIterator<Result<S["messages"][Name]>>;

  /**
   * Tells, at most once. Resolves when there was room for the message, which is the backpressure; that it arrived is
   * not confirmed. Messages from one sender to one service on one connection stay in order.
   */
  send<Name extends NamesOf<S["messages"], "send">>(
    message: Name,
    ...rest: Arguments<S["messages"][Name], SendOptions>
  ): Promise<void>;

  /**
   * Tells if there is room right now. False, and nothing is sent, if there is none or nobody is there.
   *
   * @throws WireError `payload-unsupported` or `payload-too-long` if the input could not be sent at any time.
   */
  trySend<Name extends NamesOf<S["messages"], "send">>(
    message: Name,
    ...rest: Arguments<S["messages"][Name], undefined>
  ): boolean;

  /** Resolves, once, when the actor or the way to it is no more; at once if that is so already. Rejects only on abort. */
  watch(options?: WatchOptions): Promise<Ended>;
}

/** The options of a message that say how long it may take. */
interface TimedOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly context?: Inheriting;
}

/** The same options with the time and the signal of the context that they were given. */
export function inherited<Options extends TimedOptions>(options: Options): Options {
  const { context, timeoutMs = Infinity, signal } = options;
  if (context === undefined) return options;
  return {
    ...options,
    context: undefined,
    timeoutMs: Math.min(timeoutMs, context.remainingMs),
    signal: signal === undefined ? context.signal : AbortSignal.any([signal, context.signal]),
  };
}

/** The messages of a service, for signatures that do not care which. */
export type AnyService = Service<Messages>;

/**
 * How long a call with these options waits: 0 says that the time is up before it began. Infinity, which is what is left
 * to a handler whose caller does not wait, stands for the default.
 *
 * @throws ActorError `option-invalid` if `timeoutMs` is not a number.
 */
export function callTimeoutMs(options: CallOptions | undefined): number {
  const timeoutMs = options?.timeoutMs;
  if (timeoutMs === undefined || timeoutMs === Infinity) return CALL_TIMEOUT_MS;
  if (typeof timeoutMs !== "number" || Number.isNaN(timeoutMs)) {
    throw new ActorError("option-invalid", `timeoutMs must be a number, not ${String(timeoutMs)}`);
  }
  return Math.max(0, timeoutMs);
}

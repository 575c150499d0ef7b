// Plain functions that implement a service.

import type { RemoteError } from "./error.js";
import type {
  AnyCall,
  AnySend,
  AnyStream,
  Failures,
  Message,
  Messages,
  Received,
  Returned,
  Service,
  Taken,
} from "./service.js";

/** Texts that travel beside a message, such as a token or the id of a trace, by their names. */
export type Metadata = Readonly<Record<string, string>>;

/** What a message without any has. */
export const NO_METADATA: Metadata = Object.freeze(Object.create(null) as Record<string, string>);

/** What a handler is told besides its input. `C` is what the layer that runs it adds, such as the peer. */
export interface HandlerContext {
  /** Aborted when the caller cancels, its deadline passes, its connection is lost, or the actor is stopped. */
  readonly signal: AbortSignal;
  /** When the caller stops waiting, in milliseconds on the clock of this side; Infinity for a send. */
  readonly deadline: number;
  /** Milliseconds left until then; pass it on as `timeoutMs` to calls made on the caller's behalf. */
  readonly remainingMs: number;
  /** What the caller sent beside the input. */
  readonly metadata: Metadata;
}

/** What else the handler of one message is told. */
export interface MessageContext<T> {
  /** What the caller streams, as it arrives. Leaving the loop tells the caller to stop. */
  readonly inputs: AsyncIterableIterator<Taken<T>>;
  /** Makes one of the errors that the message declares, to be thrown. */
  readonly fail: Fail<Failures<T>>;
}

/** Makes a declared error: its code, its data unless that is void, and a message for people. */
export type Fail<F> = <Code extends keyof F & string>(
  code: Code,
  ...rest: [F[Code]] extends [void] ? [data?: undefined, message?: string] : [data: F[Code], message?: string]
) => RemoteError;

/** What a stream's handler gives back. */
export type Outputs<T> = AsyncIterable<T> | Iterable<T>;

/** The function that implements one message. */
export type Handler<T extends Message, Context> = T extends AnyStream
  ? (input: Received<T>, context: Context & MessageContext<T>) => Outputs<Returned<T>> | Promise<Outputs<Returned<T>>>
  : T extends AnyCall
    ? (input: Received<T>, context: Context & MessageContext<T>) => Returned<T> | Promise<Returned<T>>
    : T extends AnySend
      ? (input: Received<T>, context: Context) => void | Promise<void>
      : never;

/**
 * One function for each message of a service, no more and no fewer.
 */
export type Handlers<S extends Messages | Service<Messages>, Context = HandlerContext> = HandlersOf<
  MessagesOf<S>,
  Context
>;

type MessagesOf<S> = S extends Service<infer M> ? M : S;
type HandlersOf<M, Context> = {
  readonly [Name in keyof M]: M[Name] extends Message ? Handler<M[Name], Context> : never;
};

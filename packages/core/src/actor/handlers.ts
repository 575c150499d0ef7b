// Plain functions that implement a service.

import type { AnyCall, AnySend, Message, Messages, Received, Returned, Service } from "./service.js";

/** What a handler is told besides its input. `C` is what the layer that runs it adds, such as the peer. */
export interface HandlerContext {
  /** Aborted when the caller cancels, its deadline passes, its connection is lost, or the actor is stopped. */
  readonly signal: AbortSignal;
  /** When the caller stops waiting, in milliseconds on the clock of this side; Infinity for a send. */
  readonly deadline: number;
  /** Milliseconds left until then; pass it on as `timeoutMs` to calls made on the caller's behalf. */
  readonly remainingMs: number;
}

/** The function that implements one message. */
export type Handler<T extends Message, Context> = T extends AnyCall
  ? (input: Received<T>, context: Context) => Returned<T> | Promise<Returned<T>>
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

// The errors that a message declares, as its caller tells them apart.

import { RemoteError } from "./error.js";
import type { Failures, Message, Messages, Service } from "./service.js";

/** One of the errors that a message declares: its `code` says what its `data` is. */
export type DeclaredFailure<T> = {
  [Code in keyof Failures<T> & string]: {
    readonly code: Code;
    readonly data: Failures<T>[Code];
    readonly message: string;
  };
}[keyof Failures<T> & string];

/** Codes that come from Troupe itself, and are nobody's declared errors unless a contract names them. */
const OWN_CODES: readonly string[] = Object.freeze([
  "handler-failed",
  "input-invalid",
  "output-invalid",
  "payload-unsupported",
  "payload-too-long",
  "payload-invalid",
  "inputs-unexpected",
  "credit-invalid",
  "cancelled",
  "timeout",
  "closing",
  "abandoned",
  "unknown-error",
  "reply-invalid",
]);

/**
 * Which of the errors that `message` declares `error` is; undefined if it is none of them.
 *
 * Errors that are declared by schemas are known by their codes, and their data was checked by the provider. Of errors that
 * are declared by types alone nothing is known while the program runs: then every error of a handler that does not have a
 * code of Troupe's own is taken for one of them.
 *
 * @example
 * const Shop = defineService("shop", { price: call<string, number, never, { unknown: { item: string } }>() });
 * function missing(error: unknown): string | undefined {
 *   const failure = failureOf(Shop, "price", error);
 *   return failure?.code === "unknown" ? failure.data.item : undefined;
 * }
 */
export function failureOf<M extends Messages, Name extends keyof M & string>(
  service: Service<M>,
  message: Name,
  error: unknown,
): DeclaredFailure<M[Name]> | undefined {
  if (!(error instanceof RemoteError) || !Object.hasOwn(service.messages, message)) return undefined;
  const { errors } = service.messages[message] as Message;
  const isDeclared = errors === undefined ? !OWN_CODES.includes(error.code) : Object.hasOwn(errors, error.code);
  if (!isDeclared) return undefined;
  const { code, data, message: text } = error;
  return { code, data, message: text } as DeclaredFailure<M[Name]>;
}

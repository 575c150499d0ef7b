// A service: the contract that both sides share. It knows nothing of actors, peers or bytes.

import type { Schema, SchemaInput, SchemaOutput } from "./schema.js";
import { ActorError } from "./error.js";

declare const types: unique symbol;

/** One request, one answer. */
export interface CallMessage<Sent = unknown, Received = Sent, Returned = unknown, Result = Returned> {
  readonly kind: "call";
  readonly input: Schema | undefined;
  readonly output: Schema | undefined;
  readonly [types]?: { sent: Sent; received: Received; returned: Returned; result: Result };
}

/** One message, no answer. */
export interface SendMessage<Sent = unknown, Received = Sent> {
  readonly kind: "send";
  readonly input: Schema | undefined;
  readonly [types]?: { sent: Sent; received: Received };
}

// `any` in the constraints only: a message of every type must fit, whatever its variance.
/** A call of whatever types. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyCall = CallMessage<any, any, any, any>;
/** A send of whatever type. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnySend = SendMessage<any, any>;
/** One message of a service. */
export type Message = AnyCall | AnySend;
/** The messages of a service, by name. */
export type Messages = Readonly<Record<string, Message>>;

/** A named, typed set of messages. Made by `defineService`. */
export interface Service<M extends Messages = Messages> {
  readonly name: string;
  readonly messages: M;
}

/** The types of one message: what the caller sends, the handler receives and returns, and the caller gets. */
export type TypesOf<T> = T extends { readonly [types]?: infer Types } ? NonNullable<Types> : never;
/** What the caller of a message gives. */
export type Sent<T> = TypesOf<T> extends { sent: infer S } ? S : never;
/** What its handler receives: what the input schema made of it. */
export type Received<T> = TypesOf<T> extends { received: infer R } ? R : never;
/** What the handler of a call gives back. */
export type Returned<T> = TypesOf<T> extends { returned: infer R } ? R : never;
/** What the caller gets: what the output schema made of it. */
export type Result<T> = TypesOf<T> extends { result: infer R } ? R : never;

/** The names of the messages of one kind. */
export type NamesOf<M extends Messages, Kind extends Message["kind"]> = {
  [Name in keyof M & string]: M[Name]["kind"] extends Kind ? Name : never;
}[keyof M & string];

/** The longest name of a service or a message, in UTF-8 bytes. */
export const NAME_BYTES_MAX = 256;
/** How many bytes all names of a service may have together: they are announced in one frame. */
export const SERVICE_NAMES_BYTES_MAX: number = 512 * 1024;
/** The most messages that one service may have. */
export const SERVICE_MESSAGES_MAX = 4096;

/**
 * Describes a request with one answer, by types alone or by any Standard Schema. With schemas, the caller gives what
 * `input` accepts, the handler receives what `input` gives back, and likewise for `output` on the way home.
 *
 * @example
 * call<{ a: number; b: number }, number>();
 * call({ input: z.object({ a: z.number() }), output: z.number() });
 */
export function call<Input = void, Output = void>(): CallMessage<Input, Input, Output, Output>;
export function call<
  const I extends Schema | undefined = undefined,
  const O extends Schema | undefined = undefined,
>(schemas: {
  readonly input?: I;
  readonly output?: O;
}): CallMessage<
  I extends Schema ? SchemaInput<I> : void,
  I extends Schema ? SchemaOutput<I> : void,
  O extends Schema ? SchemaInput<O> : void,
  O extends Schema ? SchemaOutput<O> : void
>;
export function call(schemas?: { readonly input?: Schema; readonly output?: Schema }): CallMessage {
  return { kind: "call", input: schemas?.input, output: schemas?.output };
}

/**
 * Describes a message without an answer, by its type alone or by any Standard Schema.
 *
 * @example
 * send<string>();
 * send(z.string());
 */
export function send<Input = void>(): SendMessage<Input, Input>;
export function send<const I extends Schema>(input: I): SendMessage<SchemaInput<I>, SchemaOutput<I>>;
export function send<const I extends Schema>(schemas: {
  readonly input: I;
}): SendMessage<SchemaInput<I>, SchemaOutput<I>>;
export function send(schemas?: Schema | { readonly input: Schema }): SendMessage {
  return { kind: "send", input: schemas === undefined ? undefined : "input" in schemas ? schemas.input : schemas };
}

/**
 * Names a set of messages. The same value is imported by both sides; what it provides is decided by who adds it to a
 * `ServiceMap` or spawns it.
 *
 * @throws ActorError `service-invalid` when a name is empty or too long, there are too many messages or bytes of names,
 * or something is no message.
 *
 * @example
 * const Calculator = defineService("calculator", { add: call<{ a: number; b: number }, number>() });
 */
export function defineService<const M extends Messages>(name: string, messages: M): Service<M> {
  const names = Object.keys(messages);
  if (names.length > SERVICE_MESSAGES_MAX) {
    throw new ActorError(
      "service-invalid",
      `service ${name} has ${names.length} messages, at most ${SERVICE_MESSAGES_MAX} are possible`,
    );
  }
  const encoder = new TextEncoder();
  let total = 0;
  for (const each of [name, ...names]) {
    const bytes = encoder.encode(each).length;
    total += bytes;
    if (bytes === 0 || bytes > NAME_BYTES_MAX) {
      throw new ActorError(
        "service-invalid",
        `a name must have 1 to ${NAME_BYTES_MAX} bytes, ${JSON.stringify(each.slice(0, 40))} has ${bytes}`,
      );
    }
  }
  if (total > SERVICE_NAMES_BYTES_MAX) {
    throw new ActorError("service-invalid", `the names of ${name} have more than ${SERVICE_NAMES_BYTES_MAX} bytes`);
  }
  for (const each of names) {
    const kind = (messages[each] as Partial<Message> | undefined)?.kind;
    if (kind === "call" || kind === "send") continue;
    throw new ActorError("service-invalid", `${name}.${each} must be made by call() or send()`);
  }
  return Object.freeze({ name, messages: Object.freeze({ ...messages }) });
}

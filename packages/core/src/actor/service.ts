// A service: the contract that both sides share. It knows nothing of actors, peers or bytes.

import type { Schema, SchemaInput, SchemaOutput } from "./schema.js";
import { ActorError } from "./error.js";
import type { ThespisMessage } from "./thespis-message.js";

declare const types: unique symbol;

/** One request, one answer; the caller may stream inputs until then. */
export interface CallMessage<
  Sent = unknown,
  Received = Sent,
  Returned = unknown,
  Result = Returned,
  Given = never,
  Taken = Given,
  Failures = unknown,
> extends MessageParts {
  readonly kind: "call";
  readonly [types]?: {
    sent: Sent;
    received: Received;
    returned: Returned;
    result: Result;
    given: Given;
    taken: Taken;
    failures: Failures;
  };
}

/** One message, no answer. */
export interface SendMessage<Sent = unknown, Received = Sent> extends MessageParts {
  readonly kind: "send";
  readonly [types]?: { sent: Sent; received: Received };
}

/** One request, any number of outputs; the caller may stream inputs meanwhile. */
export interface StreamMessage<
  Sent = unknown,
  Received = Sent,
  Returned = unknown,
  Result = Returned,
  Given = never,
  Taken = Given,
  Failures = unknown,
> extends MessageParts {
  readonly kind: "stream";
  readonly [types]?: {
    sent: Sent;
    received: Received;
    returned: Returned;
    result: Result;
    given: Given;
    taken: Taken;
    failures: Failures;
  };
}

/** What is there of a message while the program runs. What is undefined is described by types alone. */
export interface MessageParts {
  /** Of what the caller gives. */
  readonly input: Schema | undefined;
  /** Of the answer, or of each output of a stream. */
  readonly output: Schema | undefined;
  /** Of each input that the caller streams. */
  readonly inputs: Schema | undefined;
  /** Of the `data` of each error that the service declares, by its code. */
  readonly errors: Readonly<Record<string, Schema>> | undefined;
  /** Whether handling it twice is as good as once, so that it may be tried again. */
  readonly idempotent: boolean;
  /** Which message it is for programs that speak thespis_remote. */
  readonly thespis: ThespisMessage | undefined;
}

// `any` in the constraints only: a message of every type must fit, whatever its variance.
/** A call of whatever types. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyCall = CallMessage<any, any, any, any, any, any, any>;
/** A send of whatever type. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnySend = SendMessage<any, any>;
/** A stream of whatever types. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyStream = StreamMessage<any, any, any, any, any, any, any>;
/** One message of a service. */
export type Message = AnyCall | AnySend | AnyStream;
/** The messages of a service, by name. */
export type Messages = Readonly<Record<string, Message>>;

/** A named, typed set of messages. Made by `defineService`. */
export interface Service<M extends Messages = Messages> {
  readonly name: string;
  readonly messages: M;
  /** Which revision of the contract this is; see `ServiceOptions.version`. */
  readonly version: number;
}

/** What a service is besides its name and messages. */
export interface ServiceOptions {
  /**
   * A whole number that changes when old and new programs no longer understand each other: calls between two that differ
   * are refused. 0 unless set.
   */
  readonly version?: number;
}

/** The types of one message: what the caller sends, the handler receives and returns, and the caller gets. */
export type TypesOf<T> = T extends { readonly [types]?: infer Types } ? NonNullable<Types> : never;
/** What the caller of a message gives. */
export type Sent<T> = TypesOf<T> extends { sent: infer S } ? S : never;
/** What its handler receives: what the input schema made of it. */
export type Received<T> = TypesOf<T> extends { received: infer R } ? R : never;
/** What the handler of a call gives back, or of a stream puts out. */
export type Returned<T> = TypesOf<T> extends { returned: infer R } ? R : never;
/** What the caller gets: what the output schema made of it. */
export type Result<T> = TypesOf<T> extends { result: infer R } ? R : never;
/** What the caller streams; never if it streams nothing. */
export type Given<T> = TypesOf<T> extends { given: infer G } ? G : never;
/** What the handler gets of that: what the schema of inputs made of it. */
export type Taken<T> = TypesOf<T> extends { taken: infer G } ? G : never;
/** The errors that the message declares: their `data` by their codes. */
export type Failures<T> = TypesOf<T> extends { failures: infer F } ? F : unknown;

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

/** What may be said of a message that is described by types alone. */
export interface MessageOptions {
  /** Handling it twice is as good as once: `retry` and the like may try it again. False unless set. */
  readonly idempotent?: boolean;
  /** Which message it is for programs that speak thespis_remote, on connections whose `wireFormat` is `thespisCbor`. */
  readonly thespis?: ThespisMessage;
}

/** Schemas of a message with an answer or outputs. */
export interface MessageSchemas<
  I extends Schema | undefined,
  O extends Schema | undefined,
  N extends Schema | undefined,
  E extends Readonly<Record<string, Schema>> | undefined,
> extends MessageOptions {
  readonly input?: I;
  readonly output?: O;
  /** Of each input that the caller streams. */
  readonly inputs?: N;
  /** Of the `data` of each error that callers are to tell apart, by its code. */
  readonly errors?: E;
}

type InOf<S, Else> = S extends Schema ? SchemaInput<S> : Else;
type OutOf<S, Else> = S extends Schema ? SchemaOutput<S> : Else;
type FailuresOf<E> =
  E extends Readonly<Record<string, Schema>> ? { readonly [Code in keyof E]: SchemaOutput<E[Code]> } : unknown;

/**
 * Describes a request with one answer, by types alone or by any Standard Schema. With schemas, the caller gives what
 * `input` accepts, the handler receives what `input` gives back, and likewise for `output` on the way home. A third type,
 * or `inputs`, is for a call whose caller streams inputs before the answer comes; a fourth, or `errors`, is for the errors
 * that callers are to tell apart.
 *
 * @example
 * call<{ a: number; b: number }, number>();
 * call({ input: z.object({ a: z.number() }), output: z.number() });
 */
export function call<Input = void, Output = void, Inputs = never, Errors = unknown>(
  options?: MessageOptions,
): CallMessage<Input, Input, Output, Output, Inputs, Inputs, Errors>;
export function call<
  const I extends Schema | undefined = undefined,
  const O extends Schema | undefined = undefined,
  const N extends Schema | undefined = undefined,
  const E extends Readonly<Record<string, Schema>> | undefined = undefined,
>(
  schemas: MessageSchemas<I, O, N, E>,
): CallMessage<
  InOf<I, void>,
  OutOf<I, void>,
  InOf<O, void>,
  OutOf<O, void>,
  InOf<N, never>,
  OutOf<N, never>,
  FailuresOf<E>
>;
export function call(given?: AnyMessageSchemas): CallMessage {
  return { kind: "call", ...partsOf(given) };
}

/**
 * Describes a request with any number of outputs, in order, by types alone or by any Standard Schema. `output` is about each of them.
 * A third type, or `inputs`, is for what the caller streams meanwhile; a fourth, or `errors`, as for `call`.
 *
 * @example
 * stream<{ to: number }, number>();
 * stream<{ scale: number }, number, number>();
 */
export function stream<Input = void, Output = void, Inputs = never, Errors = unknown>(
  options?: MessageOptions,
): StreamMessage<Input, Input, Output, Output, Inputs, Inputs, Errors>;
export function stream<
  const I extends Schema | undefined = undefined,
  const O extends Schema | undefined = undefined,
  const N extends Schema | undefined = undefined,
  const E extends Readonly<Record<string, Schema>> | undefined = undefined,
>(
  schemas: MessageSchemas<I, O, N, E>,
): StreamMessage<
  InOf<I, void>,
  OutOf<I, void>,
  InOf<O, void>,
  OutOf<O, void>,
  InOf<N, never>,
  OutOf<N, never>,
  FailuresOf<E>
>;
export function stream(given?: AnyMessageSchemas): StreamMessage {
  return { kind: "stream", ...partsOf(given) };
}

/**
 * Describes a message without an answer, by its type alone or by any Standard Schema.
 *
 * @example
 * send<string>();
 * send(z.string());
 */
export function send<Input = void>(options?: MessageOptions): SendMessage<Input, Input>;
export function send<const I extends Schema>(input: I): SendMessage<SchemaInput<I>, SchemaOutput<I>>;
export function send<const I extends Schema>(
  schemas: { readonly input: I } & MessageOptions,
): SendMessage<SchemaInput<I>, SchemaOutput<I>>;
export function send(given?: Schema | AnyMessageSchemas): SendMessage {
  const isSchema = given !== undefined && "~standard" in given;
  return { kind: "send", ...partsOf(isSchema ? { input: given } : given) };
}

type AnyMessageSchemas = MessageSchemas<
  Schema | undefined,
  Schema | undefined,
  Schema | undefined,
  Readonly<Record<string, Schema>> | undefined
>;

function partsOf(given: AnyMessageSchemas | undefined): MessageParts {
  return {
    input: given?.input,
    output: given?.output,
    inputs: given?.inputs,
    errors: given?.errors,
    idempotent: given?.idempotent ?? false,
    thespis: given?.thespis,
  };
}

/**
 * Names a set of messages. The same value is imported by both sides; what it provides is decided by who adds it to a
 * `ServiceMap` or spawns it.
 *
 * @throws ActorError `service-invalid` when a name is empty or too long, there are too many messages or bytes of names,
 * something is no message, or the version is no whole number.
 *
 * @example
 * const Calculator = defineService("calculator", { add: call<{ a: number; b: number }, number>() });
 */
export function defineService<const M extends Messages>(
  name: string,
  messages: M,
  options: ServiceOptions = {},
): Service<M> {
  const { version = 0 } = options;
  if (!Number.isInteger(version) || version < 0 || version > 0xffff_ffff) {
    throw new ActorError("service-invalid", `the version of ${name} must be a whole number of at most 32 bits`);
  }
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
    if (kind === "call" || kind === "send" || kind === "stream") continue;
    throw new ActorError("service-invalid", `${name}.${each} must be made by call(), send() or stream()`);
  }
  return Object.freeze({ name, messages: Object.freeze({ ...messages }), version });
}

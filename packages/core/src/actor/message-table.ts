// The messages of a service in a table: names that callers supply are looked up here and never on an object.

import { ActorError } from "./error.js";
import type { Schema } from "./schema.js";
import type { Message, Service } from "./service.js";

/** Runs one message. Any handler fits, once the table has it. */
export type AnyHandler = (input: unknown, context: unknown) => unknown;

/** One message of a service and, while an actor has some, the handler for it. */
export interface TableEntry {
  readonly name: string;
  readonly kind: Message["kind"];
  readonly input: Schema | undefined;
  /** Of the answer, or of each output of a stream. */
  readonly output: Schema | undefined;
  /** Of each input that the caller streams. */
  readonly inputs: Schema | undefined;
  /** Of the data of each declared error. */
  readonly errors: Readonly<Record<string, Schema>> | undefined;
  handler: AnyHandler;
}

/** The messages of one service, by name. */
export class MessageTable {
  readonly #service: Service;
  readonly #entries = new Map<string, TableEntry>();

  constructor(service: Service) {
    this.#service = service;
    for (const [name, message] of Object.entries(service.messages)) {
      const { kind, input, output, inputs, errors } = message;
      this.#entries.set(name, { name, kind, input, output, inputs, errors, handler: notYet });
    }
  }

  /** The message of that name and kind, if the service has one. */
  find(name: string, kind: Message["kind"]): TableEntry | undefined {
    const entry = this.#entries.get(name);
    return entry?.kind === kind ? entry : undefined;
  }

  /** What somebody is told who asked for a message that the service does not have. */
  unknown(name: string, kind: Message["kind"]): ActorError {
    return new ActorError("unknown-message", `service ${this.#service.name} has no ${kind} named ${nameText(name)}`);
  }

  /**
   * Takes the functions of `handlers`, which may be methods, also inherited ones; `this` stays what it is in a method.
   *
   * @throws ActorError `handler-missing` if one is missing; nothing is taken then.
   */
  bind(handlers: unknown): void {
    if (typeof handlers !== "object" || handlers === null) {
      throw new ActorError("handler-missing", `service ${this.#service.name}: the setup returned no handlers`);
    }
    const bound = [...this.#entries.values()].map((entry) => ({
      entry,
      handler: this.#handlerOf(handlers, entry.name),
    }));
    for (const { entry, handler } of bound) entry.handler = handler;
  }

  #handlerOf(handlers: object, name: string): AnyHandler {
    const handler: unknown = Reflect.get(handlers, name);
    // What every object has, such as `toString`, implements nothing.
    if (typeof handler === "function" && handler !== Reflect.get(Object.prototype, name)) {
      return handler.bind(handlers) as AnyHandler;
    }
    throw new ActorError("handler-missing", `service ${this.#service.name}: there is no handler for ${nameText(name)}`);
  }
}

function nameText(name: unknown): string {
  return JSON.stringify(String(name).slice(0, 80));
}

function notYet(): never {
  throw new ActorError("handler-missing", "there are no handlers yet");
}

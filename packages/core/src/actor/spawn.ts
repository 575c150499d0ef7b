// The way into an actor of this program: making one, and the address that callers hold. Inputs and answers are passed
// as they are, not copied.

import { systemClock, type Clock, type Inspection, type Unsubscribe } from "../base/index.js";
import { Actor, type ActorEvent } from "./actor.js";
import {
  callTimeoutMs,
  inherited,
  type Address,
  type CallOptions,
  type Ended,
  type SendOptions,
  type WatchOptions,
} from "./address.js";
import { RESTART_DEFAULTS, type RestartOptions } from "./crash-window.js";
import { CallEnvelope, copyOf, SendEnvelope } from "./envelope.js";
import { ActorError } from "./error.js";
import type { Handlers } from "./handlers.js";
import { LANE_DEFAULTS, type Overflow } from "./lane.js";
import { lazyStream } from "./lazy-stream.js";
import { openLocalStream, type LocalStreamOptions } from "./local-stream.js";
import { MessageTable } from "./message-table.js";
import type { Messages, Service } from "./service.js";

/** What a setup is told. */
export interface ActorContext<S extends Service = Service> {
  /** The actor's own address. Awaiting a call to oneself inside a handler waits until its timeout. */
  readonly self: Address<S>;
  /** Aborted when the state that this setup makes ends: with the actor, or with a crash before the next setup. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** The bound of a mailbox, and what happens at the bound. */
export interface ActorMailboxOptions {
  /** How many messages it holds. */
  readonly capacity?: number;
  /** What happens to a message when it is full: its sender waits, it is refused, or the oldest one is dropped. */
  readonly overflow?: Overflow;
  /** How many senders wait at once for room, with `overflow: "wait"`; more are refused with `mailbox-full`. */
  readonly parkedMax?: number;
}

/** What an actor is given besides its service and its setup. */
export interface SpawnOptions {
  readonly mailbox?: ActorMailboxOptions;
  readonly restart?: RestartOptions;
  readonly clock?: Clock;
  readonly inspection?: Inspection;
  /** What inspection events and errors call the actor; the name of its service unless set. */
  readonly name?: string;
}

/** How patient a close is. */
export interface ActorCloseOptions {
  /** How long it may work off its mailbox, in milliseconds. */
  readonly graceMs?: number;
}

/** How long `close` lets an actor work off its mailbox, in milliseconds, unless it is told otherwise. */
export const ACTOR_GRACE_MS = 5_000;

/** The address of an actor of this program, in the hands of the one who made it and may end it. */
export interface ActorAddress<S extends Service = Service> extends Address<S>, AsyncDisposable {
  /** Whether the actor has ended. */
  readonly isClosed: boolean;
  /** How many messages wait in the mailbox. */
  readonly queued: number;
  /** How many messages have been dropped to make room for newer ones, with `overflow: "drop-oldest"`. */
  readonly dropped: number;

  /**
   * Takes no new messages, works off those in the mailbox and those whose senders wait for room already, for at most
   * `graceMs`, and resolves when the actor has ended. What is left by then is given up: calls and waiting senders reject
   * with `actor-stopped`, and sends are told as `refused`. Inside the actor's own handler, do not await it.
   */
  close(options?: ActorCloseOptions): Promise<void>;
  /** Ends the actor at once: calls reject with `actor-stopped`, and the handler that runs finds its `signal` aborted. */
  abort(reason?: unknown): void;
  on<T extends ActorEvent["type"]>(type: T, listener: (event: Extract<ActorEvent, { type: T }>) => void): Unsubscribe;
  /** What happens from now on, until the actor ends. */
  events(): AsyncIterableIterator<ActorEvent>;
}

/** Handlers for these messages and for no others: a function with another name is a mistake. */
export type HandlersOnly<M extends Messages, H> = H & {
  readonly [
    Name in Exclude<keyof H, keyof M> as H[Name] extends (...args: never) => unknown ? Name : never
  ]: "the service has no message of this name";
};

/**
 * Starts an actor: `setup` makes its state and its handlers, now and again after each crash. The handlers run one
 * message at a time, also while they await. A handler that throws anything but a `RemoteError` has crashed: its caller
 * gets the error, the state is made anew, and the messages behind it are kept. A setup that fails ends the actor with
 * reason `setup-failed`.
 *
 * @throws ActorError `option-invalid`.
 *
 * @example
 * const Counter = defineService("counter", { add: call<number, number>() });
 * const counter = spawn(Counter, () => {
 *   let n = 0;
 *   return { add: (k) => (n += k) };
 * });
 * await counter.call("add", 2);
 * await counter.close();
 */
export function spawn<M extends Messages, H extends Handlers<M>>(
  service: Service<M>,
  setup: (context: ActorContext<Service<M>>) => HandlersOnly<M, H> | Promise<HandlersOnly<M, H>>,
  options: SpawnOptions = {},
): ActorAddress<Service<M>> {
  const { clock = systemClock } = options;
  const table = new MessageTable(service);
  const actor = new Actor({
    name: options.name ?? service.name,
    table,
    setup: (incarnation) =>
      setup({
        self,
        clock,
        get signal() {
          return incarnation.signal;
        },
      }),
    mailbox: { ...LANE_DEFAULTS, ...options.mailbox },
    restart: options.restart ?? RESTART_DEFAULTS,
    clock,
    inspection: options.inspection,
  });
  // What the types of the interface say about names and inputs is checked by the table while running.
  const self = new LocalAddress(service, table, actor) as unknown as ActorAddress<Service<M>>;
  actor.begin();
  return self;
}

class LocalAddress {
  readonly service: Service;
  readonly #table: MessageTable;
  readonly #actor: Actor;
  /** The one answer of every send that found room. */
  readonly #sent: Promise<void> = Promise.resolve();

  constructor(service: Service, table: MessageTable, actor: Actor) {
    this.service = service;
    this.#table = table;
    this.#actor = actor;
  }

  get isClosed(): boolean {
    return this.#actor.ended !== undefined;
  }

  get queued(): number {
    return this.#actor.lane.length;
  }

  get dropped(): number {
    return this.#actor.lane.dropped;
  }

  call(message: string, input?: unknown, given?: CallOptions): Promise<unknown> {
    const options = given?.context === undefined ? given : inherited(given);
    return new Promise((resolve, reject) => {
      const actor = this.#actor;
      const entry = this.#table.find(message, "call");
      if (entry === undefined) throw this.#table.unknown(message, "call");
      const timeoutMs = callTimeoutMs(options);
      const signal = options?.signal;
      if (!actor.isOpen) throw actor.stoppedError(entry);
      if (signal?.aborted === true) {
        throw new ActorError("cancelled", `the call of ${message} was cancelled`, { cause: signal.reason });
      }
      if (timeoutMs === 0) throw new ActorError("timeout", `no time left for the call of ${message}`);
      const envelope = new CallEnvelope(actor, entry, input, timeoutMs, resolve, reject);
      if (options !== undefined) envelope.addOptions(options);
      actor.callMade();
      envelope.watchOver(signal);
      if (!actor.offer(envelope)) envelope.park();
    });
  }

  stream(message: string, input?: unknown, given?: LocalStreamOptions): AsyncIterableIterator<unknown, undefined> {
    return lazyStream(() => {
      const options = given?.context === undefined ? given : inherited(given);
      const entry = this.#table.find(message, "stream");
      if (entry === undefined) throw this.#table.unknown(message, "stream");
      // A stream has all the time there is, unless it is told otherwise.
      const { timeoutMs: wanted = Infinity } = options ?? {};
      const timeoutMs = wanted === Infinity ? Infinity : callTimeoutMs({ timeoutMs: wanted });
      const signal = options?.signal;
      if (!this.#actor.isOpen) throw this.#actor.stoppedError(entry);
      if (signal?.aborted === true) {
        throw new ActorError("cancelled", `the stream of ${message} was cancelled`, { cause: signal.reason });
      }
      if (timeoutMs === 0) throw new ActorError("timeout", `no time left for the stream of ${message}`);
      return openLocalStream(this.#actor, entry, input, timeoutMs, options);
    });
  }

  send(message: string, input?: unknown, options?: SendOptions): Promise<void> {
    const entry = this.#table.find(message, "send");
    if (entry === undefined) return Promise.reject(this.#table.unknown(message, "send"));
    if (!this.#actor.isOpen) return Promise.reject(this.#actor.stoppedError(entry));
    const signal = options?.signal;
    if (signal?.aborted === true) {
      const cause: unknown = signal.reason;
      return Promise.reject(new ActorError("cancelled", `the send of ${message} was cancelled`, { cause }));
    }
    const metadata = options?.metadata === undefined ? undefined : copyOf(options.metadata);
    const envelope = new SendEnvelope(entry, input, metadata);
    return this.#actor.offer(envelope) ? this.#sent : this.#actor.lane.push(envelope, options);
  }

  trySend(message: string, input?: unknown): boolean {
    const entry = this.#table.find(message, "send");
    if (entry === undefined) throw this.#table.unknown(message, "send");
    return this.#actor.isOpen && this.#actor.offer(new SendEnvelope(entry, input, undefined));
  }

  watch(options?: WatchOptions): Promise<Ended> {
    const { whenEnded, ended, events } = this.#actor;
    const signal = options?.signal;
    if (signal === undefined || ended !== undefined) return whenEnded;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        unsubscribe();
        reject(new ActorError("cancelled", "stopped watching", { cause: signal.reason }));
      };
      const unsubscribe = events.on("stopped", (event) => {
        signal.removeEventListener("abort", giveUp);
        resolve(event.ended);
      });
      if (signal.aborted) giveUp();
      else signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  async close(options?: ActorCloseOptions): Promise<void> {
    const graceMs = options?.graceMs ?? ACTOR_GRACE_MS;
    if (Number.isNaN(graceMs)) throw new ActorError("option-invalid", "graceMs must be a number");
    this.#actor.drain(graceMs);
    await this.#actor.whenEnded;
  }

  abort(reason?: unknown): void {
    this.#actor.end({ reason: "aborted", ...(reason === undefined ? {} : { error: reason }) });
  }

  on<T extends ActorEvent["type"]>(type: T, listener: (event: Extract<ActorEvent, { type: T }>) => void): Unsubscribe {
    return this.#actor.events.on(type, listener);
  }

  events(): AsyncIterableIterator<ActorEvent> {
    return this.#actor.events.events();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

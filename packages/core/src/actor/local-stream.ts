// A stream of an actor of this program. Its handler is called in turn, like that of a call; what it gives back runs on
// beside the mailbox, one item each time the consumer asks for one, until it ends or either side leaves.

import { Deadline, Ring } from "../base/index.js";
import type { Actor } from "./actor.js";
import type { StreamOptions } from "./address.js";
import { CallEnvelope } from "./envelope.js";
import { ActorError, toRemoteError } from "./error.js";
import { GivenInputs } from "./given-inputs.js";
import type { Incarnation } from "./incarnation.js";
import { itemSource, type ItemSource } from "./item-source.js";
import type { TableEntry } from "./message-table.js";
import { checkFailure, checkOutput } from "./validate.js";

type Result = IteratorResult<unknown, undefined>;

interface Waiter {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/** The message that opens a stream. What belongs to its handler is kept when it is answered. */
export class StreamEnvelope extends CallEnvelope {
  /** The life of the state that its handler was called in. */
  incarnation: Incarnation | undefined = undefined;
  #hasOpened = false;

  override answer(value: unknown): boolean {
    this.#hasOpened = true;
    return super.answer(value);
  }

  protected override over(): void {
    if (!this.#hasOpened) super.over();
  }
}

/** The options of a stream with what its types say of inputs left out. */
export type LocalStreamOptions = StreamOptions & { readonly inputs?: unknown };

/** Puts the message into the mailbox, and resolves with the outputs once its handler has given them. */
export async function openLocalStream(
  actor: Actor,
  entry: TableEntry,
  input: unknown,
  timeoutMs: number,
  options: LocalStreamOptions | undefined,
): Promise<AsyncIterator<unknown, undefined>> {
  let envelope!: StreamEnvelope;
  const outputs = await new Promise<unknown>((resolve, reject) => {
    envelope = new StreamEnvelope(actor, entry, input, timeoutMs, resolve, reject);
    envelope.addOptions(options);
    actor.callMade();
    envelope.watchOver(options?.signal);
    if (!actor.offer(envelope)) envelope.park();
  });
  return new LocalStream(actor, envelope, outputs, options?.signal);
}

class LocalStream extends Deadline implements AsyncIterator<unknown, undefined> {
  readonly #actor: Actor;
  readonly #envelope: StreamEnvelope;
  readonly #source: ItemSource;
  readonly #signals = new AbortController();
  readonly #forgetLife: (() => void) | undefined;
  readonly #waiters = new Ring<Waiter>();
  #count = 0;
  #isOver = false;
  #error: { readonly cause: unknown } | undefined;

  constructor(actor: Actor, envelope: StreamEnvelope, outputs: unknown, signal: AbortSignal | undefined) {
    super();
    this.#actor = actor;
    this.#envelope = envelope;
    const source = itemSource(outputs);
    if (source === undefined) {
      envelope.inputs?.close();
      throw toRemoteError(new TypeError(`the handler of ${envelope.entry.name} returned nothing that can be iterated`));
    }
    this.#source = source;
    // It counts as long as it is open: the actor's timers are kept for it.
    actor.callMade();
    const { name } = envelope.entry;
    const { inputs, incarnation } = envelope;
    if (inputs instanceof GivenInputs) inputs.onFailed = (error) => this.#end({ cause: error });
    const remainingMs = envelope.expiresAt - actor.clock.now();
    if (remainingMs !== Infinity) actor.timers.set(this, Math.max(0, remainingMs));
    const cancelled = (): void =>
      this.#give(
        new ActorError("cancelled", `the stream of ${name} was cancelled`, {
          cause: signal?.reason,
          maybeExecuted: true,
        }),
      );
    signal?.addEventListener("abort", cancelled, { once: true, signal: this.#signals.signal });
    this.#forgetLife = incarnation?.whenEnded((error) => this.#give(error));
    if (signal?.aborted === true) cancelled();
  }

  next(): Promise<Result> {
    if (this.#isOver) return this.#last();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      void this.#pull();
    });
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#error = undefined;
    if (!this.#isOver) this.#give(new ActorError("cancelled", "the consumer wants no more"), false);
    return Promise.resolve(DONE);
  }

  override expired(): void {
    const { name } = this.#envelope.entry;
    this.#give(new ActorError("timeout", `the stream of ${name} took too long`, { maybeExecuted: true }));
  }

  /** Asks for one item, for the oldest who waits for one. */
  async #pull(): Promise<void> {
    const index = this.#count++;
    try {
      const result = await this.#source.next();
      if (this.#isOver) return;
      if (result.done === true) return this.#end(undefined);
      const value: unknown = await checkOutput(this.#envelope.entry.output, result.value, ["outputs", index]);
      if (!this.#isOver) this.#waiters.shift()?.resolve({ done: false, value });
    } catch (error) {
      const told = (await checkFailure(this.#envelope.entry.errors, error)) ?? error;
      if (this.#isOver) return;
      this.#close();
      this.#end({ cause: toRemoteError(told) });
    }
  }

  /** Ends it from outside: the handler is told, and its generator closed; the consumer is told at once. */
  #give(error: ActorError, isTold = true): void {
    if (this.#isOver) return;
    this.#envelope.abort(error);
    this.#close();
    this.#end(isTold ? { cause: error } : undefined);
  }

  #close(): void {
    try {
      void Promise.resolve(this.#source.return?.()).catch(() => {});
    } catch {
      // It has been told.
    }
  }

  #end(error: { readonly cause: unknown } | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#signals.abort();
    this.#forgetLife?.();
    this.#envelope.inputs?.close();
    this.#actor.timers.clear(this);
    this.#actor.callSettled();
    for (const waiter of this.#waiters.clear()) this.#last().then(waiter.resolve, waiter.reject);
  }

  /** What comes after the last item: the error, once, and then the end. */
  async #last(): Promise<IteratorReturnResult<undefined>> {
    const error = this.#error;
    if (error === undefined) return DONE;
    this.#error = undefined;
    throw error.cause;
  }
}

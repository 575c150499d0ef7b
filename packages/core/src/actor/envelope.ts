// Messages on their way to a handler in this program. A call's envelope is its own deadline, its own place in the line
// before a full mailbox and its own listener for cancellation, so that a call costs few objects; it is settled exactly
// once, by whoever comes first. It knows the lane it waits in, and nothing of the actor behind it.

import { Deadline, type Clock, type Timers } from "../base/index.js";
import { ActorError } from "./error.js";
import { fail } from "./fail.js";
import { GivenInputs, NO_INPUTS } from "./given-inputs.js";
import { NO_METADATA, type HandlerContext, type Metadata } from "./handlers.js";
import type { BoundedLane, Parked } from "./lane.js";
import type { TableEntry } from "./message-table.js";

/** A message without an answer. */
export class SendEnvelope {
  readonly entry: TableEntry;
  readonly input: unknown;
  readonly metadata: Metadata | undefined;

  constructor(entry: TableEntry, input: unknown, metadata: Metadata | undefined) {
    this.entry = entry;
    this.input = input;
    this.metadata = metadata;
  }
}

/** What a mailbox of this program holds. */
export type Envelope = SendEnvelope | CallEnvelope;

/** What a call needs of the one who runs it. */
export interface CallHost {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly lane: BoundedLane<Envelope>;
  /** Called once, when the call is settled. */
  callSettled(): void;
}

/** Where a call is: in the line before the mailbox, in the mailbox, taken out of it, in its handler, or settled. */
type Place = "parked" | "queued" | "taken" | "started" | "settled";

/** A message with an answer. */
export class CallEnvelope extends Deadline implements Parked<Envelope> {
  readonly entry: TableEntry;
  readonly input: unknown;
  readonly #host: CallHost;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  readonly #timeoutMs: number;
  /** What the caller said beside the input, and what it streams. */
  metadata: Metadata = NO_METADATA;
  inputs: GivenInputs | undefined = undefined;
  #place: Place = "queued";
  #signal: AbortSignal | undefined = undefined;
  #context: CallContext | undefined = undefined;

  constructor(
    host: CallHost,
    entry: TableEntry,
    input: unknown,
    timeoutMs: number,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    super();
    this.#host = host;
    this.entry = entry;
    this.input = input;
    this.#timeoutMs = timeoutMs;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get item(): Envelope {
    return this;
  }

  get isSettled(): boolean {
    return this.#place === "settled";
  }

  /** @throws ActorError `option-invalid` for inputs that are not iterable. */
  addOptions(options: { readonly metadata?: Metadata; readonly inputs?: unknown } | undefined): void {
    if (options?.metadata !== undefined) this.metadata = copyOf(options.metadata);
    if (options?.inputs === undefined) return;
    this.inputs = new GivenInputs(options.inputs, this.entry.inputs);
    this.inputs.onFailed = (error) => {
      if (this.fail(error)) this.abort(new ActorError("cancelled", "the inputs have failed", { cause: error }));
    };
  }

  /** Starts the deadline, and listens to the caller's signal if there is one. */
  watchOver(signal: AbortSignal | undefined): void {
    if (this.#timeoutMs !== Infinity) this.#host.timers.set(this, this.#timeoutMs);
    if (signal === undefined) return;
    this.#signal = signal;
    signal.addEventListener("abort", this, { once: true });
  }

  /** Waits before the full mailbox. */
  park(): void {
    this.#place = "parked";
    this.#host.lane.park(this);
  }

  admitted(): void {
    this.#place = "queued";
  }

  refused(error: ActorError): void {
    this.fail(error);
  }

  /** It has left the mailbox. */
  taken(): void {
    this.#place = "taken";
  }

  /** The handler is about to run: from now on the call counts as maybe executed. */
  start(): CallContext {
    this.#place = "started";
    return (this.#context = new CallContext(this, this.#host.clock));
  }

  /** Returns whether this settled it. */
  answer(value: unknown): boolean {
    if (!this.#settle()) return false;
    this.#resolve(value);
    return true;
  }

  /** Returns whether this settled it. */
  fail(error: unknown): boolean {
    if (!this.#settle()) return false;
    this.#reject(error);
    return true;
  }

  /** Settles without an answer: a message that still waits is taken back, and a handler that runs is told. */
  giveUp(code: "timeout" | "cancelled" | "actor-stopped", message: string, cause?: unknown): void {
    const place = this.#place;
    if (!this.#settle()) return;
    const error = new ActorError(code, message, { cause, maybeExecuted: place === "started" });
    if (place === "queued") this.#host.lane.discard(this);
    else if (place === "parked") this.#host.lane.unpark(this);
    this.#reject(error);
    this.#context?.abort(error);
  }

  /** Tells the handler that nobody waits any more. */
  abort(error: ActorError): void {
    this.#context?.abort(error);
  }

  /** It is settled. */
  protected over(): void {
    this.inputs?.close();
  }

  override expired(): void {
    const hint = this.#place === "started" || this.#place === "taken" ? "" : ", and had not been started";
    this.giveUp("timeout", `${this.entry.name} was not answered within ${this.#timeoutMs} ms${hint}`);
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    this.giveUp("cancelled", `the call of ${this.entry.name} was cancelled`, this.#signal?.reason);
  }

  #settle(): boolean {
    if (this.#place === "settled") return false;
    this.#place = "settled";
    this.#host.timers.clear(this);
    if (this.#signal !== undefined) this.#signal.removeEventListener("abort", this);
    this.#host.callSettled();
    this.over();
    return true;
  }
}

/** What the handler of a call is told. Its signal exists only once somebody has asked for it. */
export class CallContext implements HandlerContext {
  readonly #call: CallEnvelope;
  readonly #clock: Clock;
  #controller: AbortController | undefined = undefined;
  #abortedWith: ActorError | undefined = undefined;

  constructor(call: CallEnvelope, clock: Clock) {
    this.#call = call;
    this.#clock = clock;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortedWith !== undefined) this.#controller.abort(this.#abortedWith);
    }
    return this.#controller.signal;
  }

  get deadline(): number {
    return this.#call.expiresAt;
  }

  get remainingMs(): number {
    return Math.max(0, this.#call.expiresAt - this.#clock.now());
  }

  get metadata(): Metadata {
    return this.#call.metadata;
  }

  get inputs(): AsyncIterableIterator<unknown> {
    return this.#call.inputs ?? NO_INPUTS;
  }

  get fail(): typeof fail {
    return fail;
  }

  abort(error: ActorError): void {
    this.#abortedWith = error;
    this.#controller?.abort(error);
  }
}

/** What a handler is told beside a send. */
export class SendContext implements HandlerContext {
  readonly #life: HandlerContext;
  readonly metadata: Metadata;

  constructor(life: HandlerContext, metadata: Metadata) {
    this.#life = life;
    this.metadata = metadata;
  }

  get signal(): AbortSignal {
    return this.#life.signal;
  }

  get deadline(): number {
    return Infinity;
  }

  get remainingMs(): number {
    return Infinity;
  }
}

/** As it would arrive from elsewhere: without anything that every object has, and not to be changed. */
export function copyOf(metadata: Metadata): Metadata {
  return Object.freeze(Object.assign(Object.create(null) as Record<string, string>, metadata));
}

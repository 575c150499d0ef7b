// A call, a stream or a send from the other side, in its own task, and what its handler sees of it. The task is its own timer,
// and the abort controller is made when the handler first reads `signal`, so that a message costs two objects.

import { Deadline } from "../base/index.js";
import { fail, lazyStream, NO_METADATA, type Metadata, type PermitWaiter } from "../actor/index.js";
import type { Identity } from "../transport/index.js";
import type { IncomingFlow } from "./incoming-flow.js";
import type { OutgoingFlow } from "./outgoing-flow.js";
import type { Peer } from "./peer.js";
import { RelayedSignal } from "./relayed-signal.js";
import type { Provider } from "./provider.js";
import type { AnyCallContext, ProvidedMessage, ProvidedService } from "./service-map.js";
import type { OutgoingTransfer } from "./transfers.js";

/** What a handler is told besides its input. */
class IncomingContext implements AnyCallContext {
  readonly #task: IncomingMessage;

  constructor(task: IncomingMessage) {
    this.#task = task;
  }

  get peer(): Peer {
    return this.#task.peer;
  }

  get identity(): Identity | undefined {
    return this.#task.peer.remote.identity;
  }

  get signal(): AbortSignal {
    return this.#task.signal;
  }

  get relayedSignal(): AbortSignal {
    return new RelayedSignal(this.#task) as unknown as AbortSignal;
  }

  get deadline(): number {
    return this.#task.deadline;
  }

  get remainingMs(): number {
    return this.#task.remainingMs;
  }

  get metadata(): Metadata {
    return this.#task.metadata;
  }

  get hasInputs(): boolean {
    return this.#task.inputs !== undefined;
  }

  /** The handler reads it as what the types of its message say; without inputs there are none. */
  get inputs(): AsyncIterableIterator<never> {
    return (this.#task.inputs ?? lazyStream(noInputs)) as AsyncIterableIterator<never>;
  }

  get fail(): typeof fail {
    return fail;
  }
}

function noInputs(): AsyncIterator<never, undefined> {
  return { next: () => Promise.resolve({ done: true, value: undefined }) };
}

/** A message on its way through the incoming half. */
export class IncomingMessage extends Deadline implements PermitWaiter {
  readonly #provider: Provider;
  /** ConnID, or 0 for a send. */
  readonly id: number;
  readonly service: ProvidedService;
  readonly message: ProvidedMessage;
  /** Length of its frame; counts against the bytes that the other side may have under way. */
  readonly bytes: number;
  /** On the clock of this side; Infinity for a send, and for a stream that has all the time there is. */
  readonly deadline: number;
  /** The undecoded payload, while the request waits for a permit or for room. */
  parked: Uint8Array | undefined = undefined;
  metadata: Metadata = NO_METADATA;
  /** What the other side streams, if it said so. */
  inputs: IncomingFlow | undefined = undefined;
  /** What the handler streams, once it has begun to. */
  outputs: OutgoingFlow | undefined = undefined;
  /** The answer, while it leaves in parts. */
  transfer: OutgoingTransfer | undefined = undefined;
  /** The request that it was passed on as; told when this one is aborted. */
  relayedAs: { handleEvent(): void } | undefined = undefined;
  waitsForPermit = false;
  /** Held until its handler has ended, or lent to others because it was given up and runs on. */
  permit: "none" | "held" | "lent" = "none";
  /** Whether its handler has been entered. */
  hasBegun = false;
  /** Answered, handled or given up; what the handler still does is nobody's business. */
  isDone = false;
  /** Given up while its handler runs on. */
  isAbandoned = false;
  #controller: AbortController | undefined;
  #abortedBy: unknown;
  #isAborted = false;

  constructor(
    provider: Provider,
    id: number,
    service: ProvidedService,
    message: ProvidedMessage,
    bytes: number,
    deadline: number,
  ) {
    super();
    this.#provider = provider;
    this.id = id;
    this.service = service;
    this.message = message;
    this.bytes = bytes;
    this.deadline = deadline;
  }

  get peer(): Peer {
    return this.#provider.peer;
  }

  /** Whether the other side waits for an answer. */
  get isRequest(): boolean {
    return this.id !== 0;
  }

  get isStream(): boolean {
    return this.message.kind === "stream";
  }

  /** Why the handler was asked to end. */
  get abortedBy(): unknown {
    return this.#abortedBy;
  }

  get isAborted(): boolean {
    return this.#isAborted;
  }

  get remainingMs(): number {
    return Math.max(0, this.deadline - this.#provider.now());
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isAborted) this.#controller.abort(this.#abortedBy);
    }
    return this.#controller.signal;
  }

  /** Whom a permit is for: connections that share a semaphore take turns. */
  get party(): Peer {
    return this.peer;
  }

  /** For the handler. */
  context(): AnyCallContext {
    return new IncomingContext(this);
  }

  /** Asks the handler to end. */
  abort(reason: unknown): void {
    this.#isAborted = true;
    this.#abortedBy = reason;
    this.#controller?.abort(reason);
    this.relayedAs?.handleEvent();
  }

  /** The deadline has passed, or the time to end after an abort has. */
  override expired(): void {
    this.#provider.expired(this);
  }

  /** A permit for a parked call. */
  granted(): void {
    this.#provider.granted(this);
  }
}

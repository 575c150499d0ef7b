// A call, stream or watch on its way: the one-shot that waits under its ConnID, and its own timer and abort listener. And
// the table in which they wait.

import { Deadline } from "../base/index.js";
import { FrameKind } from "../wire/index.js";
import type { Caller } from "./caller.js";
import type { IncomingFlow, PayloadReader } from "./incoming-flow.js";
import type { OutgoingFlow } from "./outgoing-flow.js";
import type { WaitingMessage } from "./outgoing-lane.js";
import type { RemoteService } from "./remote.js";
import type { OutgoingTransfer } from "./transfers.js";

/** What is asked of the other side: the kinds of frames that it answers. */
export type RequestKind = typeof FrameKind.call | typeof FrameKind.stream | typeof FrameKind.watch;

/** A request of this side. After it has settled it stays in the table until the other side is done with it as well. */
export class OutgoingCall extends Deadline {
  /** ConnID; 0 until the call is on its way. */
  id = 0;
  /** Length of its frame; counts against the bytes that the other side takes at once. */
  bytes = 0;
  readonly service: RemoteService;
  readonly message: string;
  readonly #caller: Caller;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  #signal: AbortSignal | undefined;
  isSettled = false;
  /** What reads the answer, if it is not the channel's. */
  reader: PayloadReader | undefined = undefined;
  /** Its place in the outgoing lane, until it is sent. */
  waiting: WaitingMessage | undefined = undefined;
  /** A watch is answered when the watched actor ends, and a stream when it is over. A watch takes no credit. */
  readonly kind: RequestKind;
  /** What travels beside the input, encoded. */
  metadata: Uint8Array | undefined = undefined;
  /** The input, while it leaves in parts. */
  transfer: OutgoingTransfer | undefined = undefined;
  /** What this side streams to the other one, until the answer. */
  inputs: OutgoingFlow | undefined = undefined;
  /** What the other side streams, of a stream. */
  outputs: IncomingFlow | undefined = undefined;

  constructor(
    caller: Caller,
    service: RemoteService,
    message: string,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
    kind: RequestKind,
  ) {
    super();
    this.#caller = caller;
    this.service = service;
    this.message = message;
    this.#resolve = resolve;
    this.#reject = reject;
    this.kind = kind;
  }

  get isWatch(): boolean {
    return this.kind === FrameKind.watch;
  }

  resolve(value: unknown): void {
    this.#settle();
    this.#resolve(value);
  }

  reject(error: unknown): void {
    this.#settle();
    this.#reject(error);
  }

  cancelOn(signal: AbortSignal): void {
    signal.addEventListener("abort", this);
    this.#signal = signal;
  }

  /** The listener of the abort signal. */
  handleEvent(): void {
    this.#caller.cancelled(this, this.#signal?.reason);
  }

  override expired(): void {
    this.#caller.timedOut(this);
  }

  #settle(): void {
    this.isSettled = true;
    this.#caller.timers.clear(this);
    this.inputs?.stop();
    if (this.#signal !== undefined) {
      this.#signal.removeEventListener("abort", this);
      this.#signal = undefined;
    }
  }
}

const SLOTS_MIN = 16;

/**
 * Calls by ConnID. Ids rise; one whose place is taken by a call that has been waiting long is skipped, so that finding
 * a call is one array access.
 */
export class CallTable {
  #slots: (OutgoingCall | undefined)[] = [];
  #lastId = 0;
  size = 0;

  /** Gives `call` its id and keeps it. */
  add(call: OutgoingCall): void {
    if (this.size * 2 >= this.#slots.length) this.#grow();
    const mask = this.#slots.length - 1;
    let id = this.#lastId;
    do {
      id = (id + 1) >>> 0;
    } while (id === 0 || this.#slots[id & mask] !== undefined);
    this.#lastId = id;
    call.id = id;
    this.#slots[id & mask] = call;
    this.size++;
  }

  get(id: number): OutgoingCall | undefined {
    const call = this.#slots[id & (this.#slots.length - 1)];
    return call?.id === id ? call : undefined;
  }

  delete(call: OutgoingCall): void {
    this.#slots[call.id & (this.#slots.length - 1)] = undefined;
    this.size--;
  }

  /** Takes all calls out. */
  clear(): OutgoingCall[] {
    const calls = this.#slots.filter((call) => call !== undefined);
    this.#slots = [];
    this.size = 0;
    return calls.sort((a, b) => a.id - b.id);
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Array<OutgoingCall | undefined>(Math.max(SLOTS_MIN, old.length * 2)).fill(undefined);
    for (const call of old) if (call !== undefined) this.#slots[call.id & (this.#slots.length - 1)] = call;
  }
}

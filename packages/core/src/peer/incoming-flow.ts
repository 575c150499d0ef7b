// The receiving end of a flow: the outputs of a stream at the caller, its inputs at the handler. Items wait here,
// undecoded, until they are asked for; that gives credit back, so that whoever asks slowly is sent to slowly. It does
// not know what the flow is a part of.

import { oneShot, Ring } from "../base/index.js";
import { checkInput, checkOutput, type Schema } from "../actor/index.js";
import type { FrameReader } from "../wire/index.js";
import type { Channel } from "./channel.js";
import { PeerError } from "./error.js";
import { FlowWindow, type Grant } from "./flow-window.js";

/** What a flow tells those who keep it. */
export interface FlowOwner {
  /** The consumer has taken so much that the producer may go on. */
  granted(grant: Grant): void;
  /** The consumer wants no more, or cannot take what came. Not told once the flow has ended. */
  left(why: PeerError | undefined): void;
}

interface Waiter {
  resolve(result: IteratorResult<unknown, undefined>): void;
  reject(error: unknown): void;
}

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/** How the schema of one item is applied. */
export type ItemCheck = "input" | "output";

/** What makes values of payloads. */
export type PayloadReader = Pick<FrameReader, "frameBytes" | "copyPayload" | "value" | "decode">;

export class IncomingFlow implements AsyncIterableIterator<unknown, undefined> {
  readonly #channel: Channel;
  readonly #owner: FlowOwner;
  readonly #schema: Schema | undefined;
  readonly #check: ItemCheck;
  readonly #reader: PayloadReader;
  readonly #window: FlowWindow;
  readonly #items = new Ring<Uint8Array>();
  readonly #waiters = new Ring<Waiter>();
  /** How many were checked. */
  #count = 0;
  #hasEnded = false;
  /** Why it ended, until somebody has been told. */
  #error: { readonly cause: unknown } | undefined;

  constructor(
    channel: Channel,
    owner: FlowOwner,
    schema: Schema | undefined,
    check: ItemCheck,
    reader: PayloadReader = channel.reader,
  ) {
    this.#channel = channel;
    this.#owner = owner;
    this.#schema = schema;
    this.#check = check;
    this.#reader = reader;
    const { streamItems, streamBytes, streamBytesMax } = channel.limits;
    const limits = { items: streamItems, bytes: streamBytes, bytesMax: streamBytesMax };
    this.#window = new FlowWindow(limits, channel.clock.now());
    channel.roundTrip.measure();
  }

  /** Whether nothing more will arrive. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The frame at hand is an item. */
  received(): void {
    if (this.#hasEnded) return;
    const reader = this.#reader;
    const { frameBytes } = reader;
    if (!this.#window.take(frameBytes)) {
      return this.#leave(new PeerError("credit-exceeded", "more items came than were allowed"));
    }
    const waiter = this.#waiters.shift();
    if (waiter === undefined) {
      this.#items.push(reader.copyPayload());
      return;
    }
    this.#consumed(frameBytes);
    try {
      const value = reader.value();
      if (this.#schema === undefined) waiter.resolve({ done: false, value });
      else this.#checked(value).then(waiter.resolve, waiter.reject);
    } catch (error) {
      this.#refuse(error).catch(waiter.reject);
    }
  }

  /** The other side is done: what is here is still handed out. */
  end(): void {
    if (!this.#hasEnded) this.#over(undefined);
  }

  /** The other side failed: what is here is still handed out, and then the error. */
  fail(error: unknown): void {
    if (!this.#hasEnded) this.#over({ cause: error });
  }

  /** Gives up at once, what is here as well. */
  abandon(error: unknown): void {
    if (this.#hasEnded) return;
    this.#items.clear();
    this.#over({ cause: error });
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const item = this.#items.shift();
    if (item === undefined) {
      if (this.#hasEnded) return this.#last();
      return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    }
    // As long as its frame was, but for the header.
    this.#consumed(item.length + FRAME_HEAD_BYTES);
    try {
      const value = this.#reader.decode(item);
      // The common case costs one promise.
      if (this.#schema === undefined) return Promise.resolve({ done: false, value });
      return this.#checked(value);
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** As `next`, without a promise; false if there is something already. */
  ask(waiter: Waiter): boolean {
    if (this.#items.length > 0 || this.#hasEnded) return false;
    this.#waiters.push(waiter);
    return true;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#error = undefined;
    this.#leave(undefined);
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #consumed(bytes: number): void {
    if (this.#hasEnded || !this.#window.consumed(bytes)) return;
    const grant = this.#window.grant(this.#channel.clock.now(), this.#channel.roundTrip.ms);
    this.#owner.granted(grant);
  }

  async #checked(value: unknown): Promise<IteratorResult<unknown, undefined>> {
    const index = this.#count++;
    try {
      const checked: unknown =
        this.#check === "input"
          ? await checkInput(this.#schema, value, ["inputs", index])
          : await checkOutput(this.#schema, value, ["outputs", index]);
      return { done: false, value: checked };
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** An item does not pass: its consumer is told, and the flow is over. */
  #refuse(error: unknown): Promise<never> {
    this.#leave(new PeerError("payload-invalid", "an item was refused", { cause: error }));
    const refused = oneShot<never>();
    refused.reject(error);
    return refused.promise;
  }

  /** The consumer goes. With a reason, it has still to be told. */
  #leave(why: PeerError | undefined): void {
    this.#items.clear();
    if (this.#hasEnded) return;
    this.#over(why === undefined || why.code === "payload-invalid" ? undefined : { cause: why });
    this.#owner.left(why);
  }

  #over(error: { readonly cause: unknown } | undefined): void {
    this.#hasEnded = true;
    this.#error = error;
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

const FRAME_HEAD_BYTES = 8;

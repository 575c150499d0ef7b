// One subscriber and one publisher that fit each other: the values of the one, to the other, through lost connections.

import type { Clock, Random } from "../base/index.js";
import { isTroupeError } from "../base/index.js";
import type { Peer } from "../peer/index.js";
import type { ProgramRecord, TopicEnd } from "./announcement.js";
import { eachItem } from "./each-item.js";
import type { Numbered } from "./feed.js";
import { SampleProtocol } from "./protocol.js";
import type { Publisher } from "./publisher.js";
import type { Subscription } from "./subscription.js";

/** How long after a lost connection the next is made, in milliseconds, at most. */
const RETRY_MS = 200;

/** What a match uses and tells. */
export interface MatchParts {
  readonly clock: Clock;
  readonly random: Random;
  /** The publisher, if it is one of this program. */
  readonly own: () => Publisher<never> | undefined;
  readonly reach: (program: ProgramRecord) => Promise<Peer>;
  /** Whether anybody still tells of the program. */
  readonly isKnown: () => boolean;
  /** Values begin to come, or do not any more. */
  readonly counted: (by: 1 | -1) => void;
  readonly over: () => void;
}

export class Match {
  program: ProgramRecord;
  readonly publisher: TopicEnd;
  readonly subscription: Subscription<never>;
  readonly #parts: MatchParts;
  readonly #life = new AbortController();
  #values: AsyncIterator<Numbered, undefined> | undefined;
  readonly #name: string;
  #isFlowing = false;

  constructor(program: ProgramRecord, end: TopicEnd, subscription: Subscription<never>, parts: MatchParts) {
    this.program = program;
    this.publisher = end;
    this.subscription = subscription;
    this.#parts = parts;
    this.#name = `${program.id} ${end.id}`;
  }

  start(): void {
    void this.#run().finally(() => this.#parts.over());
  }

  /** Whether there is a connection over which values come. */
  get isFlowing(): boolean {
    return this.#isFlowing;
  }

  end(): void {
    this.#life.abort();
    void this.#values?.return?.();
  }

  async #run(): Promise<void> {
    while (!this.#life.signal.aborted) {
      try {
        await this.#follow();
        // The publisher has ended.
        return;
      } catch (error) {
        if (isTroupeError(error, "closed") && !("maybeExecuted" in error)) return;
      }
      if (this.#life.signal.aborted || !this.#parts.isKnown()) return;
      await this.#pause();
    }
  }

  /** Gets values for as long as they come. */
  async #follow(): Promise<void> {
    const { id: publisher, topic } = this.publisher;
    const { participant, id: program } = this.program;
    const source = { participant, program, publisher };
    const after = this.subscription.lastOf(this.#name);
    let last = after;
    const keep = this.subscription.topic.history.keep;
    const values = await this.#open({ publisher, topic, keep, ...(after !== undefined && { after }) });
    this.#values = values[Symbol.asyncIterator]();
    if (this.#life.signal.aborted) return void this.#values.return?.();
    this.#count(1);
    try {
      await eachItem(this.#values, this.#life.signal, (item) => {
        // One that could not be sent is a number alone.
        if (item.length < 2) return undefined;
        const [sequence, value] = item;
        const missed = last === undefined ? 0 : Math.max(0, sequence - last - 1);
        last = sequence;
        this.subscription.cameTo(this.#name, sequence);
        return this.subscription.take(source, sequence, value, missed);
      });
    } finally {
      this.#count(-1);
    }
  }

  async #open(query: {
    publisher: number;
    topic: string;
    keep: number;
    after?: number;
  }): Promise<AsyncIterableIterator<Numbered>> {
    const own = this.#parts.own();
    if (own !== undefined) return own.subscribe(query.after, query.keep);
    const peer = await this.#parts.reach(this.program);
    return peer.address(SampleProtocol).stream("samples", query);
  }

  #count(by: 1 | -1): void {
    this.#isFlowing = by === 1;
    this.#parts.counted(by);
  }

  #pause(): Promise<void> {
    const { clock, random } = this.#parts;
    return new Promise((resolve) => {
      const { signal } = this.#life;
      const stop = (): void => {
        cancel();
        resolve();
      };
      const cancel = clock.schedule(RETRY_MS * random.next(), () => {
        signal.removeEventListener("abort", stop);
        resolve();
      });
      signal.addEventListener("abort", stop, { once: true });
    });
  }
}

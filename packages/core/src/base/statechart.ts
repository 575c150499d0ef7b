// Statecharts, for the lives of peers and links: what may happen is a description in the format of xstate's machines, of
// which this understands what those two need, so that a client that is downloaded does not carry all of xstate. Tests
// run the same descriptions with xstate itself and demand the same. Delays run on the injected clock.

import type { CancelTimer, Clock } from "./clock.js";
import { reportUncaught } from "./emitter.js";

/** Where an event leads and what is done on the way; without a target the state stays, and is not entered anew. */
export interface StatechartTransition {
  readonly target?: string;
  readonly actions?: string;
}

/** What is said of one state. A transition that is `undefined` shuts out one of the whole chart. */
export interface StatechartState {
  readonly entry?: string;
  readonly on?: Readonly<Record<string, string | StatechartTransition | undefined>>;
  /** By the name of the delay, or by milliseconds. */
  readonly after?: Readonly<Record<string, string | StatechartTransition>>;
  readonly type?: "final";
}

/** What xstate calls the config of a machine. Targets of the whole chart begin with a dot. */
export interface StatechartConfig {
  readonly initial: string;
  readonly on?: Readonly<Record<string, string | StatechartTransition>>;
  readonly states: Readonly<Record<string, StatechartState>>;
}

/** One run of a statechart whose actions and delays are names. */
export class Statechart<Event extends { readonly type: string }> {
  readonly #config: StatechartConfig;
  readonly #clock: Clock;
  readonly #act: (name: string, event: Event | undefined) => void;
  readonly #delayOf: (name: string) => number;
  #delayed: CancelTimer[] = [];
  #state: string;
  #isOver = false;
  /** What came while the actions of something else ran, in the order in which it came. */
  readonly #queue: (() => void)[] = [];
  #isBusy = false;

  /** Enters the first state; `act` is called with the name of each action, `delayOf` when a state with delays is entered. */
  constructor(
    config: StatechartConfig,
    clock: Clock,
    act: (name: string, event: Event | undefined) => void,
    delayOf: (name: string) => number = Number,
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#act = act;
    this.#delayOf = delayOf;
    this.#state = config.initial;
    this.#run(() => this.#enter(undefined));
  }

  get state(): string {
    return this.#state;
  }

  /** What has happened; ignored where the state has no answer to it, and after the end. */
  send(event: Event): void {
    this.#run(() => this.#take(event));
  }

  get #here(): StatechartState {
    return this.#config.states[this.#state] as StatechartState;
  }

  #run(step: () => void): void {
    this.#queue.push(step);
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next();
    this.#isBusy = false;
  }

  #take(event: Event): void {
    const { on = {} } = this.#here;
    const isOwn = Object.hasOwn(on, event.type);
    const found = isOwn ? on[event.type] : this.#config.on?.[event.type];
    if (found !== undefined && !this.#isOver) this.#follow(found, event);
  }

  #follow(found: string | StatechartTransition, event: Event | undefined): void {
    const { target, actions } = typeof found === "string" ? { target: found, actions: undefined } : found;
    if (target !== undefined) {
      for (const cancel of this.#delayed.splice(0)) cancel();
      this.#state = target.startsWith(".") ? target.slice(1) : target;
    }
    // The state has changed already when its actions are done.
    if (actions !== undefined) this.#do(actions, event);
    if (target !== undefined) this.#enter(event);
  }

  #enter(event: Event | undefined): void {
    const { entry, after = {}, type } = this.#here;
    this.#isOver = type === "final";
    for (const [name, transition] of Object.entries(after)) {
      const expired = (): void => this.#run(() => this.#follow(transition, undefined));
      this.#delayed.push(this.#clock.schedule(this.#delayOf(name), expired));
    }
    if (entry !== undefined) this.#do(entry, event);
  }

  /** An action that fails must not keep the others from being done. */
  #do(name: string, event: Event | undefined): void {
    try {
      this.#act(name, event);
    } catch (error) {
      reportUncaught(error);
    }
  }
}

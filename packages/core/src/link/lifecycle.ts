// The life of a link as a statechart: connecting → up → waiting → connecting … → closing → closed. One attempt at a
// time, because there is one state for it.

import { Statechart, type Clock, type StatechartConfig } from "../base/index.js";

/** Where a link is in its life. */
export type LinkState =
  /** An attempt is under way. */
  | "connecting"
  /** There is a connection. */
  | "up"
  /** The next attempt comes when the delay is over. */
  | "waiting"
  /** No attempt will be made any more; what is left of the last one ends. */
  | "closing"
  | "closed";

/** What has happened to a link. */
export type LinkLifecycleEvent =
  /** An attempt has succeeded. */
  | { type: "connected" }
  /** An attempt has failed, or the connection is lost; the next attempt is `delayMs` away. */
  | { type: "down"; delayMs: number }
  /** The owner does not want to wait. */
  | { type: "retry" }
  /** The owner wants no connection any more. */
  | { type: "close" }
  /** Neither an attempt nor a connection is left. */
  | { type: "ended" };

/** What the statechart makes its owner do. */
export interface LinkLifecycleActions {
  dial(): void;
}

/** What may happen in a life, in the format of xstate's machines: tests run it with xstate as well. */
export const LINK_LIFECYCLE_CHART: StatechartConfig = {
  initial: "connecting",
  on: { close: ".closing" },
  states: {
    connecting: { entry: "dial", on: { connected: "up", down: { target: "waiting", actions: "postpone" } } },
    up: { on: { down: { target: "waiting", actions: "postpone" } } },
    waiting: { after: { backoff: "connecting" }, on: { retry: "connecting" } },
    closing: { on: { ended: "closed" } },
    closed: { type: "final" },
  },
};

/** One link's life. */
export class LinkLifecycle {
  readonly #actions: LinkLifecycleActions;
  readonly #clock: Clock;
  #delayMs = 0;
  #chart: Statechart<LinkLifecycleEvent> | undefined;

  constructor(actions: LinkLifecycleActions, clock: Clock) {
    this.#actions = actions;
    this.#clock = clock;
  }

  /** Makes the first attempt. */
  start(): void {
    const act = (name: string, event: LinkLifecycleEvent | undefined): void => {
      if (name === "dial") this.#actions.dial();
      else if (event?.type === "down") this.#delayMs = event.delayMs;
    };
    this.#chart = new Statechart(LINK_LIFECYCLE_CHART, this.#clock, act, () => this.#delayMs);
  }

  get state(): LinkState {
    return (this.#chart?.state ?? "connecting") as LinkState;
  }

  send(event: LinkLifecycleEvent): void {
    this.#chart?.send(event);
  }
}

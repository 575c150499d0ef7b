// The life of a peer as a statechart: greeting → open → draining or leaving → finishing → closed. It is asked only when
// a connection opens or ends, never for a message.

import { Statechart, type Clock, type StatechartConfig } from "../base/index.js";

/** Where a peer is in its life. */
export type LifecycleState = "greeting" | "open" | "draining" | "leaving" | "finishing" | "closed";

/** What has happened to a connection. */
export type LifecycleEvent =
  /** The other side's hello and services have arrived. */
  | { type: "greeted" }
  /** The owner closes: running calls may take `graceMs`. */
  | { type: "close"; graceMs: number }
  /** The other side has said goodbye. */
  | { type: "goodbye" }
  /** The other side will write no more. */
  | { type: "ended" }
  /** Nothing runs any more. */
  | { type: "idle" }
  /** The protocol was broken. */
  | { type: "fault" }
  /** The connection is no more. */
  | { type: "lost" };

/** What the statechart makes its owner do. */
export interface LifecycleActions {
  /** The greeting is complete. */
  opened(): void;
  /** The greeting was not complete in time. */
  greetingLate(): void;
  /** Take no more, and let what runs end. */
  drain(): void;
  /** The other side takes no more; it still answers. */
  leave(): void;
  /** The other side, which takes no more, has had its time to end. */
  leavingLate(): void;
  /** What runs has had its time. */
  graceOver(): void;
  /** End the connection in order: what is written still leaves. */
  finish(): void;
  /** The other side does not end it in turn. */
  finishLate(): void;
  closed(): void;
}

export interface LifecycleTimes {
  readonly handshakeMs: number;
  readonly leavingMs: number;
  readonly finishMs: number;
}

/** What may happen in a life, in the format of xstate's machines: tests run it with xstate as well. */
export const LIFECYCLE_CHART: StatechartConfig = {
  initial: "greeting",
  on: { fault: ".finishing", lost: ".closed" },
  states: {
    greeting: {
      after: { handshake: { actions: "greetingLate" } },
      on: {
        greeted: { target: "open", actions: "opened" },
        close: { target: "draining", actions: "setGrace" },
        goodbye: "finishing",
        ended: "finishing",
      },
    },
    open: {
      on: { close: { target: "draining", actions: "setGrace" }, goodbye: "leaving", ended: "finishing" },
    },
    /** This side closes. */
    draining: {
      entry: "drain",
      after: { grace: { target: "finishing", actions: "graceOver" } },
      on: { idle: "finishing", ended: "finishing" },
    },
    /** The other side closes: it still answers what it runs, but not for as long as it likes. */
    leaving: {
      entry: "leave",
      after: { leaving: { target: "finishing", actions: "leavingLate" } },
      on: { close: { target: "draining", actions: "setGrace" }, ended: "finishing" },
    },
    finishing: {
      entry: "finish",
      after: { finish: { actions: "finishLate" } },
      on: { fault: undefined },
    },
    closed: { type: "final", entry: "closed" },
  },
};

/** One peer's life. */
export class Lifecycle {
  readonly #chart: Statechart<LifecycleEvent>;

  constructor(actions: LifecycleActions, times: LifecycleTimes, clock: Clock) {
    let graceMs = 0;
    const act = (name: string, event: LifecycleEvent | undefined): void => {
      if (name !== "setGrace") actions[name as keyof LifecycleActions]();
      else if (event?.type === "close") graceMs = event.graceMs;
    };
    const { handshakeMs, leavingMs, finishMs } = times;
    const delays = { handshake: handshakeMs, leaving: leavingMs, finish: finishMs };
    this.#chart = new Statechart(LIFECYCLE_CHART, clock, act, (name) =>
      name === "grace" ? graceMs : delays[name as keyof typeof delays],
    );
  }

  get state(): LifecycleState {
    return this.#chart.state as LifecycleState;
  }

  send(event: LifecycleEvent): void {
    this.#chart.send(event);
  }
}

// The life of a peer as a statechart: greeting → open → draining or leaving → finishing → closed. It is asked only when
// a connection opens or ends, never for a message.

import { assign, setup } from "xstate";
import { Statechart, type Clock } from "../base/index.js";

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

// Made on first use, so that importing this module runs nothing.
let machine: ReturnType<typeof makeMachine> | undefined;

function makeMachine() {
  const nothing = (): void => {};
  return setup({
    types: {
      context: {} as LifecycleTimes & { graceMs: number },
      events: {} as LifecycleEvent,
      input: {} as LifecycleTimes,
    },
    // The owner's: see `Statechart`.
    actions: {
      opened: nothing,
      greetingLate: nothing,
      drain: nothing,
      leave: nothing,
      leavingLate: nothing,
      graceOver: nothing,
      finish: nothing,
      finishLate: nothing,
      closed: nothing,
      setGrace: assign(({ event }) => (event.type === "close" ? { graceMs: event.graceMs } : {})),
    },
    delays: {
      handshake: ({ context }) => context.handshakeMs,
      leaving: ({ context }) => context.leavingMs,
      grace: ({ context }) => context.graceMs,
      finish: ({ context }) => context.finishMs,
    },
  }).createMachine({
    context: ({ input }) => ({ ...input, graceMs: 0 }),
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
  });
}

/** One peer's life. */
export class Lifecycle {
  readonly #chart: Statechart<ReturnType<typeof makeMachine>>;

  constructor(actions: LifecycleActions, times: LifecycleTimes, clock: Clock) {
    machine ??= makeMachine();
    this.#chart = new Statechart(machine, times, clock, (name) => actions[name as keyof LifecycleActions]());
  }

  get state(): LifecycleState {
    return this.#chart.state as LifecycleState;
  }

  send(event: LifecycleEvent): void {
    this.#chart.send(event);
  }
}

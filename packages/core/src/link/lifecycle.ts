// The life of a link as a statechart: connecting → up → waiting → connecting … → closing → closed. One attempt at a
// time, because there is one state for it.

import { assign, setup } from "xstate";
import { Statechart, type Clock } from "../base/index.js";

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

// Made on first use, so that importing this module runs nothing.
let machine: ReturnType<typeof makeMachine> | undefined;

function makeMachine() {
  return setup({
    types: { context: {} as { delayMs: number }, events: {} as LinkLifecycleEvent },
    actions: {
      // The owner's: see `Statechart`.
      dial: () => {},
      postpone: assign(({ event }) => (event.type === "down" ? { delayMs: event.delayMs } : {})),
    },
    delays: { backoff: ({ context }) => context.delayMs },
  }).createMachine({
    context: { delayMs: 0 },
    initial: "connecting",
    on: { close: ".closing" },
    states: {
      connecting: { entry: "dial", on: { connected: "up", down: { target: "waiting", actions: "postpone" } } },
      up: { on: { down: { target: "waiting", actions: "postpone" } } },
      waiting: { after: { backoff: "connecting" }, on: { retry: "connecting" } },
      closing: { on: { ended: "closed" } },
      closed: { type: "final" },
    },
  });
}

/** One link's life. */
export class LinkLifecycle {
  readonly #actions: LinkLifecycleActions;
  readonly #clock: Clock;
  #chart: Statechart<ReturnType<typeof makeMachine>> | undefined;

  constructor(actions: LinkLifecycleActions, clock: Clock) {
    this.#actions = actions;
    this.#clock = clock;
  }

  /** Makes the first attempt. */
  start(): void {
    machine ??= makeMachine();
    this.#chart = new Statechart(machine, undefined, this.#clock, () => this.#actions.dial());
  }

  get state(): LinkState {
    return (this.#chart?.state ?? "connecting") as LinkState;
  }

  send(event: LinkLifecycleEvent): void {
    this.#chart?.send(event);
  }
}

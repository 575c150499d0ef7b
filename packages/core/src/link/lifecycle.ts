// The life of a link as a statechart: connecting → up → waiting → connecting … → closed. One attempt at a time, because
// there is one state for it. The only place in this layer that knows xstate.

import { createActor, setup, type ActorRefFrom } from "xstate";
import type { Clock } from "../base/index.js";
import { asXstateClock } from "../peer/index.js";

export type LinkState = "connecting" | "up" | "waiting" | "closed";

/** What has happened to a link. */
export type LinkLifecycleEvent =
  /** An attempt has succeeded. */
  | { type: "connected" }
  /** An attempt has failed, or the connection is lost; the next attempt is `delayMs` away. */
  | { type: "down"; delayMs: number }
  /** The owner does not want to wait. */
  | { type: "retry" }
  | { type: "close" };

/** What the statechart makes its owner do. */
export interface LinkLifecycleActions {
  dial(): void;
}

// Made on first use, so that importing this module runs nothing.
let machine: ReturnType<typeof makeMachine> | undefined;

// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- only xstate can name it
function makeMachine() {
  return setup({
    types: {
      context: {} as { actions: LinkLifecycleActions; delayMs: number },
      events: {} as LinkLifecycleEvent,
      input: {} as LinkLifecycleActions,
    },
    actions: { dial: ({ context }) => context.actions.dial() },
    delays: { backoff: ({ context }) => context.delayMs },
  }).createMachine({
    context: ({ input }) => ({ actions: input, delayMs: 0 }),
    initial: "connecting",
    on: { close: ".closed" },
    states: {
      connecting: {
        entry: "dial",
        on: {
          connected: "up",
          down: { target: "waiting", actions: ({ context, event }) => void (context.delayMs = event.delayMs) },
        },
      },
      up: {
        on: { down: { target: "waiting", actions: ({ context, event }) => void (context.delayMs = event.delayMs) } },
      },
      waiting: { after: { backoff: "connecting" }, on: { retry: "connecting" } },
      closed: { type: "final" },
    },
  });
}

/** One link's life. */
export class LinkLifecycle {
  readonly #actor: ActorRefFrom<ReturnType<typeof makeMachine>>;

  constructor(actions: LinkLifecycleActions, clock: Clock) {
    machine ??= makeMachine();
    this.#actor = createActor(machine, { input: actions, clock: asXstateClock(clock) });
  }

  /** Makes the first attempt. */
  start(): void {
    this.#actor.start();
  }

  get state(): LinkState {
    return this.#actor.getSnapshot().value as LinkState;
  }

  send(event: LinkLifecycleEvent): void {
    if (this.#actor.getSnapshot().status === "active") this.#actor.send(event);
  }
}

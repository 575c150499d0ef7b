// The life of a peer as a statechart: greeting → open → draining → finishing → closed. It is asked only when a
// connection opens or ends, never for a message. The only place in this layer that knows xstate.

import { createActor, setup, type ActorRefFrom } from "xstate";
import type { Clock } from "../base/index.js";

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
  readonly finishMs: number;
}

// Made on first use, so that importing this module runs nothing.
let machine: ReturnType<typeof makeMachine> | undefined;

function makeMachine() {
  const act = (name: keyof LifecycleActions) => ({
    type: "act" as const,
    params: { name },
  });
  return setup({
    types: {
      context: {} as { actions: LifecycleActions; times: LifecycleTimes; graceMs: number },
      events: {} as LifecycleEvent,
      input: {} as { actions: LifecycleActions; times: LifecycleTimes },
    },
    actions: {
      act: ({ context }, { name }: { name: keyof LifecycleActions }) => context.actions[name](),
    },
    delays: {
      handshake: ({ context }) => context.times.handshakeMs,
      grace: ({ context }) => context.graceMs,
      finish: ({ context }) => context.times.finishMs,
    },
  }).createMachine({
    context: ({ input }) => ({ ...input, graceMs: 0 }),
    initial: "greeting",
    on: { fault: ".finishing", lost: ".closed" },
    states: {
      greeting: {
        after: { handshake: { actions: act("greetingLate") } },
        on: {
          greeted: { target: "open", actions: act("opened") },
          close: { target: "draining", actions: ({ context, event }) => void (context.graceMs = event.graceMs) },
          goodbye: "finishing",
          ended: "finishing",
        },
      },
      open: {
        on: {
          close: { target: "draining", actions: ({ context, event }) => void (context.graceMs = event.graceMs) },
          goodbye: "leaving",
          ended: "finishing",
        },
      },
      /** This side closes. */
      draining: {
        entry: act("drain"),
        after: { grace: { target: "finishing", actions: act("graceOver") } },
        on: { idle: "finishing", ended: "finishing" },
      },
      /** The other side closes: it still answers what it runs. */
      leaving: {
        entry: act("leave"),
        on: {
          close: { target: "draining", actions: ({ context, event }) => void (context.graceMs = event.graceMs) },
          ended: "finishing",
        },
      },
      finishing: {
        entry: act("finish"),
        after: { finish: { actions: act("finishLate") } },
        on: { fault: undefined },
      },
      closed: { type: "final", entry: act("closed") },
    },
  });
}

/** One peer's life. */
export class Lifecycle {
  readonly #actor: ActorRefFrom<ReturnType<typeof makeMachine>>;

  constructor(actions: LifecycleActions, times: LifecycleTimes, clock: Clock) {
    machine ??= makeMachine();
    this.#actor = createActor(machine, { input: { actions, times }, clock: asXstateClock(clock) });
    this.#actor.start();
  }

  get state(): LifecycleState {
    return this.#actor.getSnapshot().value;
  }

  send(event: LifecycleEvent): void {
    if (this.#actor.getSnapshot().status === "active") this.#actor.send(event);
  }
}

/** The injected clock in the form in which xstate takes one. */
export function asXstateClock(clock: Clock): {
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
} {
  return {
    setTimeout: (callback, delayMs) => clock.schedule(delayMs, callback),
    clearTimeout: (cancel) => (cancel as () => void)(),
  };
}

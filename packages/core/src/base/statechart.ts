// Runs an xstate machine without an actor of xstate's: the machine stays the description of what may happen, and its
// delays run on the injected clock. An actor would hold 5 KiB for as long as it lives, a snapshot holds 1.

import {
  initialTransition,
  transition,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventFromLogic,
  type ExecutableActionObject,
  type InputFrom,
} from "xstate";
import type { CancelTimer, Clock } from "./clock.js";
import { reportUncaught } from "./emitter.js";

/** What xstate asks for when a state with `after` is entered and left. */
interface Delayed {
  readonly event?: unknown;
  readonly id?: string;
  readonly delay?: number;
  readonly sendId?: string;
}

/** One run of a machine whose actions are names. */
export class Statechart<Machine extends AnyStateMachine> {
  readonly #machine: Machine;
  readonly #clock: Clock;
  readonly #act: (name: string) => void;
  /** Delayed transitions that are due later, by xstate's id for them. */
  readonly #delayed = new Map<string, CancelTimer>();
  #snapshot: AnyMachineSnapshot;
  /** Events that came while the actions of another one ran, in the order in which they came. */
  readonly #queue: unknown[] = [];
  #isBusy = true;

  /** Enters the first state; `act` is called with the name of each action. */
  constructor(machine: Machine, input: InputFrom<Machine>, clock: Clock, act: (name: string) => void) {
    this.#machine = machine;
    this.#clock = clock;
    this.#act = act;
    const [snapshot, actions] = initialTransition(machine as AnyStateMachine, input);
    this.#snapshot = snapshot as AnyMachineSnapshot;
    this.#performAll(actions);
    this.#takeAll();
  }

  get state(): string {
    return String(this.#snapshot.value);
  }

  /** What has happened; ignored where the state has no answer to it, and after the end. */
  send(event: EventFromLogic<Machine>): void {
    this.#queue.push(event);
    if (!this.#isBusy) this.#takeAll();
  }

  #takeAll(): void {
    this.#isBusy = true;
    try {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) this.#take(event);
    } finally {
      this.#isBusy = false;
    }
  }

  #take(event: unknown): void {
    if (this.#snapshot.status !== "active") return;
    const [snapshot, actions] = transition(this.#machine as AnyStateMachine, this.#snapshot, event as { type: string });
    this.#snapshot = snapshot as AnyMachineSnapshot;
    this.#performAll(actions);
  }

  #performAll(actions: readonly ExecutableActionObject[]): void {
    for (const action of actions) this.#perform(action);
    if (this.#snapshot.status !== "active") this.#cancelAll();
  }

  #perform({ type, params }: ExecutableActionObject): void {
    const { id = "", delay, event, sendId = "" } = (params ?? {}) as Delayed;
    switch (type) {
      case "xstate.raise":
        this.#delayed.set(
          id,
          this.#clock.schedule(delay ?? 0, () => this.#expired(id, event)),
        );
        return;
      case "xstate.cancel":
        this.#delayed.get(sendId)?.();
        this.#delayed.delete(sendId);
        return;
      default:
        this.#actSafely(type);
    }
  }

  /** The state has changed already: an action that fails must not keep the others from being done. */
  #actSafely(name: string): void {
    try {
      this.#act(name);
    } catch (error) {
      reportUncaught(error);
    }
  }

  #expired(id: string, event: unknown): void {
    this.#delayed.delete(id);
    this.send(event as EventFromLogic<Machine>);
  }

  #cancelAll(): void {
    for (const cancel of this.#delayed.values()) cancel();
    this.#delayed.clear();
  }
}

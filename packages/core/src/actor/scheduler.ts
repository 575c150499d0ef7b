// Runs tasks a few at a time, the most important first, for the services that ask for it. The only file that knows
// p-queue, which keeps the slots. Its timeout and its signal free a slot while the task still runs, so neither is used,
// and its sorted array slows down with length, so the order is kept here, in one queue for each priority.

import PQueue from "p-queue";
import { Ring } from "../base/index.js";
import { ActorError } from "./error.js";

/** The two limits of a scheduler. */
export interface SchedulerOptions {
  /** How many tasks run at once. */
  readonly concurrency: number;
  /** How many more may wait. */
  readonly queuedMax?: number;
}

/** How many tasks wait at most in a `Scheduler`, unless it is told otherwise. */
export const SCHEDULER_QUEUED_MAX = 10_000;

/**
 * Runs tasks with a limit on how many at once, higher priority first and first come, first served within one. A strict
 * order: while more important tasks keep coming, others wait. May be shared between services.
 */
export class Scheduler {
  readonly concurrency: number;
  readonly queuedMax: number;
  readonly #queue: PQueue<PriorityLanes, { priority?: number }>;

  /** @throws ActorError `option-invalid` for a limit that is not a whole number: from 1 up, `queuedMax` from 0. */
  constructor({ concurrency, queuedMax = SCHEDULER_QUEUED_MAX }: SchedulerOptions) {
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw new ActorError("option-invalid", `concurrency must be a positive whole number, not ${concurrency}`);
    }
    if (!Number.isSafeInteger(queuedMax) || queuedMax < 0) {
      throw new ActorError("option-invalid", `queuedMax must be a whole number, not ${queuedMax}`);
    }
    this.concurrency = concurrency;
    this.queuedMax = queuedMax;
    this.#queue = new PQueue({ concurrency, queueClass: PriorityLanes });
  }

  /** How many tasks hold a slot. */
  get running(): number {
    return this.#queue.pending;
  }

  /** How many tasks wait for one. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Starts `task` now if a slot is free, and otherwise when its turn comes. It keeps its slot until what it returns
   * settles. What it throws goes nowhere: whoever wants to know catches it inside.
   *
   * @returns False, and the task will not run, when no slot is free and `queuedMax` tasks wait already.
   * @throws ActorError `option-invalid` if `priority` is not a number.
   */
  run(task: () => void | PromiseLike<unknown>, priority: number): boolean {
    if (Number.isNaN(priority)) throw new ActorError("option-invalid", "a priority must be a number");
    if (this.#queue.size >= this.queuedMax && this.#queue.pending >= this.concurrency) return false;
    this.#queue.add(task, { priority }).catch(ignore);
    return true;
  }
}

type Run = () => Promise<unknown>;

/** The order of waiting tasks, for p-queue: its own sorts on every insertion. */
class PriorityLanes {
  readonly #lanes = new Map<number, Ring<Run>>();
  /** The priorities in use, lowest first. */
  readonly #priorities: number[] = [];
  size = 0;

  enqueue(run: Run, options?: { priority?: number }): void {
    const priority = options?.priority ?? 0;
    let lane = this.#lanes.get(priority);
    if (lane === undefined) {
      this.#lanes.set(priority, (lane = new Ring()));
      this.#priorities.splice(positionOf(priority, this.#priorities), 0, priority);
    }
    lane.push(run);
    this.size++;
  }

  dequeue(): Run | undefined {
    const highest = this.#priorities.at(-1);
    if (highest === undefined) return undefined;
    const lane = this.#lanes.get(highest) as Ring<Run>;
    const run = lane.shift();
    if (lane.length === 0) {
      this.#lanes.delete(highest);
      this.#priorities.pop();
    }
    this.size--;
    return run;
  }

  /** Part of the contract with p-queue; the two features behind it are not used. */
  filter(): Run[] {
    return [];
  }

  /** Part of the contract with p-queue; see `filter`. */
  setPriority(): void {}
}

/** Where `priority` belongs among sorted others. */
function positionOf(priority: number, sorted: readonly number[]): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < priority) low = middle + 1;
    else high = middle;
  }
  return low;
}

function ignore(): void {}

// Many deadlines on one timer of the clock. Deadlines of the same duration form a list that is sorted by construction,
// because time only goes forward: setting and clearing one is a few pointer writes, and what is cleared is gone at
// once. The clock's timer is armed for the earliest list head and is left to fire in vain when that deadline is
// cleared, which is cheaper than re-arming it on every call.

import { TIMER_DELAY_MS_MAX, type CancelTimer, type Clock } from "./clock.js";
import { reportUncaught } from "./emitter.js";

/** Something with a deadline. The object that waits is its own timer: extending this class costs no allocation. */
export abstract class Deadline {
  /** For `Timers` only. */
  timerList: DurationList | undefined = undefined;
  /** For `Timers` only. */
  timerPrevious: Deadline | undefined = undefined;
  /** For `Timers` only. */
  timerNext: Deadline | undefined = undefined;
  /** When it expires, on the clock's scale, in milliseconds. */
  expiresAt: number = Infinity;

  /** Called once when the time is up; the deadline is no longer set then. What it throws is reported as uncaught. */
  abstract expired(): void;
}

interface DurationList {
  readonly durationMs: number;
  first: Deadline | undefined;
  last: Deadline | undefined;
}

/** The deadlines of one owner, such as a peer. */
export class Timers {
  readonly #clock: Clock;
  readonly #lists = new Map<number, DurationList>();
  #lastUsed: DurationList | undefined;
  #cancel: CancelTimer | undefined;
  #armedFor = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many deadlines are set. Linear time: for tests and gauges. */
  get size(): number {
    let size = 0;
    for (const list of this.#lists.values()) {
      for (let deadline = list.first; deadline !== undefined; deadline = deadline.timerNext) size++;
    }
    return size;
  }

  /** Sets `deadline` to expire `durationMs` from now; one that is set already is moved. */
  set(deadline: Deadline, durationMs: number): void {
    if (deadline.timerList !== undefined) this.clear(deadline);
    const expiresAt = this.#clock.now() + durationMs;
    const list = this.#listOf(durationMs);
    deadline.expiresAt = expiresAt;
    deadline.timerList = list;
    deadline.timerPrevious = list.last;
    if (list.last === undefined) list.first = deadline;
    else list.last.timerNext = deadline;
    list.last = deadline;
    if (expiresAt < this.#armedFor) this.#arm(expiresAt);
  }

  /** Takes `deadline` back; one that is not set is left alone. */
  clear(deadline: Deadline): void {
    const list = deadline.timerList;
    if (list === undefined) return;
    const { timerPrevious: previous, timerNext: next } = deadline;
    if (previous === undefined) list.first = next;
    else previous.timerNext = next;
    if (next === undefined) list.last = previous;
    else next.timerPrevious = previous;
    deadline.timerList = undefined;
    deadline.timerPrevious = undefined;
    deadline.timerNext = undefined;
    if (list.first === undefined && list !== this.#lastUsed) this.#lists.delete(list.durationMs);
  }

  /** Calls `callback` once, `durationMs` from now. */
  after(durationMs: number, callback: () => void): CancelTimer {
    const deadline = new Callback(callback);
    this.set(deadline, durationMs);
    return () => this.clear(deadline);
  }

  /** Takes all deadlines back. */
  close(): void {
    for (const list of this.#lists.values()) {
      while (list.first !== undefined) this.clear(list.first);
    }
    this.#lists.clear();
    this.#lastUsed = undefined;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armedFor = Infinity;
  }

  #listOf(durationMs: number): DurationList {
    if (this.#lastUsed?.durationMs === durationMs) return this.#lastUsed;
    let list = this.#lists.get(durationMs);
    if (list === undefined) {
      list = { durationMs, first: undefined, last: undefined };
      this.#lists.set(durationMs, list);
    }
    // The list in use is kept while it is empty, so that one call at a time does not make one list at a time.
    const left = this.#lastUsed;
    if (left !== undefined && left.first === undefined) this.#lists.delete(left.durationMs);
    this.#lastUsed = list;
    return list;
  }

  #arm(expiresAt: number): void {
    this.#cancel?.();
    this.#armedFor = expiresAt;
    const delayMs = Math.min(Math.max(0, expiresAt - this.#clock.now()), TIMER_DELAY_MS_MAX);
    this.#cancel = this.#clock.schedule(Math.ceil(delayMs), () => this.#wake());
  }

  #wake(): void {
    this.#cancel = undefined;
    this.#armedFor = Infinity;
    const now = this.#clock.now();
    const due: Deadline[] = [];
    for (const list of this.#lists.values()) {
      for (let each = list.first; each !== undefined && each.expiresAt <= now; each = each.timerNext) due.push(each);
    }
    due.sort((a, b) => a.expiresAt - b.expiresAt);
    for (const deadline of due) {
      // What expired before may have cleared or moved it.
      if (deadline.timerList === undefined || deadline.expiresAt > now) continue;
      this.clear(deadline);
      try {
        deadline.expired();
      } catch (error) {
        // The others must still expire, and the timer must be armed for those that are not due yet.
        reportUncaught(error);
      }
    }
    let earliest = Infinity;
    for (const list of this.#lists.values()) {
      if (list.first !== undefined && list.first.expiresAt < earliest) earliest = list.first.expiresAt;
    }
    if (earliest < this.#armedFor) this.#arm(earliest);
  }
}

class Callback extends Deadline {
  readonly #callback: () => void;

  constructor(callback: () => void) {
    super();
    this.#callback = callback;
  }

  override expired(): void {
    this.#callback();
  }
}

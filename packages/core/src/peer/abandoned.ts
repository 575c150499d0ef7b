// Handlers that were given up, because they did not end when they were told to, and that run on all the same. Nothing
// can stop them; this bounds how many there are.

import type { Semaphore } from "../actor/index.js";
import type { IncomingMessage } from "./incoming-message.js";

/** Those of one connection. */
export class Abandoned {
  readonly #semaphore: Semaphore | undefined;
  readonly #countMax: number;
  count = 0;

  constructor(semaphore: Semaphore | undefined, countMax: number) {
    this.#semaphore = semaphore;
    this.#countMax = countMax;
  }

  /**
   * Gives a task up whose handler has not ended. False if too many run on already: then it keeps its place and its
   * permit. When the connection is lost there is no place to keep, but there may be a permit.
   */
  add(task: IncomingMessage, isLost: boolean): boolean {
    if (!isLost && this.count >= this.#countMax) return false;
    if (task.permit === "held") {
      if (this.#semaphore?.lend() === true) task.permit = "lent";
      else if (!isLost) return false;
    }
    this.count++;
    task.isAbandoned = true;
    return true;
  }

  /** The handler has ended after all. */
  ended({ permit }: IncomingMessage): void {
    this.count--;
    if (permit === "lent") this.#semaphore?.repay();
    else if (permit === "held") this.#semaphore?.release();
  }
}

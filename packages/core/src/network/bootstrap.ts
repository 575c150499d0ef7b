// Meeting somebody who is named to begin with: one of them has to be there, at some time.

import { isTroupeError, TroupeError, type CancelTimer, type Clock, type Random } from "../base/index.js";

/** How long after a failed attempt the next one is made, in milliseconds: at first, and at most. */
const AGAIN_MIN_MS = 500;
const AGAIN_MAX_MS = 30_000;

/** What trying again does not mend. */
const FINAL: ReadonlySet<string> = new Set([
  "identity-taken",
  "network-mismatch",
  "secret-mismatch",
  "proof-invalid",
  "record-forged",
]);

/** What a bootstrap uses and tells. */
export interface BootstrapParts {
  readonly endpoints: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves with the id of who is there. */
  readonly dial: (endpoint: string) => Promise<string>;
  /** Whether anybody is known, or that member. */
  readonly knows: (id?: string) => boolean;
  readonly failed: (endpoint: string, error: Error) => void;
}

/**
 * Goes on as long as the node lives: whoever was there may be gone, and two halves of a network that have forgotten each other
 * meet again where both have begun.
 */
export class Bootstrap {
  readonly #parts: BootstrapParts;
  readonly #cancels = new Set<CancelTimer>();
  #isClosed = false;

  constructor(parts: BootstrapParts) {
    this.#parts = parts;
  }

  /** Resolves when each endpoint was tried once; who did not answer is tried again. Rejects if nobody will ever take this node in. */
  async start(): Promise<void> {
    const { endpoints, knows } = this.#parts;
    const errors = await Promise.all(endpoints.map((endpoint) => this.#attempt(endpoint, 0)));
    const final = errors.find((error) => error instanceof TroupeError && FINAL.has(error.code));
    if (final instanceof Error && !knows()) throw final;
  }

  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  async #attempt(endpoint: string, failures: number): Promise<unknown> {
    const { dial, failed } = this.#parts;
    try {
      this.#later(endpoint, 0, await dial(endpoint));
      return undefined;
    } catch (error) {
      if (this.#isClosed || isTroupeError(error, "own-endpoint")) return undefined;
      failed(endpoint, error as Error);
      this.#later(endpoint, failures + 1);
      return error;
    }
  }

  /** Looks there again, unless `found`, whom it has led to, is still a member. Somebody who is alone does not wait for long. */
  #later(endpoint: string, failures: number, found?: string): void {
    if (this.#isClosed) return;
    const { clock, random, knows } = this.#parts;
    const limitMs = Math.min(AGAIN_MAX_MS, AGAIN_MIN_MS * 2 ** Math.min(failures, 20));
    const waitMs = knows() ? AGAIN_MAX_MS : limitMs;
    const cancel = clock.schedule(waitMs * (0.5 + random.next() / 2), () => {
      this.#cancels.delete(cancel);
      if (found !== undefined && knows(found)) this.#later(endpoint, 0, found);
      else void this.#attempt(endpoint, failures);
    });
    this.#cancels.add(cancel);
  }
}

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
  readonly dial: (endpoint: string) => Promise<unknown>;
  /** Whether somebody is known already: then nobody is needed to begin with. */
  readonly isDone: () => boolean;
  readonly failed: (endpoint: string, error: Error) => void;
}

export class Bootstrap {
  readonly #parts: BootstrapParts;
  readonly #cancels = new Set<CancelTimer>();
  #isClosed = false;

  constructor(parts: BootstrapParts) {
    this.#parts = parts;
  }

  /** Resolves when each endpoint was tried once; who did not answer is tried again. Rejects if nobody will ever take this node in. */
  async start(): Promise<void> {
    const { endpoints, isDone } = this.#parts;
    const errors = await Promise.all(endpoints.map((endpoint) => this.#attempt(endpoint, 0)));
    const final = errors.find((error) => error instanceof TroupeError && FINAL.has(error.code));
    if (final instanceof Error && !isDone()) throw final;
  }

  close(): void {
    this.#isClosed = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }

  async #attempt(endpoint: string, failures: number): Promise<unknown> {
    const { dial, failed } = this.#parts;
    try {
      await dial(endpoint);
      return undefined;
    } catch (error) {
      if (this.#isClosed || isTroupeError(error, "own-endpoint")) return undefined;
      failed(endpoint, error as Error);
      this.#again(endpoint, failures);
      return error;
    }
  }

  #again(endpoint: string, failures: number): void {
    const { clock, random, isDone } = this.#parts;
    const limitMs = Math.min(AGAIN_MAX_MS, AGAIN_MIN_MS * 2 ** Math.min(failures, 20));
    const cancel = clock.schedule(limitMs * (0.5 + random.next() / 2), () => {
      this.#cancels.delete(cancel);
      if (!isDone()) void this.#attempt(endpoint, failures + 1);
    });
    this.#cancels.add(cancel);
  }
}

// Who on the other side waits for the end of what this side provides.

import type { ProvidedService } from "./service-map.js";

interface Watch {
  readonly slot: number;
  readonly controller: AbortController;
}

/** The watches of one connection, by ConnID. Each is answered once, with the reason. */
export class IncomingWatches {
  readonly #watches = new Map<number, Watch>();
  readonly #answer: (id: number, reason: string) => void;

  constructor(answer: (id: number, reason: string) => void) {
    this.#answer = answer;
  }

  get size(): number {
    return this.#watches.size;
  }

  has(id: number): boolean {
    return this.#watches.has(id);
  }

  add(id: number, slot: number, { address }: ProvidedService): void {
    const watch = { slot, controller: new AbortController() };
    this.#watches.set(id, watch);
    // Its number may belong to another watch by then.
    const ended = (reason: string): void => {
      if (this.#watches.get(id) === watch) this.end(id, reason);
    };
    address?.watch({ signal: watch.controller.signal }).then(
      ({ reason }) => ended(reason),
      () => ended("unknown"),
    );
  }

  end(id: number, reason: string): void {
    const watch = this.#watches.get(id);
    if (watch === undefined) return;
    this.#watches.delete(id);
    watch.controller.abort();
    this.#answer(id, reason);
  }

  endSlot(slot: number, reason: string): void {
    for (const [id, watch] of this.#watches) if (watch.slot === slot) this.end(id, reason);
  }

  endAll(reason: string): void {
    for (const id of this.#watches.keys()) this.end(id, reason);
  }
}

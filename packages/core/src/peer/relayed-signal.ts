// The signal of a message that is passed on. A real one costs more than all the rest of a relayed call, and only the
// request that it is passed on as ever listens.

import type { IncomingMessage } from "./incoming-message.js";

type Listener = { handleEvent(): void };

/** As much of an `AbortSignal` as a request looks at. */
export class RelayedSignal implements Pick<AbortSignal, "aborted" | "reason"> {
  readonly #task: IncomingMessage;

  constructor(task: IncomingMessage) {
    this.#task = task;
  }

  get aborted(): boolean {
    return this.#task.isAborted;
  }

  get reason(): unknown {
    return this.#task.abortedBy;
  }

  addEventListener(_type: "abort", listener: Listener): void {
    this.#task.relayedAs = listener;
  }

  removeEventListener(): void {
    this.#task.relayedAs = undefined;
  }
}

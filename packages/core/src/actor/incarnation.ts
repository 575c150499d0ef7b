// One life of an actor's state, from a setup to the next crash or to the end. What is the same for all its messages is
// kept here, so that a send needs no context of its own.

import type { ActorError } from "./error.js";
import { NO_METADATA, type HandlerContext, type Metadata } from "./handlers.js";

/** Is itself the context of every send: nobody waits for those, so they have no deadline of their own. */
export class Incarnation implements HandlerContext {
  #controller: AbortController | undefined = undefined;
  #endedWith: ActorError | undefined = undefined;
  /** Streams that end with it. */
  #listeners: Set<(error: ActorError) => void> | undefined = undefined;

  /** Aborted when this life ends. Made when somebody asks for it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#endedWith !== undefined) this.#controller.abort(this.#endedWith);
    }
    return this.#controller.signal;
  }

  get deadline(): number {
    return Infinity;
  }

  get remainingMs(): number {
    return Infinity;
  }

  get metadata(): Metadata {
    return NO_METADATA;
  }

  get hasEnded(): boolean {
    return this.#endedWith !== undefined;
  }

  /** Calls `listener` when this life ends, at once if it has; returns how to take that back. */
  whenEnded(listener: (error: ActorError) => void): () => void {
    if (this.#endedWith !== undefined) listener(this.#endedWith);
    const listeners = (this.#listeners ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  end(error: ActorError): void {
    this.#endedWith ??= error;
    this.#controller?.abort(error);
    for (const listener of this.#listeners ?? []) listener(error);
  }
}

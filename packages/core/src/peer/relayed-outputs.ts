// What comes back through a relay: the outputs of a stream, and errors.

import { TroupeError } from "../base/index.js";
import { RemoteError } from "../actor/index.js";
import type { Caller, RequestOptions } from "./caller.js";
import { ConnectionLost, PeerError } from "./error.js";
import type { IncomingFlow } from "./incoming-flow.js";
import type { RemoteService } from "./remote.js";

/** What the caller is told of an error between here and the upstream's handler. */
export function told(error: unknown): unknown {
  if (error instanceof RemoteError || !(error instanceof TroupeError)) return error;
  if (!(error instanceof PeerError)) return new RemoteError(error.code, error.message, undefined, { cause: error });
  const { code, message, maybeExecuted } = error;
  if (!(error instanceof ConnectionLost)) return new RemoteError(code, message, undefined, { cause: error });
  return new RemoteError("relay-lost", message, { maybeExecuted }, { cause: error });
}

/** The outputs of a stream on their way through. */
export class RelayedOutputs implements AsyncIterableIterator<unknown, undefined> {
  readonly #flow: IncomingFlow;
  readonly #over: () => void;
  #isOver = false;

  constructor(
    caller: Caller,
    service: RemoteService,
    message: string,
    input: unknown,
    options: RequestOptions,
    over: () => void,
  ) {
    this.#over = over;
    try {
      this.#flow = caller.openStream(service, message, input, options);
    } catch (error) {
      this.#ended();
      throw told(error);
    }
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return this.#flow.next().then(
      (result) => {
        if (result.done === true) this.#ended();
        return result;
      },
      (error: unknown) => {
        this.#ended();
        throw told(error);
      },
    );
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    this.#ended();
    return this.#flow.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #ended(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over();
  }
}

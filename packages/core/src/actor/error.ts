// Errors of services and actors: what a caller can meet even when no connection is involved.

import { TroupeError } from "../base/index.js";

/** What is known about a refusal besides its code. */
export interface ActorErrorOptions {
  readonly cause?: unknown;
  readonly maybeExecuted?: boolean;
}

/** An actor, an address or a contract refused. Codes: see each thrower; all are listed in docs/reference/errors.md. */
export class ActorError extends TroupeError {
  /** Whether the handler may have run, wholly or in part. False only if it certainly did not start. */
  readonly maybeExecuted: boolean;

  constructor(code: string, message: string, options?: ActorErrorOptions) {
    super(code, message, options);
    this.maybeExecuted = options?.maybeExecuted ?? false;
  }
}

/**
 * What the other side's handler threw. `code` and `data` are what it put on its error, `message` is its message; its
 * stack and class stay where it happened. A handler may throw one itself: it is then an answer, and no crash.
 */
export class RemoteError extends TroupeError {
  readonly data: unknown;

  constructor(code: string, message: string, data?: unknown, options?: { cause?: unknown }) {
    super(code, message, options);
    this.data = data;
  }
}

/** Wraps whatever a handler threw as what its caller is told; a `RemoteError` is passed on as it is. Never throws. */
export function toRemoteError(thrown: unknown): RemoteError {
  try {
    if (thrown instanceof RemoteError) return thrown;
    if (typeof thrown !== "object" || thrown === null) {
      return new RemoteError("handler-failed", withoutStack(String(thrown)), undefined, { cause: thrown });
    }
    // Errors, and objects that look like one.
    const { code, message, data, syscall } = thrown as Readonly<Record<string, unknown>>;
    const codeText = typeof code === "string" ? code : "handler-failed";
    return new RemoteError(codeText, tellable(message, syscall), data, { cause: thrown });
  } catch {
    // A value may have no text, and a property may throw when it is read.
    return new RemoteError("handler-failed", "the handler threw a value that cannot be read", undefined, {
      cause: thrown,
    });
  }
}

/** No class name and no path leaves: what an operating system says of an error has the path in it. */
function tellable(message: unknown, syscall: unknown): string {
  if (typeof syscall === "string") return `${syscall} failed`;
  return typeof message === "string" ? withoutStack(message) : "the handler failed";
}

function withoutStack(text: string): string {
  const stackAt = text.indexOf("\n    at ");
  return stackAt === -1 ? text : text.slice(0, stackAt);
}

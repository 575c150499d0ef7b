// Errors between two peers: why a call, a send or a connection came to nothing.

import { TroupeError } from "../base/index.js";

export interface PeerErrorOptions {
  readonly cause?: unknown;
  readonly maybeExecuted?: boolean;
}

/** A call, a send or a connection failed between here and the other side's handler. Match on `code`. */
export class PeerError extends TroupeError {
  /** Whether the handler may have run, wholly or in part. False only if it certainly did not start. */
  readonly maybeExecuted: boolean;

  constructor(code: string, message: string, options?: PeerErrorOptions) {
    super(code, message, options);
    this.maybeExecuted = options?.maybeExecuted ?? false;
  }
}

/**
 * The connection is gone, or on its way out. `connection-lost` for what was under way, `closed` for what came too late
 * and was not sent. `cause` is what ended the connection, if that was an error.
 */
export class ConnectionLost extends PeerError {}

/** The other side did not take a message: nothing of it was executed. */
export class Refused extends PeerError {}

/** Somebody gave up: aborted a signal. */
export function cancelledBy(cause: unknown, maybeExecuted: boolean): PeerError {
  return new PeerError("cancelled", "cancelled by the caller", { cause, maybeExecuted });
}

/** Why a message with this signal is not begun, if that is so. */
export function refusalBy(signal: AbortSignal | undefined): PeerError | undefined {
  if (signal === undefined) return undefined;
  if (typeof signal.addEventListener !== "function") {
    return new PeerError("option-invalid", "signal must be an AbortSignal");
  }
  return signal.aborted ? cancelledBy(signal.reason, false) : undefined;
}

/** The other side uses a number for two things at once. */
export function idTaken(id: number): PeerError {
  return new PeerError("call-invalid", `ConnID ${id} is reserved, or not answered yet`);
}

/** The other side allows more than there can be. */
export function creditInvalid(): PeerError {
  return new PeerError("credit-invalid", "more is allowed than was used");
}

/** What ends a connection whose other side does not count. */
export function sendsExceeded(): PeerError {
  return new PeerError("credit-exceeded", "the other side sent more than it was allowed");
}

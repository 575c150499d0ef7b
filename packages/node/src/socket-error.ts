// What the system says of a socket, as errors of a transport.

import { TransportError } from "@troupe/core";

export function dialFailed(endpoint: string, error: NodeJS.ErrnoException): TransportError {
  // Of a Unix socket, a file that is not there means the same as one that nobody listens on.
  if (error.code === "ECONNREFUSED" || (error.code === "ENOENT" && error.syscall === "connect")) {
    return new TransportError("connect-refused", `nobody listens on ${endpoint}`, endpoint, { cause: error });
  }
  const message = `${endpoint} could not be reached: ${reasonOf(error)}`;
  return new TransportError("connect-failed", message, endpoint, { cause: error });
}

export function listenFailed(endpoint: string, error: NodeJS.ErrnoException): TransportError {
  if (error.code === "EADDRINUSE") return addressInUse(endpoint, error);
  const message = `it was not possible to listen on ${endpoint}: ${reasonOf(error)}`;
  return new TransportError("listen-failed", message, endpoint, { cause: error });
}

export function addressInUse(endpoint: string, cause?: unknown): TransportError {
  return new TransportError("address-in-use", `somebody listens on ${endpoint} already`, endpoint, { cause });
}

export function acceptFailed(endpoint: string, error: Error): TransportError {
  const message = `a connection to ${endpoint} could not be accepted: ${reasonOf(error)}`;
  return new TransportError("accept-failed", message, endpoint, { cause: error });
}

/** A host name with several addresses fails with one error for each of them, and no message of its own. */
export function reasonOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((each: Error) => each.message).join("; ");
  return error.message;
}

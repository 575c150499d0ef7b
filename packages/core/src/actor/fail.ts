// How a handler makes one of the errors that its message declares.

import { RemoteError } from "./error.js";

/** The `fail` of every context: an error to be thrown, with its code as its message unless there is one. */
export function fail(code: string, data?: unknown, message: string = code): RemoteError {
  return new RemoteError(code, message, data);
}

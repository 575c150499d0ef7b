// What a node of a network refuses.

import { TroupeError } from "../base/index.js";

/** Joining, or reaching a member, did not work. `maybeExecuted` is about the message, if there was one. */
export class NetworkError extends TroupeError {
  /** False: the message has not left. */
  readonly maybeExecuted = false;
}

// Finds out before anything is opened whether a peer can be made with its options: once made it belongs to a
// connection, and a mistake would show on the other side, or once for every stranger who dials.

import { PeerError } from "./error.js";
import { limitsOf, timesOf } from "./limits.js";
import type { PeerOptions } from "./peer.js";
import { excessOfProvided } from "./provided-sum.js";

/** The longest name of a peer, in UTF-16 units. */
export const PEER_NAME_LENGTH_MAX = 256;

/** @throws PeerError `option-invalid`, which says what is wrong with which option. */
export function checkOptions(options: PeerOptions): void {
  const limits = limitsOf(options.limits);
  timesOf(options);
  const { name = "", id, services, backpressure, authorize } = options;
  if (typeof name !== "string" || name.length > PEER_NAME_LENGTH_MAX) {
    throw invalid("name", `a text of at most ${PEER_NAME_LENGTH_MAX} characters`);
  }
  if (id !== undefined && !/^[0-9a-f]{32}$/.test(id)) throw invalid("id", "32 hexadecimal digits in lower case");
  // By what they can do: a client that provides nothing does not have to load what a map needs.
  if (services !== undefined && typeof services.provided !== "function") throw invalid("services", "a ServiceMap");
  const excess = excessOfProvided(services?.provided() ?? [], limits);
  if (excess !== undefined) throw invalid("services", `a map that other peers take, not ${excess}`);
  if (authorize !== undefined && services !== undefined) throw invalid("services", "left out with authorize");
  if (backpressure !== undefined && typeof backpressure.tryAcquire !== "function") {
    throw invalid("backpressure", "a Semaphore");
  }
}

function invalid(option: string, wanted: string): PeerError {
  return new PeerError("option-invalid", `${option} must be ${wanted}`);
}

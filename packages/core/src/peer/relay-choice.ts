// Which of several upstreams a relayed message goes to. A choice sees everything but the payload, which is not decoded.

import type { Message, Metadata } from "../actor/index.js";
import type { Peer } from "./peer.js";

/** A message that is about to be passed on. */
export interface RelayedMessage {
  readonly service: string;
  readonly message: string;
  readonly kind: Message["kind"];
  /** What its sender put beside the input. */
  readonly metadata: Metadata;
  /** Whom it came from. */
  readonly peer: Peer;
}

/** An upstream that provides the service. */
export interface RelayCandidate {
  readonly peer: Peer;
  /** Calls and streams that were passed on to it and are not over. */
  readonly inFlight: number;
}

/** Chooses for each message; there is at least one candidate. What it returns must be one of them. */
export type RelayChoice = (candidates: readonly RelayCandidate[], message: RelayedMessage) => RelayCandidate;

/** The choices that have a name, as makers of one for each relay. */
export const RELAY_CHOICES: {
  readonly "round-robin": () => RelayChoice;
  readonly "least-loaded": () => RelayChoice;
} = Object.freeze({
  "round-robin": () => {
    let turn = 0;
    return (candidates: readonly RelayCandidate[]) =>
      candidates[(turn = (turn + 1) % candidates.length)] as RelayCandidate;
  },
  "least-loaded": () => {
    let turn = 0;
    // Of those with as little to do, each in turn.
    return (candidates: readonly RelayCandidate[]) => {
      turn = (turn + 1) % candidates.length;
      let least = candidates[turn] as RelayCandidate;
      for (let i = 1; i < candidates.length; i++) {
        const other = candidates[(turn + i) % candidates.length] as RelayCandidate;
        if (other.inFlight < least.inFlight) least = other;
      }
      return least;
    };
  },
});

/**
 * Messages with the same key go to the same upstream as long as it is there; when one comes or goes, only the keys that
 * are its own move (rendezvous hashing, over `peer.remote.id`).
 *
 * @example
 * const byUser = byKey(({ metadata }) => metadata.user ?? "");
 */
export function byKey(keyOf: (message: RelayedMessage) => string): RelayChoice {
  return (candidates, message) => {
    const key = keyOf(message);
    let best = candidates[0] as RelayCandidate;
    let bestWeight = -1;
    for (const candidate of candidates) {
      const weight = hash(`${candidate.peer.remote.id} ${key}`);
      if (weight > bestWeight) [best, bestWeight] = [candidate, weight];
    }
    return best;
  };
}

/** FNV-1a in 32 bits, with its bits mixed once more: the last characters alone would decide too little. */
function hash(text: string): number {
  let sum = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x0100_0193);
  sum = Math.imul(sum ^ (sum >>> 16), 0x85eb_ca6b);
  sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2_ae35);
  return (sum ^ (sum >>> 16)) >>> 0;
}

// Which of several members gets a message. Pure.

import { hashOf, toHex } from "../discovery/index.js";

/** Which member gets a message. */
export interface MemberChoice {
  /** The same member for the same key, as long as it is there. Without one, each gets its turn. */
  readonly key?: string;
}

const encoder = new TextEncoder();

/** The ids with that at the front whose turn it is. */
export function inTurn(ids: readonly string[], turn: number): string[] {
  return ids.map((_, index) => ids[(index + turn) % ids.length] as string);
}

/** The ids in the order of a key: when one comes or goes, the others stay in theirs (rendezvous hashing). */
export function byRank(ids: readonly string[], key: string): string[] {
  const ranked = ids.map((id) => [toHex(hashOf(encoder.encode(`${id} ${key}`))), id] as const);
  return ranked.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, id]) => id);
}

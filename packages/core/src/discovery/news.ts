// News that is passed on with whatever is said anyway: the newest of each member, the least told first, until it was told
// often enough.

import type { Update } from "./packet.js";

/** How long the updates of one packet are at most, in bytes of records. One that is longer goes alone. */
export const PACKET_NEWS_BYTES: number = 48 * 1024;
/** What a claim takes, about, in bytes. */
const CLAIM_BYTES = 128;

interface Told {
  readonly update: Update;
  times: number;
}

export class News {
  readonly #byMember = new Map<string, Told>();

  get size(): number {
    return this.#byMember.size;
  }

  /** Something is new of a member; what was before is not told any more. */
  add(id: string, update: Update): void {
    this.#byMember.delete(id);
    this.#byMember.set(id, { update, times: 0 });
  }

  delete(id: string): void {
    this.#byMember.delete(id);
  }

  /** What goes into the next packet. What was told `timesMax` times is forgotten. */
  take(timesMax: number): Update[] {
    const waiting = [...this.#byMember].sort(([, a], [, b]) => a.times - b.times);
    const taken: Update[] = [];
    let left = PACKET_NEWS_BYTES;
    for (const [id, told] of waiting) {
      const bytes = bytesOf(told.update);
      if (bytes > left && taken.length > 0) break;
      left -= bytes;
      taken.push(told.update);
      if (++told.times >= timesMax) this.#byMember.delete(id);
    }
    return taken;
  }
}

/** What an update takes, about. */
export function bytesOf(update: Update): number {
  return "bytes" in update ? update.bytes.length + update.signature.length : CLAIM_BYTES;
}

// What a program that speaks thespis_remote would have said if it spoke Troupe: it greets, takes what it is given, and
// answers what it has given up. Frames of it are read as if they had come.

import { plain } from "../peer/index.js";
import { FrameKind, type FrameHeader } from "../wire/index.js";

/**
 * How many calls may be without an answer. thespis_remote stops reading while it writes: two
 * programs that fill both directions of a connection wait for each other for ever, so this is little enough for what a
 * socket holds.
 */
export const THESPIS_CALLS_MAX = 128;
/** How many bytes of those; one may overdraw it. */
export const THESPIS_CALL_BYTES_MAX: number = 256 * 1024;

const COUNT_MAX = 0xffff_ffff;
/** Credit is given back before anybody could have used up what there is. */
const CREDIT_MESSAGES = 256;
const CREDIT_BYTES = 1024 * 1024;

/** One frame that did not come. */
export interface StoodIn {
  readonly header: FrameHeader;
  readonly payload: unknown;
}

export class StandIn {
  readonly #frames: StoodIn[] = [];
  #messages = 0;
  #bytes = 0;

  constructor(frameBytesMax: number) {
    this.say(FrameKind.hello, 0, {
      protocol: "troupe",
      versions: [1],
      // Newer than any: what comes unasked is ignored, and counted.
      minor: COUNT_MAX,
      id: "0".repeat(32),
      name: "",
      // It shows no sign of life of its own, and none is waited for.
      heartbeatMs: 3_600_000,
      limits: {
        frameBytesMax,
        messageBytesMax: frameBytesMax,
        callsMax: THESPIS_CALLS_MAX,
        callBytesMax: THESPIS_CALL_BYTES_MAX,
        sendsMax: COUNT_MAX,
        sendBytesMax: COUNT_MAX,
        // One, so that it is refused and does not wait.
        streamsMax: 1,
        watchesMax: 0,
      },
      services: 0,
    });
  }

  take(): StoodIn | undefined {
    return this.#frames.shift();
  }

  say(kind: number, id: number, payload?: unknown, amount: number = 0): void {
    this.#frames.push({ header: { ...plain(kind, id), amount }, payload });
  }

  /** A send was written: it counts as taken, since nothing will ever be said of it. */
  sent(bytes: number): void {
    this.#messages++;
    this.#bytes += bytes;
    if (this.#messages < CREDIT_MESSAGES && this.#bytes < CREDIT_BYTES) return;
    this.say(FrameKind.credit, this.#messages, undefined, this.#bytes);
    this.#messages = this.#bytes = 0;
  }
}

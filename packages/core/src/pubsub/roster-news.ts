// What another participant knows, taken over as it says it. Whatever makes no sense, or is too much, is left out: the rest of what it
// says stays true.

import { isTroupeError } from "../base/index.js";
import type { Peer } from "../peer/index.js";
import { parseChange, type RosterChange } from "./announcement.js";
import { ParticipantProtocol } from "./protocol.js";

/** What becomes of news. */
export interface RosterReader {
  /** Takes it in. @throws PubSubError `announcement-invalid` */
  readonly take: (change: RosterChange) => void;
  /** One was left out. */
  readonly refused: (error: Error) => void;
}

/** Takes over all that there is, and then every change. Resolves when no more can come. */
export async function readRoster(peer: Peer, scope: "own" | "all", { take, refused }: RosterReader): Promise<void> {
  try {
    for await (const news of peer.address(ParticipantProtocol).stream("roster", scope)) {
      try {
        take(parseChange(news));
      } catch (error) {
        if (!isTroupeError(error, "announcement-invalid")) throw error;
        refused(error);
      }
    }
  } catch {
    // The connection is gone, which is told by the connection.
  }
}

// A service of somebody else, announced again: as it was announced to this side, with the relays on the way to it.

import type { Announcement } from "./announcement.js";

/** What takes the place of a kind that only a newer version knows: nobody can ask for it through this side. */
const UNKNOWN_KIND = "unknown";

/** The payload of a `provide` frame; without shapes if it would be too long otherwise. */
export function relayedPayload(announcement: Announcement, withShapes: boolean = true): unknown {
  const { name, fingerprint, names, kinds, shapes, version, path } = announcement;
  const messages = names.map((message, index) => {
    const kind = kinds[index] ?? UNKNOWN_KIND;
    const shape = withShapes ? shapes[index] : undefined;
    return shape === undefined ? [message, kind] : [message, kind, shape];
  });
  return [name, fingerprint, messages, version, path];
}

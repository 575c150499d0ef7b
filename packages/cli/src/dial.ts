// A connection for the length of one command.

import { isTroupeError, TransportError, type Peer, type PeerOptions } from "@troupe/core";
import { connect } from "@troupe/node";

/** What the other side sees as the name of this one. */
export const OWN_NAME = "troupe";
/** How long what is under way may still take when the command is done, in milliseconds. */
const GRACE_MS = 1000;

/**
 * Connects, runs `use`, and closes in order whatever comes of it.
 *
 * @throws TransportError when there is no connection, also where somebody answered who does not speak Troupe.
 */
export async function dialled<T>(
  url: string,
  { signal, ...options }: Pick<PeerOptions, "wireFormat"> & { readonly signal: AbortSignal },
  use: (peer: Peer) => Promise<T>,
): Promise<T> {
  const peer = await connect(url, { ...options, signal, name: OWN_NAME }).catch((error: unknown) => {
    if (!isTroupeError(error) || error instanceof TransportError) throw error;
    throw new TransportError(error.code, `${url}: ${error.message}`, url, { cause: error });
  });
  try {
    return await use(peer);
  } finally {
    await peer.close({ graceMs: GRACE_MS });
  }
}

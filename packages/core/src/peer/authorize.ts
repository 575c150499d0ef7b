// Capabilities by connection: who listens decides, from who the other side is, which services it gets. That side says
// nothing of itself before.

import { PeerError } from "./error.js";
import type { Remote } from "./remote.js";
import type { ServiceMap } from "./service-map.js";

/**
 * Decides which services the other side gets. `remote` is what is known of it: its `identity`, if the transport has
 * verified one; how it asked for a WebSocket; the id, name and services of its hello, which anybody may claim. The
 * signal is aborted when the connection ends meanwhile.
 *
 * Nothing but a map lets it in; without one, or with an error, it is refused as `unauthorized` and told no more.
 */
export type Authorize = (
  remote: Remote,
  context: { readonly signal: AbortSignal },
) => ServiceMap | undefined | Promise<ServiceMap | undefined>;

/**
 * Asks `authorize`. `ended` settles it as well.
 *
 * @throws PeerError `unauthorized`
 */
export async function authorized(authorize: Authorize, remote: Remote, ended: Promise<unknown>): Promise<ServiceMap> {
  const controller = new AbortController();
  ended.catch((reason: unknown) => controller.abort(reason));
  let services: ServiceMap | undefined;
  try {
    services = await authorize(remote, { signal: controller.signal });
  } catch (error) {
    throw refused(error);
  }
  if (typeof services?.provided !== "function") throw refused(undefined);
  return services;
}

function refused(cause: unknown): PeerError {
  return new PeerError("unauthorized", "the connection is not authorized", { cause });
}

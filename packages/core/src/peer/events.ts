// What can be observed on a peer.

import type { PeerError } from "./error.js";
import type { Remote } from "./remote.js";

/** Why a peer is closed. */
export interface ClosedReason {
  /** Who ended it: this side, the other side by saying so, or a fault of either or of the network. */
  readonly by: "local" | "remote" | "fault";
  /** `closed` for an orderly end, `aborted`, `connection-lost`, or the code of the error behind it. */
  readonly code: string;
  readonly error?: Error;
}

/** What can be observed on a peer. */
export type PeerEvent =
  /** The greeting is complete. */
  | { readonly type: "opened"; readonly remote: Remote }
  /** The other side provides a service, now or since the greeting. */
  | { readonly type: "provided"; readonly service: string }
  | { readonly type: "withdrawn"; readonly service: string }
  /** Whoever provided these services, which this side passes on, is gone. What others still provide goes on. */
  | { readonly type: "relayLost"; readonly services: readonly string[]; readonly reason: ClosedReason }
  /** A message was not taken: one from the other side by us, or a send of ours by the other side. */
  | { readonly type: "refused"; readonly direction: "incoming" | "outgoing"; readonly error: PeerError }
  /** A handler of ours threw what no caller is told of as an answer, or its answer could not be sent. */
  | { readonly type: "failed"; readonly service: string; readonly message: string; readonly error: unknown }
  /** A handler did not end after its signal was aborted; its permit was given to others. */
  | { readonly type: "abandoned"; readonly service: string; readonly message: string }
  /** The bytes or the silence of the other side end the connection; `closed` follows. */
  | { readonly type: "fault"; readonly error: Error }
  /** An orderly end has begun. */
  | { readonly type: "closing"; readonly by: "local" | "remote" }
  /** The connection is no more. The last event. */
  | { readonly type: "closed"; readonly reason: ClosedReason };

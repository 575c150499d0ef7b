// What can be observed on a mesh.

import type { Envelope } from "./error.js";

/** Why a connection is no more. Codes: `ended`, `lost`, `silent`, `message-late`, `protocol`, `closed`. */
export interface MeshLoss {
  readonly code: string;
  readonly error?: Error;
}

/** What can be observed on a mesh. */
export type MeshEvent =
  | { readonly type: "added"; readonly id: string }
  /** The owner has taken a connection back. What waited to be sent over it was not. */
  | { readonly type: "removed"; readonly id: string; readonly unsent: readonly Envelope[] }
  /** A connection is no more. What waited to be sent was not; of `bytesBuffered` more nobody knows. */
  | {
      readonly type: "disconnected";
      readonly id: string;
      readonly reason: MeshLoss;
      readonly unsent: readonly Envelope[];
      readonly bytesBuffered: number;
    }
  | { readonly type: "closed" };

// What a mesh refuses, typed, with what was refused.

import { TroupeError } from "../base/index.js";
import type { Connection } from "../transport/index.js";

/** A message, and whom it is for or from. */
export interface Envelope {
  /** The id under which the connection was added. */
  readonly id: string;
  readonly payload: Uint8Array;
}

/**
 * Something that a mesh did not do. Codes: `full`, `not-found`, `disconnected`, `message-too-long`, `duplicate-id`,
 * `connections-full`, `timeout`, `cancelled`, `closed` and `option-invalid`.
 */
export class MeshError extends TroupeError {}

/** A message that was not sent, given back. */
export class SendError extends MeshError {
  readonly envelope: Envelope;

  constructor(code: string, message: string, envelope: Envelope) {
    super(code, message);
    this.envelope = envelope;
  }
}

/** Too much waits for this connection: it reads slowly, or not at all. Nothing has changed; try again later. */
export class Full extends SendError {}

/** There is no connection of this id. */
export class NotFound extends SendError {}

/** The connection of this id is no more, or the mesh is closed. */
export class Disconnected extends SendError {}

/** A connection that was not added, given back. It was not touched. */
export class AddError extends MeshError {
  readonly connection: Connection;

  constructor(code: string, message: string, connection: Connection) {
    super(code, message);
    this.connection = connection;
  }
}

// What a mesh holds at most, and how long it waits.

import { MeshError } from "./error.js";

/** Every bound of a mesh, in messages and in bytes, and its times in milliseconds. */
export interface MeshLimits {
  /** Messages that have come and were not taken, of all connections together. Beyond that, reading stops. */
  readonly incomingMax: number;
  readonly incomingBytesMax: number;
  /** Messages that wait to be sent, of each connection. Beyond that, `send` throws `Full`. */
  readonly outgoingMax: number;
  readonly outgoingBytesMax: number;
  /** The longest message, both ways. */
  readonly messageBytesMax: number;
  readonly connectionsMax: number;
  /** How often each side shows life when it has nothing to say; three times that without any is a loss. 0 switches it off. */
  readonly heartbeatMs: number;
  /** How long a message may take from its first byte to its last. */
  readonly messageMs: number;
}

/** What holds unless something else is said. */
export const MESH_LIMITS: MeshLimits = Object.freeze({
  incomingMax: 1024,
  incomingBytesMax: 16 * 1024 * 1024,
  outgoingMax: 1024,
  outgoingBytesMax: 4 * 1024 * 1024,
  messageBytesMax: 1024 * 1024,
  connectionsMax: 10_000,
  heartbeatMs: 5000,
  messageMs: 30_000,
});

/** Intervals without a sign of life after which a connection is given up. */
export const MESH_HEARTBEATS_MISSED_MAX = 3;

/** More is no length: the rest of 32 bits says other things. */
const MESSAGE_BYTES_LIMIT = 0x7fff_ffff;

/** @throws MeshError `option-invalid` for what is no whole number, or out of range. */
export function meshLimitsOf(given: Partial<MeshLimits>): MeshLimits {
  const limits = { ...MESH_LIMITS };
  for (const name of Object.keys(MESH_LIMITS) as (keyof MeshLimits)[]) {
    const value = given[name];
    if (value === undefined) continue;
    const min = name === "heartbeatMs" ? 0 : 1;
    if (!Number.isInteger(value) || value < min || value > MESSAGE_BYTES_LIMIT) {
      throw new MeshError("option-invalid", `${name} must be a whole number from ${min} to ${MESSAGE_BYTES_LIMIT}`);
    }
    (limits as Record<keyof MeshLimits, number>)[name] = value;
  }
  return limits;
}

// What members say to each other about members. Everything that comes is looked at before it means anything.

import { DiscoveryError } from "./error.js";
import type { SignedRecord } from "./member-record.js";

/** How many updates one packet may have: more than any honest one has. */
export const PACKET_UPDATES_MAX = 4096;

/** What somebody else thinks of a member. Only the member's own record can say that it is alive, or has left. */
export interface Claim {
  readonly id: string;
  readonly incarnation: number;
  readonly status: "suspect" | "dead";
  /** Who says so. */
  readonly from: string;
}

/** One piece of news. */
export type Update = SignedRecord | Claim;

/** What is said to one member. */
export interface Packet {
  /**
   * `ping` wants an `ack` with the same number; `relay` wants a ping of `target` and then an `ack`; `sync` wants everything, as
   * `state`; `news` wants nothing.
   */
  readonly kind: "ping" | "ack" | "relay" | "sync" | "state" | "news";
  readonly sequence: number;
  readonly target?: string;
  readonly updates: readonly Update[];
}

const KINDS: ReadonlySet<unknown> = new Set(["ping", "ack", "relay", "sync", "state", "news"]);

/** @throws DiscoveryError `packet-invalid` */
export function parsePacket(value: unknown): Packet {
  const { kind, sequence, target, updates } = (typeof value === "object" && value !== null ? value : {}) as Packet;
  if (!KINDS.has(kind) || !isCount(sequence)) throw invalid("it is of no kind");
  if (target !== undefined && !isId(target)) throw invalid("its target is no id");
  if (!Array.isArray(updates) || updates.length > PACKET_UPDATES_MAX) throw invalid("it has no list of updates");
  const parsed = updates.map(parseUpdate);
  return target === undefined ? { kind, sequence, updates: parsed } : { kind, sequence, target, updates: parsed };
}

function parseUpdate(value: unknown): Update {
  const { bytes, signature, id, incarnation, status, from } = (
    typeof value === "object" && value !== null ? value : {}
  ) as Record<string, unknown>;
  if (bytes instanceof Uint8Array && signature instanceof Uint8Array) return { bytes, signature };
  if (!isId(id) || !isId(from) || !isCount(incarnation) || (status !== "suspect" && status !== "dead")) {
    throw invalid("an update is neither a record nor a claim");
  }
  return { id, incarnation, status, from };
}

function isId(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{32}$/.test(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function invalid(why: string): DiscoveryError {
  return new DiscoveryError("packet-invalid", `what a member said is not valid: ${why}`);
}

// What the two halves of a peer share: the way to speak, the clock, the limits, and whom to tell. It knows nothing of
// calls or services.

import type { Clock, Inspection, Timers } from "../base/index.js";
import type { FrameHeader, FrameReader, WireFormat } from "../wire/index.js";
import type { PeerEvent } from "./events.js";
import type { RemoteLimits } from "./hello.js";
import type { PeerLimits, PeerTimes } from "./limits.js";
import type { BulkLane } from "./bulk-lane.js";
import type { Outbox } from "./outbox.js";
import type { Peer } from "./peer.js";
import type { RoundTrip } from "./round-trip.js";
import type { OutgoingTransfer, Transfers } from "./transfers.js";

/** A peer as its halves see it. */
export interface Channel {
  readonly peer: Peer;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: PeerLimits;
  readonly times: PeerTimes;
  readonly format: WireFormat;
  readonly reader: FrameReader;
  readonly outbox: Outbox;
  readonly inspection: Inspection | undefined;
  readonly roundTrip: RoundTrip;
  readonly bulk: BulkLane;
  readonly transfers: Transfers;
  /** What the other side accepts; the smallest there is before its hello. */
  readonly remoteLimits: RemoteLimits;
  /** Writes one short frame; it leaves at the end of the turn. Throws `WireError` if it cannot be encoded. */
  post(header: FrameHeader, payload?: unknown): number;
  /** Writes one frame of any length, and returns how long it is; or what sends it in parts, if it is too long to go whole. */
  say(header: FrameHeader, payload: unknown): number | OutgoingTransfer;
  /** The same with an encoded payload. */
  forward(header: FrameHeader, payload: Uint8Array): number | OutgoingTransfer;
  /** Does what the frame at hand says, which has come in parts. */
  handle(): void;
  /** Hands over bytes beside the stream. Only where the connection can. */
  readonly give: ((bytes: Uint8Array) => void) | undefined;
  /** A task of the incoming half has ended: a closing peer may be finished now. */
  taskEnded(): void;
  /** A long frame is out of the way: what waits for room may have some. */
  roomGrown(): void;
  /** Something that waits may be ready now. */
  wake(): void;
  emit(event: PeerEvent): void;
  /** The other side broke the protocol, or is gone: ends the connection. */
  fault(error: unknown): void;
}

/** A frame without a route. */
export function plain(kind: number, id: number): FrameHeader {
  return { kind, id, service: 0, message: 0, amount: 0 };
}

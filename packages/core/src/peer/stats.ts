// Figures of one peer, for gauges and tests.

import type { Caller } from "./caller.js";
import type { Channel } from "./channel.js";
import type { Dispatch } from "./dispatch.js";
import type { Providing } from "./providing.js";

/** What a peer is busy with. */
export interface PeerStats {
  /** Calls of this side that are not answered. */
  readonly callsInFlight: number;
  /** Sends of this side that the other side has not given credit back for. */
  readonly sendsInFlight: number;
  /** Streams of this side that are not over. */
  readonly streamsInFlight: number;
  /** Messages of this side that wait for credit or room. */
  readonly waiting: number;
  /** Messages of the other side that are being handled or parked, and streams that go on. */
  readonly running: number;
  /** Handlers that run on after they were given up. */
  readonly abandoned: number;
  /** Answers that came after their call had settled otherwise. */
  readonly lateReplies: number;
  /** Frames of a kind that only newer versions know. */
  readonly framesIgnored: number;
  /** Bytes that have arrived and were not handled yet. */
  readonly bytesUnread: number;
  /** Bytes that wait to be written. */
  readonly bytesPending: number;
  /** Deadlines that are set. */
  readonly timers: number;
}

export function statsOf(channel: Channel, caller: Caller, provider: Providing, dispatch: Dispatch): PeerStats {
  const { reader, transfers, outbox, timers } = channel;
  return {
    callsInFlight: caller.callsInFlight,
    sendsInFlight: caller.sendsInFlight,
    streamsInFlight: caller.streamsInFlight,
    waiting: caller.lane.length,
    running: provider.running,
    abandoned: provider.abandonedCount,
    lateReplies: caller.lateReplies,
    framesIgnored: dispatch.framesIgnored,
    bytesUnread: reader.buffered + transfers.bytesArriving,
    bytesPending: outbox.pendingBytes + transfers.bytesPending,
    timers: timers.size,
  };
}

// What a peer accepts and holds, with the reason for each number. Those marked "announced" are told to the other side
// in the hello, so that an honest one stays below them.

import { WIRE_LIMITS, type WireLimits } from "../wire/index.js";
import { PeerError } from "./error.js";
import { FLOW_ITEMS_MAX } from "./flow-window.js";

/** What a peer accepts and holds. */
export interface PeerLimits extends WireLimits {
  /** Calls that the other side may have unanswered at once. Announced. */
  readonly callsMax: number;
  /** Bytes of unanswered calls; one call may overdraw it. Announced. */
  readonly callBytesMax: number;
  /** Sends that the other side may have unhandled at once. Announced. */
  readonly sendsMax: number;
  /** Bytes of unhandled sends; one send may overdraw it. Announced. */
  readonly sendBytesMax: number;
  /** Streams that the other side may have open at once. Announced. */
  readonly streamsMax: number;
  /** Items of one stream that its producer may be ahead at first. Announced. */
  readonly streamItems: number;
  /** Bytes of them, and of a message that comes in parts; one item may overdraw it. Announced. */
  readonly streamBytes: number;
  /** The most bytes that this grows to where the line is long and fast; items grow with it. */
  readonly streamBytesMax: number;
  /** Bytes of what travels beside an input. Announced. */
  readonly metadataBytesMax: number;
  /** Watches that the other side may hold at once. Announced. */
  readonly watchesMax: number;
  /** Services that the other side may provide at once. */
  readonly servicesMax: number;
  /** Messages of all those services: four of the largest, or sixteen for each of `servicesMax`. */
  readonly providedMessagesMax: number;
  /** Bytes of the names of all those services and messages: 64 for each message. */
  readonly providedBytesMax: number;
  /** Handlers that may run on after they were given up; more keep their places. See `PeerTimes.abandonMs`. */
  readonly abandonedMax: number;
  /** Messages of this side that wait for credit or room, beyond which `waiting-full` is the answer. */
  readonly waitingMax: number;
  /** Bytes of them: several times what the other side takes, since each is somebody's unsettled promise. */
  readonly waitingBytesMax: number;
  /** Unwritten bytes beyond which messages wait instead of being encoded: what a fast link carries in a few milliseconds. */
  readonly outboxBytesMax: number;
  /** Refusals and errors that may be unwritten at once: more come only from a peer that asks nonsense and never reads. */
  readonly refusalsMax: number;
}

/** The limits of a peer unless it is told otherwise. */
export const PEER_LIMITS: PeerLimits = Object.freeze({
  ...WIRE_LIMITS,
  callsMax: 1024,
  callBytesMax: 4 * 1024 * 1024,
  sendsMax: 1024,
  sendBytesMax: 4 * 1024 * 1024,
  streamsMax: 256,
  streamItems: 256,
  streamBytes: 128 * 1024,
  streamBytesMax: 2 * 1024 * 1024,
  metadataBytesMax: 8192,
  watchesMax: 1024,
  servicesMax: 1024,
  providedMessagesMax: 16_384,
  providedBytesMax: 1024 * 1024,
  abandonedMax: 256,
  waitingMax: 65_536,
  waitingBytesMax: 64 * 1024 * 1024,
  outboxBytesMax: 1024 * 1024,
  refusalsMax: 4096,
});

/** How long a peer waits for what, in milliseconds. */
export interface PeerTimes {
  /** For the other side's hello and services. */
  readonly handshakeMs: number;
  /** Between signs of life; announced. The other side is dead after `HEARTBEATS_MISSED_MAX` of its own. */
  readonly heartbeatMs: number;
  /** For an answer, unless the call says otherwise. */
  readonly callTimeoutMs: number;
  /** At most, for an answer to a call of the other side: a deadline that is farther away is brought forward. */
  readonly callTimeoutMaxMs: number;
  /** For running calls to be answered while closing, unless `close` says otherwise. */
  readonly graceMs: number;
  /** For one frame to arrive whole, and for a write to make any progress. */
  readonly stallMs: number;
  /** For a handler to end once its signal is aborted; then its permit is given to others. */
  readonly abandonMs: number;
}

/** How long a peer waits unless it is told otherwise. */
export const PEER_TIMES: PeerTimes = Object.freeze({
  handshakeMs: 5000,
  heartbeatMs: 5000,
  callTimeoutMs: 30_000,
  callTimeoutMaxMs: 3_600_000,
  graceMs: 10_000,
  stallMs: 30_000,
  abandonMs: 250,
});

/** How many heartbeats in a row may be missing. */
export const HEARTBEATS_MISSED_MAX = 3;

/** The least that `frameBytesMax` may be: every peer must be able to say why it refuses something. */
export const FRAME_BYTES_MIN = 8192;
/** The most that a frame header can say. */
const FRAME_BYTES_MAX = 0xff_ffff;
/** The most that a frame can say of the length of its metadata. */
const METADATA_BYTES_MAX = 0xffff;
const COUNT_MAX = 0xffff_ffff;
const HEARTBEAT_MS_MIN = 10;
const HEARTBEAT_MS_MAX = 3_600_000;

/**
 * The limits of a peer whose owner gave some; a value of undefined counts as not given.
 *
 * @throws PeerError `option-invalid` for one that is no whole number, or that the other side would not accept.
 */
export function limitsOf(given: Partial<PeerLimits> | undefined): PeerLimits {
  const limits = withDefaults(PEER_LIMITS, given);
  if (limits === PEER_LIMITS) return limits;
  for (const [name, value] of Object.entries(limits)) demandWithin(name, value, 0, COUNT_MAX);
  demandWithin("frameBytesMax", limits.frameBytesMax, FRAME_BYTES_MIN, FRAME_BYTES_MAX);
  for (const name of ["callsMax", "callBytesMax", "sendsMax", "sendBytesMax", "streamBytes"] as const) {
    demandWithin(name, limits[name], 1, COUNT_MAX);
  }
  demandWithin("streamItems", limits.streamItems, 1, FLOW_ITEMS_MAX);
  demandWithin("metadataBytesMax", limits.metadataBytesMax, 0, METADATA_BYTES_MAX);
  demandWithin("messageBytesMax", limits.messageBytesMax, FRAME_BYTES_MIN, COUNT_MAX);
  // A frame is no longer than the longest message.
  return { ...limits, frameBytesMax: Math.min(limits.frameBytesMax, limits.messageBytesMax) };
}

/**
 * The same for times.
 *
 * @throws PeerError `option-invalid` for one that is negative or not a number.
 */
export function timesOf(given: Partial<PeerTimes> | undefined): PeerTimes {
  const times = withDefaults(PEER_TIMES, given);
  if (times === PEER_TIMES) return times;
  for (const [name, value] of Object.entries(times)) {
    if (!(value >= 0)) throw new PeerError("option-invalid", `${name} must be a number of milliseconds, not ${value}`);
  }
  demandWithin("heartbeatMs", times.heartbeatMs, HEARTBEAT_MS_MIN, HEARTBEAT_MS_MAX);
  return times;
}

function demandWithin(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new PeerError("option-invalid", `${name} must be a whole number from ${min} to ${max}, not ${value}`);
}

function withDefaults<T extends object>(defaults: T, given: Partial<T> | undefined): T {
  if (given === undefined) return defaults;
  const names = Object.keys(defaults) as (keyof T)[];
  if (names.every((name) => given[name] === undefined)) return defaults;
  return Object.fromEntries(names.map((name) => [name, given[name] ?? defaults[name]])) as unknown as T;
}

// The datagrams by which participants find each other. Pure: bytes to fields and back, and what follows from them.
//
//   "TRPB"  version 1  flags  port (2)  id (16)  domain (4)  zeros … up to 96 bytes
//
// Nobody answers a beacon with a datagram. What follows from one is at most one dial, and a beacon is longer than the first
// packet of that: so a forged one never makes more bytes than it is.

import { hashOf } from "../discovery/index.js";

/** The length of a beacon, in bytes. */
export const BEACON_BYTES = 96;
/** How many beacons a participant sends when it starts, and how far apart, in milliseconds. */
export const BEACON_BURST = 5;
/** How far apart those are, in milliseconds. */
export const BEACON_BURST_MS = 100;
/** How far apart they are afterwards, in milliseconds. */
export const BEACON_MS = 1000;
/** Where beacons are sent and heard unless given. */
export const BEACON_PORT = 5671;

const MAGIC = 0x5452_5042;
const VERSION = 1;
const LEAVING = 1;

/** What a beacon says. Where it came from is known from the datagram alone. */
export interface Beacon {
  /** The participant: 32 hexadecimal digits. */
  readonly id: string;
  /** Where other participants can dial it. */
  readonly port: number;
  /** Participants of different domains do not see each other. */
  readonly domain: number;
  readonly isLeaving: boolean;
}

export function encodeBeacon({ id, port, domain, isLeaving }: Beacon): Uint8Array {
  const bytes = new Uint8Array(BEACON_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  bytes[4] = VERSION;
  bytes[5] = isLeaving ? LEAVING : 0;
  view.setUint16(6, port);
  for (let i = 0; i < 16; i++) bytes[8 + i] = Number.parseInt(id.slice(2 * i, 2 * i + 2), 16);
  view.setUint32(24, domain);
  return bytes;
}

/** Undefined for what is no beacon. */
export function parseBeacon(bytes: Uint8Array): Beacon | undefined {
  if (bytes.length !== BEACON_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0) !== MAGIC || bytes[4] !== VERSION || ((bytes[5] as number) & ~LEAVING) !== 0) return undefined;
  const port = view.getUint16(6);
  if (port === 0) return undefined;
  const id = [...bytes.subarray(8, 24)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { id, port, domain: view.getUint32(24), isLeaving: bytes[5] === LEAVING };
}

/** The number of a domain by its name. */
export function domainOf(name: string): number {
  return new DataView(hashOf(new TextEncoder().encode(name)).slice(0, 4).buffer).getUint32(0);
}

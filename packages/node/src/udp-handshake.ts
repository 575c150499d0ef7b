// How two sides agree on a pair of streams over UDP, which udx itself leaves open. Pure: datagrams to fields and back.
//
//   "TRPU"  kind  0 0 0  nonce (8)  stream (4)  port (2)  0 0  cookie (16)  … up to 64 bytes
//
// Who dials asks; who listens answers with a cookie that only somebody at that address can have, and keeps nothing until it
// comes back. So a forged address costs nothing, and an answer is never longer than its question.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** The length of every datagram of a handshake, in bytes. */
export const HANDSHAKE_BYTES = 64;

const MAGIC = 0x5452_5055;

export const HandshakeKind = { ask: 1, cookie: 2, confirm: 3, accept: 4, refuse: 5 } as const;
export type HandshakeKind = (typeof HandshakeKind)[keyof typeof HandshakeKind];

/** One datagram. */
export interface Handshake {
  readonly kind: HandshakeKind;
  /** Chosen by who dials, for this attempt. */
  readonly nonce: Buffer;
  /** The sender's stream. */
  readonly stream: number;
  /** Where that stream is, if not where the datagram came from; 0 otherwise. */
  readonly port: number;
  readonly cookie: Buffer;
}

export function encodeHandshake({
  kind,
  nonce,
  stream,
  port,
  cookie,
}: Partial<Handshake> & Pick<Handshake, "kind">): Buffer {
  const bytes = Buffer.alloc(HANDSHAKE_BYTES);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes[4] = kind;
  nonce?.copy(bytes, 8);
  bytes.writeUInt32LE(stream ?? 0, 16);
  bytes.writeUInt16LE(port ?? 0, 20);
  cookie?.copy(bytes, 24);
  return bytes;
}

/** Undefined for what is no datagram of a handshake. */
export function parseHandshake(bytes: Buffer): Handshake | undefined {
  if (bytes.length !== HANDSHAKE_BYTES || bytes.readUInt32BE(0) !== MAGIC) return undefined;
  const kind = bytes[4] as HandshakeKind;
  if (kind < HandshakeKind.ask || kind > HandshakeKind.refuse) return undefined;
  return {
    kind,
    nonce: Buffer.from(bytes.subarray(8, 16)),
    stream: bytes.readUInt32LE(16),
    port: bytes.readUInt16LE(20),
    cookie: Buffer.from(bytes.subarray(24, 40)),
  };
}

/** How long a cookie is good for at least, in milliseconds. */
export const COOKIE_MS = 5000;

/** Makes cookies, and knows its own again without having kept any. */
export class Cookies {
  readonly #secret = randomBytes(32);

  /** `now` is in milliseconds. */
  of(nonce: Buffer, host: string, port: number, now: number): Buffer {
    const slot = Math.floor(now / COOKIE_MS);
    return createHmac("sha256", this.#secret).update(nonce).update(`${host} ${port} ${slot}`).digest().subarray(0, 16);
  }

  /** One is good for as long as it says, and for no longer than twice that. */
  isOwn(cookie: Buffer, nonce: Buffer, host: string, port: number, now: number): boolean {
    return [now, now - COOKIE_MS].some((at) => timingSafeEqual(cookie, this.of(nonce, host, port, at)));
  }
}

// The contract of a wire format: bytes to frames and back. It knows nothing of sockets, peers or time.
// `troupe-cbor.ts` is the native one; every implementation runs the conformance suite of `@troupe/core/testing`.

import type { FrameWriter } from "./frame-writer.js";
import type { WireLimits } from "./limits.js";

/** What frames say. The numbers are those of the native format. */
export const FrameKind = {
  hello: 1,
  provide: 2,
  withdraw: 3,
  call: 4,
  send: 5,
  reply: 6,
  error: 7,
  refuse: 8,
  cancel: 9,
  credit: 10,
  ping: 11,
  pong: 12,
  watch: 13,
  goodbye: 14,
  stream: 15,
  item: 16,
  input: 17,
  inputsEnd: 18,
  inputsStop: 19,
  allow: 20,
  allowInputs: 21,
  begin: 22,
  part: 23,
  allowParts: 24,
  drop: 25,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** The fields of a frame besides its payload. Which of them a kind has is said in docs/reference/protocol.md. */
export interface FrameHeader {
  kind: number;
  /** ConnID, slot, token or count, as the kind says; an unsigned 32-bit number. */
  id: number;
  /** The slot under which the receiver provides the service. */
  service: number;
  /** The index of the message in the service, as announced by the receiver; or items of credit. */
  message: number;
  /** Milliseconds that the caller still waits; or bytes of credit, or of a frame that comes in parts. */
  amount: number;
  /** Whether inputs follow, of a call or stream. */
  hasInputs?: boolean;
  /** What travels beside the payload, encoded, of a call, send or stream. */
  metadata?: Uint8Array | undefined;
}

/** How long the frames may be that the receiver takes. */
export interface FrameSizes {
  /** The longest that goes whole, header included; longer ones go in parts. */
  readonly wholeBytesMax: number;
  /** The longest at all. */
  readonly messageBytesMax: number;
}

/** Frames of up to `bytesMax` bytes go whole, and there are no longer ones. */
export function wholeUpTo(bytesMax: number): FrameSizes {
  return { wholeBytesMax: bytesMax, messageBytesMax: bytesMax };
}

/** A frame that is too long to go whole: two pieces of memory, one behind the other. Whoever made `body` may still own it. */
export interface LongFrame {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

/** One connection's half of a format that reads. Holds the bytes of frames that are not whole yet, and nothing else. */
export interface FrameReader {
  /** The frame that `next` found. The same object every time: read it before the next `next`. */
  readonly frame: Readonly<FrameHeader>;
  /** The longest frame that is taken from now on; less than the limit while the other side is a stranger. */
  frameBytesMax: number;
  /** Bytes held that were not taken as frames yet. */
  readonly buffered: number;
  /** Takes bytes, cut anywhere; they must not change afterwards. */
  push(bytes: Uint8Array): void;
  /** Moves to the next whole frame. Throws `WireError` when the bytes are not this format; nothing can follow then. */
  next(): boolean;
  /** Makes a frame that came in parts the one at hand. Its bytes belong to the reader from now on. Throws as `next`. */
  assembled(bytes: Uint8Array): void;
  /** The same for a frame whose payload is one byte string: the second piece is that, and becomes the value itself. */
  assembledBeside(head: Uint8Array, body: Uint8Array): void;
  /** Whether the frame has a payload at all. */
  readonly hasPayload: boolean;
  /** The length of the frame in bytes, header included. */
  readonly frameBytes: number;
  /** The payload, validated and decoded. What it returns owns its memory. Throws `WireError` `payload-invalid`. */
  value(): unknown;
  /** How long what travels beside the payload is, in bytes; 0 if there is nothing. */
  readonly metadataBytes: number;
  /** What travels beside the payload, decoded likewise; undefined if there is none. */
  metadata(): unknown;
  /** The payload as it is, in the memory that it came in: only until the next `next`. */
  payload(): Uint8Array;
  /** The undecoded payload in memory of its own, to be given to `decode` later or to be forwarded. */
  copyPayload(): Uint8Array;
  /** What `value` would have given for a payload kept by `copyPayload`, which may be a part of the result from then on. */
  decode(payload: Uint8Array): unknown;
}

/** Bytes ↔ frames. */
export interface WireFormat {
  readonly name: string;
  /** The other side may leave what was given up unanswered, show no sign of life, and end without a goodbye. */
  readonly isTerse?: boolean;
  /** Of a format that keeps something for each connection: makes the one for a connection. */
  forConnection?(): WireFormat;
  /** Of a format without announcements: this side provides a contract under a slot. May throw `WireError`. */
  provided?(slot: number, contract: unknown): void;
  /** The same: the other side is taken to provide a contract, and `services` is to be told what it would announce. */
  assumed?(contract: unknown, services: { provide(slot: number, announcement: unknown): void }): void;
  /** Makes the reading half for one connection. */
  reader(limits: WireLimits): FrameReader;
  /**
   * Encodes a payload apart from a frame, for `forward`; one that is `Encoded` is returned as it is. Throws `WireError`
   * `payload-unsupported` or `payload-too-long`.
   */
  encode(value: unknown, bytesMax?: number): Uint8Array;
  /**
   * Appends one frame, with an `Encoded` payload as it is, and returns its length in bytes; or, if it is too long to go
   * whole, appends nothing and returns it. Throws `WireError`, having appended nothing, if it cannot be.
   */
  write(writer: FrameWriter, header: FrameHeader, payload: unknown, sizes: FrameSizes): number | LongFrame;
  /** The same with a payload that is encoded already. */
  forward(writer: FrameWriter, header: FrameHeader, payload: Uint8Array, sizes: FrameSizes): number | LongFrame;
}

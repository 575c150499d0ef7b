// Troupe's native wire format. docs/reference/protocol.md is the specification; the two change together.
//
//   0        3      4            8                  12           16
//   ┌────────┬──────┬────────────┬────────┬─────────┬────────────┬─────────┐
//   │ length │ kind │ id         │ service│ message │ amount     │ payload │   call, watch
//   ├────────┼──────┼────────────┼────────┴─────────┼────────────┴─────────┘
//   │ length │ kind │ id         │ amount           │                          credit
//   ├────────┼──────┼──────┬─────┼──────────────────┴──────────────────────┐
//   │ length │ kind │ serv.│ msg.│ payload                                 │   send
//   ├────────┼──────┼──────┴─────┼─────────────────────────────────────────┤
//   │ length │ kind │ id         │ payload                                 │   all others
//   └────────┴──────┴────────────┴─────────────────────────────────────────┘
//
// All numbers are little-endian and unsigned. `length` counts the bytes behind the first eight.

import { checkEncoded, copyEncoded, encode, PayloadDecoder } from "./cbor.js";
import { WireError } from "./error.js";
import type { FrameWriter } from "./frame-writer.js";
import type { WireLimits } from "./limits.js";
import { Validator } from "./validator.js";
import { FrameKind, type FrameHeader, type FrameReader, type WireFormat } from "./wire-format.js";

const HEAD_BYTES = 8;
const ROUTED_BYTES = 16;
const CREDIT_BYTES = 12;
/** What 24 bits of length can say, behind the first eight bytes. */
const FRAME_BYTES_LIMIT = HEAD_BYTES + 0xff_ffff;
/** What a frame that is not whole yet gets at most at first; it then doubles with what has really arrived. */
const PARTIAL_BYTES = 64 * 1024;

/** How long the header of a kind is, in bytes. */
function headerBytes(kind: number): number {
  if (kind === FrameKind.call || kind === FrameKind.watch) return ROUTED_BYTES;
  return kind === FrameKind.credit ? CREDIT_BYTES : HEAD_BYTES;
}

/** Whether frames of a kind end with one CBOR item. */
function carriesPayload(kind: number): boolean {
  switch (kind) {
    case FrameKind.hello:
    case FrameKind.provide:
    case FrameKind.call:
    case FrameKind.send:
    case FrameKind.reply:
    case FrameKind.error:
    case FrameKind.refuse:
    case FrameKind.goodbye:
      return true;
    default:
      return false;
  }
}

function isKnown(kind: number): boolean {
  return kind >= FrameKind.hello && kind <= FrameKind.goodbye;
}

function writeHeader(writer: FrameWriter, header: FrameHeader, at: number, frameBytes: number): void {
  const { view } = writer;
  const { kind } = header;
  view.setUint32(at, (frameBytes - HEAD_BYTES) | (kind << 24), true);
  if (kind === FrameKind.send) {
    view.setUint32(at + 4, header.service | (header.message << 16), true);
    return;
  }
  view.setUint32(at + 4, header.id, true);
  if (kind === FrameKind.call || kind === FrameKind.watch) {
    view.setUint32(at + 8, header.service | (header.message << 16), true);
    view.setUint32(at + 12, header.amount, true);
  } else if (kind === FrameKind.credit) {
    view.setUint32(at + 8, header.amount, true);
  }
}

function checkLength(frameBytes: number, frameBytesMax: number): void {
  if (frameBytes > frameBytesMax || frameBytes > FRAME_BYTES_LIMIT) {
    const limit = `frameBytesMax of the receiver, ${Math.min(frameBytesMax, FRAME_BYTES_LIMIT)}`;
    throw new WireError("payload-too-long", `a frame of ${frameBytes} bytes is longer than ${limit}`);
  }
}

/** Frames with an 8- to 16-byte header and one CBOR item. */
export const troupeCbor: WireFormat = {
  name: "troupe-cbor",

  reader: (limits) => new TroupeCborReader(limits),

  encode(value) {
    const length = encode(value, FRAME_BYTES_LIMIT);
    checkEncoded();
    checkLength(HEAD_BYTES + length, FRAME_BYTES_LIMIT);
    const payload = new Uint8Array(length);
    copyEncoded(payload, 0);
    return payload;
  },

  write(writer, header, payload, frameBytesMax) {
    const payloadAt = headerBytes(header.kind);
    const frameBytes = carriesPayload(header.kind)
      ? payloadAt + encode(payload, Math.min(frameBytesMax, FRAME_BYTES_LIMIT))
      : payloadAt;
    // Whoever calls, or answers, is told by the other side. A send has nobody else to tell; the look costs a twentieth.
    if (header.kind === FrameKind.send) checkEncoded();
    checkLength(frameBytes, frameBytesMax);
    writer.reserve(frameBytes);
    const at = writer.end;
    writeHeader(writer, header, at, frameBytes);
    if (frameBytes > payloadAt) copyEncoded(writer.bytes, at + payloadAt);
    writer.end = at + frameBytes;
    return frameBytes;
  },

  forward(writer, header, payload, frameBytesMax) {
    const payloadAt = headerBytes(header.kind);
    const frameBytes = payloadAt + payload.length;
    checkLength(frameBytes, frameBytesMax);
    writer.reserve(frameBytes);
    const at = writer.end;
    writeHeader(writer, header, at, frameBytes);
    writer.bytes.set(payload, at + payloadAt);
    writer.end = at + frameBytes;
    return frameBytes;
  },
};

/** Finds frames in a stream of bytes that may be cut anywhere. */
class TroupeCborReader implements FrameReader {
  readonly frame: FrameHeader = { kind: 0, id: 0, service: 0, message: 0, amount: 0 };
  frameBytesMax: number;
  frameBytes = 0;
  readonly #validator: Validator;
  readonly #decoder = new PayloadDecoder();

  /** The chunk that frames are taken from, and those behind it. */
  #chunk: Uint8Array | undefined;
  #position = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  /** The beginning of a frame whose end has not arrived, out of earlier chunks. */
  #partial: Uint8Array | undefined;
  #partialLength = 0;

  /** Where the payload of the frame at hand is, and whether that is a buffer of its own. */
  #source: Uint8Array | undefined;
  #isAssembled = false;
  #payloadStart = 0;
  #payloadEnd = 0;

  constructor(limits: WireLimits) {
    this.frameBytesMax = limits.frameBytesMax;
    this.#validator = new Validator(limits);
  }

  get buffered(): number {
    const left = this.#chunk === undefined ? 0 : this.#chunk.length - this.#position;
    return left + this.#waitingBytes + this.#partialLength;
  }

  get hasPayload(): boolean {
    return carriesPayload(this.frame.kind);
  }

  push(bytes: Uint8Array): void {
    if (this.#chunk === undefined) {
      this.#chunk = bytes;
      this.#position = 0;
    } else {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
    }
  }

  next(): boolean {
    this.#source = undefined;
    for (;;) {
      const chunk = this.#chunk;
      if (chunk === undefined) return false;
      if (this.#partialLength === 0) {
        const left = chunk.length - this.#position;
        if (left >= HEAD_BYTES) {
          const frameBytes = this.#frameBytesAt(chunk, this.#position);
          if (left >= frameBytes) {
            this.#take(chunk, this.#position, frameBytes);
            this.#position += frameBytes;
            if (this.#position === chunk.length) this.#nextChunk();
            return true;
          }
        }
      }
      if (this.#completePartial(chunk)) return true;
    }
  }

  value(): unknown {
    const bytes = this.#source ?? NOTHING;
    const start = this.#payloadStart;
    const end = this.#payloadEnd;
    this.#validator.check(bytes, start, end);
    // A frame that came in pieces was put together for this reader alone. If it is little more than one byte string,
    // that may stay where it is; several would each keep all of it alive.
    const isOneByteString = this.#validator.byteStrings === 1 && this.#validator.byteStringBytes * 2 > end - start;
    return this.#isAssembled && isOneByteString
      ? this.#decoder.decodeOwned(bytes, start, end)
      : this.#decoder.decode(bytes, start, end);
  }

  copyPayload(): Uint8Array {
    // A plain Uint8Array, whatever the chunk is: `slice` of a Node Buffer would share its memory.
    return Uint8Array.prototype.slice.call(this.#source ?? NOTHING, this.#payloadStart, this.#payloadEnd);
  }

  decode(payload: Uint8Array): unknown {
    this.#validator.check(payload, 0, payload.length);
    return this.#decoder.decode(payload, 0, payload.length);
  }

  #frameBytesAt(bytes: Uint8Array, at: number): number {
    const length = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
    const frameBytes = HEAD_BYTES + length;
    if (frameBytes > this.frameBytesMax) {
      throw new WireError(
        "frame-too-long",
        `a frame of ${frameBytes} bytes is over the limit of ${this.frameBytesMax}`,
      );
    }
    return frameBytes;
  }

  #take(bytes: Uint8Array, at: number, frameBytes: number): void {
    const { frame } = this;
    const kind = bytes[at + 3] as number;
    const payloadAt = headerBytes(kind);
    if (frameBytes < payloadAt) throw new WireError("frame-malformed", `a frame of kind ${kind} ends in its header`);
    if (frameBytes > payloadAt && isKnown(kind) && !carriesPayload(kind)) {
      throw new WireError(
        "frame-malformed",
        `a frame of kind ${kind} has no payload, but this one is ${frameBytes} bytes long`,
      );
    }
    frame.kind = kind;
    if (kind === FrameKind.send) {
      frame.id = 0;
      frame.service = uint16(bytes, at + 4);
      frame.message = uint16(bytes, at + 6);
    } else {
      frame.id = uint32(bytes, at + 4);
      if (payloadAt === ROUTED_BYTES) {
        frame.service = uint16(bytes, at + 8);
        frame.message = uint16(bytes, at + 10);
        frame.amount = uint32(bytes, at + 12);
      } else if (payloadAt === CREDIT_BYTES) {
        frame.amount = uint32(bytes, at + 8);
      }
    }
    this.frameBytes = frameBytes;
    this.#isAssembled = false;
    this.#source = bytes;
    this.#payloadStart = at + payloadAt;
    this.#payloadEnd = at + frameBytes;
  }

  #nextChunk(): void {
    this.#chunk = this.#waiting.shift();
    this.#position = 0;
    if (this.#chunk !== undefined) this.#waitingBytes -= this.#chunk.length;
  }

  /** Moves bytes of `chunk` to the partial frame; true when that is whole and taken. */
  #completePartial(chunk: Uint8Array): boolean {
    if (this.#partialLength < HEAD_BYTES && !this.#collect(chunk, HEAD_BYTES)) return false;
    const frameBytes = this.#frameBytesAt(this.#partial as Uint8Array, 0);
    if (this.#partialLength < frameBytes && !this.#collect(this.#chunk, frameBytes)) return false;
    this.#take(this.#partial as Uint8Array, 0, frameBytes);
    this.#isAssembled = true;
    this.#partial = undefined;
    this.#partialLength = 0;
    return true;
  }

  /** Fills the partial frame up to `wanted` bytes from `chunk`; false when the chunk was not enough. */
  #collect(chunk: Uint8Array | undefined, wanted: number): boolean {
    if (chunk === undefined) return false;
    const count = Math.min(wanted - this.#partialLength, chunk.length - this.#position);
    const length = this.#partialLength + count;
    if (this.#partial === undefined || this.#partial.length < length) {
      const grown = new Uint8Array(Math.min(wanted, Math.max(length, this.#partialLength * 2, PARTIAL_BYTES)));
      if (this.#partial !== undefined) grown.set(this.#partial.subarray(0, this.#partialLength));
      this.#partial = grown;
    }
    this.#partial.set(chunk.subarray(this.#position, this.#position + count), this.#partialLength);
    this.#partialLength = length;
    this.#position += count;
    if (this.#position === chunk.length) this.#nextChunk();
    return length === wanted;
  }
}

const NOTHING = new Uint8Array(0);

function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

function uint32(bytes: Uint8Array, at: number): number {
  return (uint16(bytes, at) | (uint16(bytes, at + 2) << 16)) >>> 0;
}

// The reading half of Troupe's native wire format: finds frames in a stream of bytes that may be cut anywhere.

import { PayloadDecoder } from "./cbor.js";
import { WireError } from "./error.js";
import type { WireLimits } from "./limits.js";
import {
  carriesPart,
  carriesPayload,
  CREDIT_BYTES,
  flagsOf,
  HEAD_BYTES,
  headerBytes,
  INPUTS_FLAG,
  isKnown,
  KIND_BITS,
  METADATA_BYTES_LIMIT,
  METADATA_FLAG,
  ROUTED_BYTES,
  uint16,
  uint32,
} from "./troupe-header.js";
import { Validator } from "./validator.js";
import { FrameKind, type FrameHeader, type FrameReader } from "./wire-format.js";

/** What a frame that is not whole yet gets at most at first; it then doubles with what has really arrived. */
const PARTIAL_BYTES = 128 * 1024;

/** Finds frames in a stream of bytes that may be cut anywhere. */
export class TroupeCborReader implements FrameReader {
  readonly frame: FrameHeader & { hasInputs: boolean } = {
    kind: 0,
    id: 0,
    service: 0,
    message: 0,
    amount: 0,
    hasInputs: false,
  };
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
  /** The bytes of a byte string whose head is all of the payload that is in `#source`. */
  #beside: Uint8Array | undefined;
  #metadataStart = 0;
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

  push(given: Uint8Array): void {
    // A plain Uint8Array, whatever the chunk is: of Node's Buffers, making a view of each frame costs several times that.
    const { buffer, byteOffset, length } = given;
    const bytes = given.constructor === Uint8Array ? given : new Uint8Array(buffer, byteOffset, length);
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

  assembled(bytes: Uint8Array): void {
    if (bytes.length < HEAD_BYTES) throw new WireError("frame-malformed", "a frame ends in its header");
    this.#take(bytes, 0, bytes.length);
    if (!carriesPayload(this.frame.kind)) {
      throw new WireError("frame-malformed", `a frame of kind ${this.frame.kind} does not come in parts`);
    }
    this.#isAssembled = true;
  }

  assembledBeside(head: Uint8Array, body: Uint8Array): void {
    this.assembled(head);
    const at = this.#payloadStart;
    const view = new DataView(head.buffer, head.byteOffset, head.length);
    if (this.#payloadEnd !== at + 5 || head[at] !== 0x5a || view.getUint32(at + 1) !== body.length) {
      throw new WireError("frame-malformed", "what came beside does not fit its frame");
    }
    this.#beside = body;
    this.frameBytes += body.length;
  }

  value(): unknown {
    if (this.#beside !== undefined) return this.#beside;
    return this.#decode(this.#source ?? NOTHING, this.#payloadStart, this.#payloadEnd, this.#isAssembled);
  }

  get metadataBytes(): number {
    return this.#metadataStart === 0 ? 0 : this.#payloadStart - this.#metadataStart;
  }

  metadata(): unknown {
    // Two bytes of length are ahead of it, and the payload behind.
    if (this.#metadataStart === 0) return undefined;
    return this.#decode(this.#source ?? NOTHING, this.#metadataStart, this.#payloadStart, false);
  }

  payload(): Uint8Array {
    const here = (this.#source ?? NOTHING).subarray(this.#payloadStart, this.#payloadEnd);
    if (this.#beside === undefined) return here;
    const joined = new Uint8Array(here.length + this.#beside.length);
    joined.set(here);
    joined.set(this.#beside, here.length);
    return joined;
  }

  copyPayload(): Uint8Array {
    return this.#isAssembled ? this.payload() : (this.#source ?? NOTHING).slice(this.#payloadStart, this.#payloadEnd);
  }

  decode(payload: Uint8Array): unknown {
    return this.#decode(payload, 0, payload.length, true);
  }

  #decode(bytes: Uint8Array, start: number, end: number, isOwned: boolean): unknown {
    this.#validator.check(bytes, start, end);
    // Memory of its own may stay where it is if it is little more than one byte string; of several, each would keep all
    // of it alive.
    const isOneByteString = this.#validator.byteStrings === 1 && this.#validator.byteStringBytes * 2 > end - start;
    return isOwned && isOneByteString
      ? this.#decoder.decodeOwned(bytes, start, end)
      : this.#decoder.decode(bytes, start, end);
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
    const kindByte = bytes[at + 3] as number;
    const flags = kindByte & ~KIND_BITS & flagsOf(kindByte & KIND_BITS);
    const kind = kindByte - flags;
    let payloadAt = headerBytes(kind);
    if (frameBytes < payloadAt) throw new WireError("frame-malformed", `a frame of kind ${kind} ends in its header`);
    if (frameBytes > payloadAt && isKnown(kind) && !carriesPayload(kind) && !carriesPart(kind)) {
      throw new WireError("frame-malformed", `a frame of kind ${kind} is ${frameBytes} bytes long`);
    }
    frame.kind = kind;
    frame.hasInputs = (flags & INPUTS_FLAG) !== 0;
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
    this.#metadataStart = 0;
    if ((flags & METADATA_FLAG) !== 0) {
      const length = frameBytes < payloadAt + 2 ? METADATA_BYTES_LIMIT : uint16(bytes, at + payloadAt);
      this.#metadataStart = at + payloadAt + 2;
      payloadAt += 2 + length;
      if (frameBytes < payloadAt) throw new WireError("frame-malformed", "a frame ends in its metadata");
    }
    this.frameBytes = frameBytes;
    this.#isAssembled = false;
    this.#beside = undefined;
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

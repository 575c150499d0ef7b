// Troupe's native wire format: frames with an 8- to 16-byte header and one CBOR item. troupe-header.ts has the layout.

import { checkEncoded, copyEncoded, encode } from "./cbor.js";
import { Encoded } from "./encoded.js";
import { WireError } from "./error.js";
import type { FrameWriter } from "./frame-writer.js";
import { WIRE_LIMITS } from "./limits.js";
import { carriesPayload, FRAME_BYTES_LIMIT, HEAD_BYTES, headBytes, writeHead } from "./troupe-header.js";
import { TroupeCborReader } from "./troupe-reader.js";
import { FrameKind, type FrameHeader, type FrameSizes, type LongFrame, type WireFormat } from "./wire-format.js";

/** From this length on a byte string is copied once, into the frame, and does not pass through cbor-x. */
const BYTE_STRING_BYTES_MIN = 1024;
const NOTHING = new Uint8Array(0);

function checkLength(frameBytes: number, bytesMax: number): void {
  if (frameBytes > bytesMax) {
    throw new WireError("payload-too-long", `a message of ${frameBytes} bytes is over the limit of ${bytesMax}`);
  }
}

function goesInParts(frameBytes: number, { wholeBytesMax }: FrameSizes): boolean {
  return frameBytes > wholeBytesMax || frameBytes > FRAME_BYTES_LIMIT;
}

/** A frame whose payload is `body`, with `prefix` ahead of it. Its own length does not matter: the parts have theirs. */
function longFrame(header: FrameHeader, prefix: Uint8Array, body: Uint8Array): LongFrame {
  const bytes = headBytes(header);
  const head = new Uint8Array(bytes + prefix.length);
  writeHead(head, new DataView(head.buffer), header, 0, HEAD_BYTES);
  head.set(prefix, bytes);
  return { head, body };
}

/** The head of a CBOR byte string. */
function byteStringHead(length: number): Uint8Array {
  if (length <= 0xffff) return Uint8Array.of(0x59, length >> 8, length & 0xff);
  return Uint8Array.of(0x5a, length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff);
}

/** Appends a frame of what is encoded already, in up to two pieces; or returns it if it is too long. */
function append(
  writer: FrameWriter,
  header: FrameHeader,
  prefix: Uint8Array,
  body: Uint8Array,
  sizes: FrameSizes,
): number | LongFrame {
  const bodyAt = headBytes(header) + prefix.length;
  const frameBytes = bodyAt + body.length;
  checkLength(frameBytes, sizes.messageBytesMax);
  if (goesInParts(frameBytes, sizes)) return longFrame(header, prefix, body);
  writer.reserve(frameBytes);
  const at = writer.end;
  writeHead(writer.bytes, writer.view, header, at, frameBytes);
  writer.bytes.set(prefix, at + bodyAt - prefix.length);
  writer.bytes.set(body, at + bodyAt);
  writer.end = at + frameBytes;
  return frameBytes;
}

/** Frames with an 8- to 16-byte header and one CBOR item. */
export const troupeCbor: WireFormat = {
  name: "troupe-cbor",

  reader: (limits) => new TroupeCborReader(limits),

  encode(value, bytesMax = WIRE_LIMITS.messageBytesMax) {
    if (value instanceof Encoded) return value.bytes;
    const length = encode(value, bytesMax);
    checkEncoded();
    checkLength(length, bytesMax);
    const payload = new Uint8Array(length);
    copyEncoded(payload, 0);
    return payload;
  },

  write(writer, header, payload, sizes) {
    if (payload instanceof Encoded) return append(writer, header, NOTHING, payload.bytes, sizes);
    if (payload instanceof Uint8Array && payload.length >= BYTE_STRING_BYTES_MIN && carriesPayload(header.kind)) {
      return append(writer, header, byteStringHead(payload.length), payload, sizes);
    }
    const payloadAt = headBytes(header);
    const frameBytes = carriesPayload(header.kind) ? payloadAt + encode(payload, sizes.messageBytesMax) : payloadAt;
    // Whoever calls, or answers, is told by the other side. A send has nobody else to tell; the look costs a twentieth.
    if (header.kind === FrameKind.send) checkEncoded();
    checkLength(frameBytes, sizes.messageBytesMax);
    if (goesInParts(frameBytes, sizes)) {
      const body = new Uint8Array(frameBytes - payloadAt);
      copyEncoded(body, 0);
      return longFrame(header, NOTHING, body);
    }
    writer.reserve(frameBytes);
    const at = writer.end;
    writeHead(writer.bytes, writer.view, header, at, frameBytes);
    if (frameBytes > payloadAt) copyEncoded(writer.bytes, at + payloadAt);
    writer.end = at + frameBytes;
    return frameBytes;
  },

  forward: (writer, header, payload, sizes) => append(writer, header, NOTHING, payload, sizes),
};

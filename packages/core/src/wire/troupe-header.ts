// How the headers of Troupe's native wire format are laid out. docs/reference/protocol.md is the specification; the two
// change together.
//
//   0        3      4            8                  12           16
//   ┌────────┬──────┬────────────┬────────┬─────────┬────────────┬─────────┐
//   │ length │ kind │ id         │ service│ message │ amount     │ payload │   call, stream, watch, allow, allow-inputs
//   ├────────┼──────┼────────────┼────────┴─────────┼────────────┴─────────┤
//   │ length │ kind │ id         │ amount           │ bytes                │   credit, begin, allow-parts
//   ├────────┼──────┼──────┬─────┼──────────────────┴──────────────────────┤
//   │ length │ kind │ serv.│ msg.│ payload                                 │   send
//   ├────────┼──────┼──────┴─────┼─────────────────────────────────────────┤
//   │ length │ kind │ id         │ payload                                 │   all others
//   └────────┴──────┴────────────┴─────────────────────────────────────────┘
//
// All numbers are little-endian and unsigned. `length` counts the bytes behind the first eight. A call, stream or send
// with metadata has the bit 0x80 in its kind, and ahead of its payload two bytes of length and the metadata; one whose
// inputs follow has the bit 0x40.

import { FrameKind, type FrameHeader } from "./wire-format.js";

export const HEAD_BYTES = 8;
export const ROUTED_BYTES = 16;
export const CREDIT_BYTES = 12;
/** What 24 bits of length can say, behind the first eight bytes. */
export const FRAME_BYTES_LIMIT: number = HEAD_BYTES + 0xff_ffff;

export const METADATA_FLAG = 0x80;
export const INPUTS_FLAG = 0x40;
export const KIND_BITS = 0x3f;
export const METADATA_BYTES_LIMIT = 0xffff;

/** How long the header of a kind is, in bytes. */
export function headerBytes(kind: number): number {
  switch (kind) {
    case FrameKind.call:
    case FrameKind.stream:
    case FrameKind.watch:
    case FrameKind.allow:
    case FrameKind.allowInputs:
      return ROUTED_BYTES;
    case FrameKind.credit:
    case FrameKind.begin:
    case FrameKind.allowParts:
      return CREDIT_BYTES;
    default:
      return HEAD_BYTES;
  }
}

/** Whether frames of a kind end with one CBOR item. */
export function carriesPayload(kind: number): boolean {
  switch (kind) {
    case FrameKind.hello:
    case FrameKind.provide:
    case FrameKind.call:
    case FrameKind.send:
    case FrameKind.reply:
    case FrameKind.error:
    case FrameKind.refuse:
    case FrameKind.goodbye:
    case FrameKind.stream:
    case FrameKind.item:
    case FrameKind.input:
      return true;
    default:
      return false;
  }
}

/** Whether frames of a kind end with bytes that are a piece of another frame. */
export function carriesPart(kind: number): boolean {
  return kind === FrameKind.begin || kind === FrameKind.part;
}

export function isKnown(kind: number): boolean {
  return kind >= FrameKind.hello && kind <= FrameKind.drop;
}

/** The bits beside the number of a kind that mean something. */
export function flagsOf(kind: number): number {
  if (kind === FrameKind.call || kind === FrameKind.stream) return METADATA_FLAG | INPUTS_FLAG;
  return kind === FrameKind.send ? METADATA_FLAG : 0;
}

function writeHeader(view: DataView, header: FrameHeader, at: number, frameBytes: number): void {
  const { kind } = header;
  const flags = (header.metadata === undefined ? 0 : METADATA_FLAG) | (header.hasInputs === true ? INPUTS_FLAG : 0);
  view.setUint32(at, (frameBytes - HEAD_BYTES) | ((kind | flags) << 24), true);
  if (kind === FrameKind.send) {
    view.setUint32(at + 4, header.service | (header.message << 16), true);
    return;
  }
  view.setUint32(at + 4, header.id, true);
  const bytes = headerBytes(kind);
  if (bytes === ROUTED_BYTES) {
    view.setUint32(at + 8, header.service | (header.message << 16), true);
    view.setUint32(at + 12, header.amount, true);
  } else if (bytes === CREDIT_BYTES) {
    view.setUint32(at + 8, header.amount, true);
  }
}

/** Writes the header and what belongs to it, and returns how long that is. */
export function writeHead(
  target: Uint8Array,
  view: DataView,
  header: FrameHeader,
  at: number,
  frameBytes: number,
): number {
  writeHeader(view, header, at, frameBytes);
  const { metadata } = header;
  const bytes = headerBytes(header.kind);
  if (metadata === undefined) return bytes;
  view.setUint16(at + bytes, metadata.length, true);
  target.set(metadata, at + bytes + 2);
  return bytes + 2 + metadata.length;
}

export function headBytes({ kind, metadata }: FrameHeader): number {
  return headerBytes(kind) + (metadata === undefined ? 0 : 2 + metadata.length);
}

/** An unsigned number of two bytes. */
export function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

/** An unsigned number of four bytes. */
export function uint32(bytes: Uint8Array, at: number): number {
  return (uint16(bytes, at) | (uint16(bytes, at + 2) << 16)) >>> 0;
}

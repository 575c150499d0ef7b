// What travels beside an input, both halves: a map of texts, bounded by what the other side takes.

import { NO_METADATA, type Metadata } from "../actor/index.js";
import { WireError, type FrameReader } from "../wire/index.js";
import type { Channel } from "./channel.js";
import { PeerError } from "./error.js";

/**
 * The bytes of `metadata`; undefined if there is none.
 *
 * @throws PeerError `metadata-invalid` for anything but texts, `metadata-too-long` for more than the other side takes.
 */
export function encodeMetadata(metadata: Metadata | undefined, channel: Channel): Uint8Array | undefined {
  if (metadata === undefined) return undefined;
  const { metadataBytesMax } = channel.remoteLimits;
  const entries = Object.entries(metadata);
  if (entries.length === 0) return undefined;
  if (!entries.every(([, value]) => typeof value === "string")) {
    throw new PeerError("metadata-invalid", "metadata are texts by their names");
  }
  const tooLong = new PeerError("metadata-too-long", `the other side takes ${metadataBytesMax} bytes of metadata`);
  if (entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0) > metadataBytesMax) throw tooLong;
  let bytes: Uint8Array;
  try {
    bytes = channel.format.encode(Object.fromEntries(entries));
  } catch (error) {
    throw new PeerError("metadata-invalid", "this metadata cannot be sent", { cause: error });
  }
  if (bytes.length > metadataBytesMax) throw tooLong;
  return bytes;
}

/**
 * The metadata of the frame at hand.
 *
 * @throws WireError `metadata-invalid`
 */
export function readMetadata(reader: FrameReader, bytesMax: number): Metadata {
  const value = reader.metadata();
  if (value === undefined) return NO_METADATA;
  const entries =
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [["", 0]];
  if (reader.metadataBytes > bytesMax || !entries.every(([, text]) => typeof text === "string")) {
    throw new WireError("metadata-invalid", `metadata is a map of texts, of at most ${bytesMax} bytes`);
  }
  return Object.freeze(Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(entries)));
}

export { Encoded } from "./encoded.js";
export { WireError } from "./error.js";
export { FrameBuffer, FrameWriter } from "./frame-writer.js";
export { PART_BYTES_MAX, WHOLE_BYTES_MAX, WIRE_LIMITS, type WireLimits } from "./limits.js";
export { troupeCbor } from "./troupe-cbor.js";
export {
  FrameKind,
  wholeUpTo,
  type FrameHeader,
  type FrameReader,
  type FrameSizes,
  type LongFrame,
  type WireFormat,
} from "./wire-format.js";

export { WireError } from "./error.js";
export { FrameBuffer, FrameWriter } from "./frame-writer.js";
export { WIRE_LIMITS, type WireLimits } from "./limits.js";
export { troupeCbor } from "./troupe-cbor.js";
export { FrameKind, type FrameHeader, type FrameReader, type WireFormat } from "./wire-format.js";

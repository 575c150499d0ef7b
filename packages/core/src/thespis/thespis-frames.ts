// The frames of thespis_remote, both halves. Pure bytes: it knows no services and no calls.
//
//   0             8              16        24
//   ┌─────────────┬──────────────┬─────────┬─────────┐
//   │ length      │ service id   │ ConnID  │ payload │   little-endian; the length is that of the whole frame
//   └─────────────┴──────────────┴─────────┴─────────┘

import { WireError, type FrameSizes, type FrameWriter } from "../wire/index.js";

/** The length of a header, in bytes. */
export const THESPIS_HEAD_BYTES = 24;

const BUFFER_BYTES = 4096;
const BUFFER_BYTES_KEPT = 1024 * 1024;

/** Appends a frame, and returns its length. @throws WireError `payload-too-long` */
export function writeThespisFrame(
  writer: FrameWriter,
  serviceId: bigint,
  connId: bigint,
  payload: Uint8Array,
  { messageBytesMax }: FrameSizes,
): number {
  const frameBytes = THESPIS_HEAD_BYTES + payload.length;
  if (frameBytes > messageBytesMax) {
    throw new WireError("payload-too-long", `a message of ${frameBytes} bytes is over the limit of ${messageBytesMax}`);
  }
  writer.reserve(frameBytes);
  const at = writer.end;
  writer.view.setBigUint64(at, BigInt(frameBytes), true);
  writer.view.setBigUint64(at + 8, serviceId, true);
  writer.view.setBigUint64(at + 16, connId, true);
  writer.bytes.set(payload, at + THESPIS_HEAD_BYTES);
  writer.end = at + frameBytes;
  return frameBytes;
}

/** Finds frames in a stream of bytes that may be cut anywhere. */
export class ThespisFrames {
  frameBytesMax: number;
  serviceId = 0n;
  connId = 0n;
  /** In memory that the next `push` may change. */
  payload: Uint8Array = NOTHING;
  #bytes: Uint8Array = NOTHING;
  #view: DataView = new DataView(NOTHING.buffer);
  #start = 0;
  #end = 0;

  constructor(frameBytesMax: number) {
    this.frameBytesMax = frameBytesMax;
  }

  get buffered(): number {
    return this.#end - this.#start;
  }

  push(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Moves to the next whole frame. @throws WireError `frame-malformed`, `frame-too-long` */
  next(): boolean {
    const at = this.#start;
    if (this.buffered < 8) return false;
    const length = this.#view.getBigUint64(at, true);
    if (length < THESPIS_HEAD_BYTES) throw new WireError("frame-malformed", `a frame of ${length} bytes has no header`);
    if (length > this.frameBytesMax) {
      throw new WireError("frame-too-long", `a frame of ${length} bytes is over the limit of ${this.frameBytesMax}`);
    }
    const end = at + Number(length);
    if (end > this.#end) return false;
    this.serviceId = this.#view.getBigUint64(at + 8, true);
    this.connId = this.#view.getBigUint64(at + 16, true);
    this.payload = this.#bytes.subarray(at + THESPIS_HEAD_BYTES, end);
    this.#start = end;
    return true;
  }

  #reserve(count: number): void {
    const held = this.buffered;
    if (held === 0) this.#start = this.#end = 0;
    const isTooLarge = held === 0 && this.#bytes.length > BUFFER_BYTES_KEPT;
    if (this.#bytes.length - this.#end >= count && !isTooLarge) return;
    const needed = held + count;
    // Twice as much as there is, so that bytes one by one are not moved each time.
    const fits = needed <= this.#bytes.length / 2;
    const target = fits ? this.#bytes : new Uint8Array(Math.max(BUFFER_BYTES, needed * 2));
    target.set(this.#bytes.subarray(this.#start, this.#end));
    if (!fits) this.#view = new DataView(target.buffer);
    this.#bytes = target;
    this.#start = 0;
    this.#end = held;
  }
}

const NOTHING = new Uint8Array(0);

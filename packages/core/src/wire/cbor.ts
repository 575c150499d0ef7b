// The only file that knows cbor-x. It encodes JavaScript values and decodes bytes that the validator has passed; it
// knows nothing of frames.
//
// cbor-x writes into a buffer of its own, module-wide, that grows with the largest value; `REUSE | RESET` leaves the
// result there, to be copied before the next call. Copying a small message costs 30 ns, pointing cbor-x at another
// buffer 100 ns. It grows that buffer by `copy`, which is replaced on ours, so as to stop at what is too long to travel:
// an array of four billion holes would otherwise be written out before anybody counts. Decoding copies what it keeps
// (`copyBuffers`); a small payload is first moved into a scratch buffer, which is a fifth faster than a view of its own
// for every payload.

import { Decoder, Encoder } from "#cbor-x";
import { WireError } from "./error.js";
import type { WireLimits } from "./limits.js";
import { Validator } from "./validator.js";

/** Encoded bytes inside cbor-x's buffer: good until the next `encode`. `copy` is there on Node. */
interface Encoded extends Uint8Array {
  readonly start: number;
  readonly end: number;
  copy?: CopyBytes;
}

type CopyBytes = (this: Uint8Array, target: Encoded, targetStart: number, start: number, end: number) => number;

interface ReusingEncoder {
  encode(value: unknown, mode: number): Encoded;
  useBuffer(buffer: Uint8Array): void;
}

interface BoundedDecoder {
  decode(bytes: Uint8Array, end?: number): unknown;
}

/** cbor-x's REUSE_BUFFER_MODE (leave the result in the buffer) and RESET_BUFFER_MODE (start from the same place again). */
const MODE = 512 | 1024;
const BUFFER_BYTES = 8192;
const BUFFER_BYTES_KEPT = 1024 * 1024;
/** What cbor-x reserves for each UTF-16 unit of a text before it knows better. */
const TEXT_UNIT_BYTES = 3;
/** Up to here, a loop copies a payload to where it is decoded faster than a view of it is made. */
const SCRATCH_BYTES = 256;

/** What a value must keep to whatever the reader's limits are; deeper ones overflow the stack of an encoder. */
const NO_LIMITS: WireLimits = {
  frameBytesMax: Infinity,
  messageBytesMax: Infinity,
  depthMax: 8192,
  itemsMax: Infinity,
  containerMax: Infinity,
  keyBytesMax: Infinity,
  textBytesMax: Infinity,
  bigintBytesMax: Infinity,
};

let anyReader: Validator | undefined;
let isEncoding = false;
let encoder: ReusingEncoder | undefined;
/** Of the buffers that cbor-x makes: Node's are more than a Uint8Array, and it counts on that. */
let bufferPrototype: Encoded | undefined;
let nativeCopy: CopyBytes | undefined;
let encodedBytesMax = Infinity;
/** Why the encoder was stopped, if it was. */
let stoppedBy: WireError | undefined;
let encoded: Encoded | undefined;
let scratch: Uint8Array | undefined;

/**
 * Encodes `value` and returns its length; `copyEncoded` then takes the bytes. A value far beyond `bytesMax` is given up
 * on the way; one that is little beyond it is returned.
 *
 * @throws WireError `payload-unsupported` for functions, symbols, cycles and getters that throw; `payload-too-long`.
 */
export function encode(value: unknown, bytesMax: number): number {
  if (isEncoding) throw unsupported("a getter in it sends a message itself");
  encoder ??= makeEncoder();
  isEncoding = true;
  encodedBytesMax = bytesMax;
  try {
    encoded = encoder.encode(value, MODE);
  } catch (error) {
    // It may have stopped while it changed buffers.
    startBuffer(encoder);
    if (stoppedBy !== undefined && error === stoppedBy) throw stoppedBy;
    throw unsupported(whyNot(error), error);
  } finally {
    isEncoding = false;
    stoppedBy = undefined;
  }
  return encoded.end - encoded.start;
}

/**
 * Refuses what `encode` has just written if no reader would accept it, such as an error or a regular expression, where
 * the stack still says who sent it; what is only too much for some readers is left to them.
 *
 * @throws WireError `payload-unsupported`
 */
export function checkEncoded(): void {
  const written = encoded as Encoded;
  anyReader ??= new Validator(NO_LIMITS);
  try {
    anyReader.check(written, written.start, written.end);
  } catch (error) {
    throw unsupported(whyNot(error), error);
  }
}

function makeEncoder(): ReusingEncoder {
  const made = new Encoder({
    useRecords: false,
    variableMapSize: true,
    tagUint8Array: false,
  }) as unknown as ReusingEncoder;
  const buffer = made.encode(undefined, MODE);
  bufferPrototype = Object.getPrototypeOf(buffer) as Encoded;
  nativeCopy = bufferPrototype.copy;
  startBuffer(made);
  return made;
}

/** Gives cbor-x a new small buffer. The one before may hold what another user of cbor-x was given. */
function startBuffer(of: ReusingEncoder): void {
  const buffer = Object.setPrototypeOf(new Uint8Array(BUFFER_BYTES), bufferPrototype as Encoded) as Encoded;
  buffer.copy = copyGrowing;
  encoded = undefined;
  of.useBuffer(buffer);
}

/** What a growing buffer holds goes to a larger one, unless it is too much already. */
const copyGrowing: CopyBytes = function (target, targetStart, start, end) {
  // An end beyond the buffer is what is about to be written, and of a text only an estimate.
  const bytesMax = end > this.length ? encodedBytesMax * TEXT_UNIT_BYTES : encodedBytesMax;
  if (isEncoding && end - start > bytesMax + BUFFER_BYTES) throw (stoppedBy = tooLong(encodedBytesMax));
  target.set(this.subarray(start, end), targetStart);
  target.copy = copyGrowing;
  return end - start;
};

/** What the encoder, the value's own code or the validator have to say of it. Must not throw, whatever was thrown. */
function whyNot(error: unknown): string {
  try {
    if (error instanceof RangeError) return "it is nested too deeply, or contains itself";
    if (error instanceof Error) return `${error.message}`;
  } catch {
    // Its message is no text, or it is no honest error.
  }
  return "its own code threw something when it was read";
}

function tooLong(bytesMax: number): WireError {
  return new WireError("payload-too-long", `this value is longer than ${bytesMax} bytes`);
}

function unsupported(why: string, cause?: unknown): WireError {
  return new WireError("payload-unsupported", `this value cannot be sent: ${why}`, { cause });
}

/** Copies what `encode` made into `target` at `offset`. */
export function copyEncoded(target: Uint8Array, offset: number): void {
  const source = encoded as Encoded;
  if (nativeCopy !== undefined) nativeCopy.call(source, target as Encoded, offset, source.start, source.end);
  else target.set(source.subarray(source.start, source.end), offset);
  if (source.length > BUFFER_BYTES_KEPT) startBuffer(encoder as ReusingEncoder);
}

/** Decodes validated payloads of one connection. */
export class PayloadDecoder {
  readonly #decoder = makeDecoder(true);
  #viewingDecoder: BoundedDecoder | undefined;

  /** Decodes the one item in `[start, end)`, which the validator has passed. The result owns its memory. */
  decode(bytes: Uint8Array, start: number, end: number): unknown {
    const length = end - start;
    if (length > SCRATCH_BYTES) return run(this.#decoder, bytes.subarray(start, end), length);
    scratch ??= new Uint8Array(SCRATCH_BYTES);
    for (let i = 0; i < length; i++) scratch[i] = bytes[start + i] as number;
    return run(this.#decoder, scratch, length);
  }

  /** The same for bytes that nobody else has or will have: byte strings in the result are views of them. */
  decodeOwned(bytes: Uint8Array, start: number, end: number): unknown {
    this.#viewingDecoder ??= makeDecoder(false);
    return run(this.#viewingDecoder, bytes.subarray(start, end), end - start);
  }
}

function makeDecoder(copyBuffers: boolean): BoundedDecoder {
  return new Decoder({ useRecords: false, mapsAsObjects: true, copyBuffers });
}

function run(decoder: BoundedDecoder, bytes: Uint8Array, end: number): unknown {
  try {
    return decoder.decode(bytes, end);
  } catch (error) {
    throw new WireError("payload-invalid", "the payload could not be decoded", { cause: error });
  }
}

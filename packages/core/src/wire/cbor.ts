// The only file that knows cbor-x. It encodes JavaScript values and decodes bytes that the validator has passed; it
// knows nothing of frames.
//
// cbor-x writes into a buffer of its own, module-wide, that grows with the largest value; `REUSE | RESET` leaves the
// result there, to be copied before the next call. Copying a small message costs 30 ns, pointing cbor-x at another
// buffer 100 ns. Decoding copies what it keeps (`copyBuffers`); a small payload is first moved into a scratch buffer,
// which is a fifth faster than a view of its own for every payload.

import { Decoder, Encoder } from "cbor-x";
import { WireError } from "./error.js";
import type { WireLimits } from "./limits.js";
import { Validator } from "./validator.js";

/** Encoded bytes inside cbor-x's buffer: good until the next `encode`. `copy` is there on Node. */
interface Encoded extends Uint8Array {
  readonly start: number;
  readonly end: number;
  copy?(target: Uint8Array, targetStart: number, start: number, end: number): number;
}

interface ReusingEncoder {
  encode(value: unknown, mode: number): Encoded;
  useBuffer(buffer: Uint8Array): void;
}

interface BoundedDecoder {
  decode(bytes: Uint8Array, end?: number): unknown;
}

/** cbor-x's REUSE_BUFFER_MODE (leave the result in the buffer) and RESET_BUFFER_MODE (start from the same place again). */
const MODE = 512 | 1024;
const BUFFER_BYTES_KEPT = 1024 * 1024;
const SCRATCH_BYTES = 4096;

/** What a value must keep to whatever the reader's limits are; deeper ones overflow the stack of an encoder. */
const NO_LIMITS: WireLimits = {
  frameBytesMax: Infinity,
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
let initialBuffer: Encoded | undefined;
let encoded: Encoded | undefined;
let scratch: Uint8Array | undefined;

/**
 * Encodes `value` and returns its length; `copyEncoded` then takes the bytes. What no reader would accept is refused
 * here, where the stack still says who sent it; what is only too much for some readers is left to them.
 *
 * @throws WireError `payload-unsupported` for functions, symbols, cycles, getters that throw, and values that are no
 * data, such as errors and regular expressions.
 */
export function encode(value: unknown): number {
  if (isEncoding) throw unsupported("a getter in it sends a message itself");
  encoder ??= new Encoder({
    useRecords: false,
    variableMapSize: true,
    tagUint8Array: false,
  }) as unknown as ReusingEncoder;
  anyReader ??= new Validator(NO_LIMITS);
  isEncoding = true;
  try {
    encoded = encoder.encode(value, MODE);
    anyReader.check(encoded, encoded.start, encoded.end);
  } catch (error) {
    throw unsupported(whyNot(error), error);
  } finally {
    isEncoding = false;
  }
  return encoded.end - encoded.start;
}

/** What the encoder, the value's own code or the validator have to say of it. */
function whyNot(error: unknown): string {
  if (error instanceof RangeError) return "it is nested too deeply, or contains itself";
  return error instanceof Error ? error.message : "its own code threw something when it was read";
}

function unsupported(why: string, cause?: unknown): WireError {
  return new WireError("payload-unsupported", `this value cannot be sent: ${why}`, { cause });
}

/** Copies what `encode` made into `target` at `offset`. */
export function copyEncoded(target: Uint8Array, offset: number): void {
  const source = encoded as Encoded;
  if (source.copy !== undefined) source.copy(target, offset, source.start, source.end);
  else target.set(source.subarray(source.start, source.end), offset);
  initialBuffer ??= source;
  if (source.length > BUFFER_BYTES_KEPT) {
    encoder?.useBuffer(initialBuffer);
    encoded = undefined;
  }
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

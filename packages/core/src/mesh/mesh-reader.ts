// Finds messages in a stream of bytes that may be cut anywhere. A message is its length in four bytes, little-endian, and
// that many bytes; a length of 0xffffffff is a sign of life and has nothing behind it. Pure.

import { Ring } from "../base/index.js";
import { MeshError } from "./error.js";

/** The bytes ahead of each message. */
export const HEAD_BYTES = 4;
/** In place of a length: nothing to say, but still there. */
export const PING = 0xffff_ffff;
/** What a long message gets at first; it then doubles with what has really arrived. */
const FIRST_BYTES = 64 * 1024;

const NOTHING = new Uint8Array(0);

export class MeshReader {
  readonly #messageBytesMax: number;
  readonly #chunks = new Ring<Uint8Array>();
  /** The chunk at hand. */
  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** The head of the next message, as far as it has come. */
  readonly #head = new Uint8Array(HEAD_BYTES);
  #headLength = 0;
  /** The message that has begun, as far as it has come. */
  #body: Uint8Array = NOTHING;
  #bodyLength = 0;
  /** How long it is; -1 while its head has not come. */
  #length = -1;

  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax;
  }

  /** Whether a message has begun that is not whole yet. */
  get hasPartial(): boolean {
    return this.#headLength > 0 || this.#length >= 0;
  }

  /** Whether there may be another whole message. */
  get hasMore(): boolean {
    return this.#at < this.#chunk.length || this.#chunks.length > 0;
  }

  push(bytes: Uint8Array): void {
    // A plain Uint8Array, whatever the chunk is: views of Node's Buffers cost several times as much.
    const { buffer, byteOffset, length } = bytes;
    this.#chunks.push(bytes.constructor === Uint8Array ? bytes : new Uint8Array(buffer, byteOffset, length));
  }

  /**
   * The next whole message, in memory of its own; undefined when there is none.
   *
   * @throws MeshError `message-too-long`: nothing can follow.
   */
  next(): Uint8Array | undefined {
    for (;;) {
      if (this.#at === this.#chunk.length && !this.#nextChunk()) return undefined;
      if (this.#length < 0 && !this.#readHead()) continue;
      const message = this.#readBody();
      if (message === undefined) continue;
      this.#length = -1;
      return message;
    }
  }

  /** Everything that has come and was not taken as a message: what another reader would have to begin with. */
  takeRest(): Uint8Array[] {
    const rest: Uint8Array[] = [];
    if (this.#length >= 0) {
      const head = new Uint8Array(HEAD_BYTES);
      new DataView(head.buffer).setUint32(0, this.#length, true);
      rest.push(head, this.#body.slice(0, this.#bodyLength));
    } else {
      rest.push(this.#head.slice(0, this.#headLength));
    }
    rest.push(this.#chunk.subarray(this.#at), ...this.#chunks.clear());
    this.#chunk = NOTHING;
    this.#at = this.#headLength = this.#bodyLength = 0;
    this.#length = -1;
    return rest.filter(({ length }) => length > 0);
  }

  #nextChunk(): boolean {
    const chunk = this.#chunks.shift();
    this.#chunk = chunk ?? NOTHING;
    this.#at = 0;
    return chunk !== undefined;
  }

  /** False if more bytes are needed, or it was a sign of life. */
  #readHead(): boolean {
    const chunk = this.#chunk;
    while (this.#headLength < HEAD_BYTES && this.#at < chunk.length) {
      this.#head[this.#headLength++] = chunk[this.#at++] as number;
    }
    if (this.#headLength < HEAD_BYTES) return false;
    this.#headLength = 0;
    const [a, b, c, d] = this.#head as unknown as [number, number, number, number];
    const length = (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
    if (length === PING) return false;
    if (length > this.#messageBytesMax) {
      throw new MeshError(
        "message-too-long",
        `a message of ${length} bytes is over the limit of ${this.#messageBytesMax}`,
      );
    }
    this.#length = length;
    this.#body = NOTHING;
    this.#bodyLength = 0;
    return true;
  }

  #readBody(): Uint8Array | undefined {
    const length = this.#length;
    const here = Math.min(length - this.#bodyLength, this.#chunk.length - this.#at);
    const piece = this.#chunk.subarray(this.#at, this.#at + here);
    this.#at += here;
    if (here === length) return piece.slice();
    const filled = this.#bodyLength + here;
    if (filled > this.#body.length) {
      const grown = new Uint8Array(Math.min(length, Math.max(filled, this.#body.length * 2, FIRST_BYTES)));
      grown.set(this.#body.subarray(0, this.#bodyLength));
      this.#body = grown;
    }
    this.#body.set(piece, this.#bodyLength);
    this.#bodyLength = filled;
    return filled === length ? this.#body : undefined;
  }
}

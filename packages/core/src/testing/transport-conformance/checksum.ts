// Bytes that can be told apart, and a sum that tells whether they all came, in order.

const FNV_OFFSET = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;

/** FNV-1a over a stream of bytes, however it is cut. */
export class Checksum {
  byteCount = 0;
  #sum: number = FNV_OFFSET;

  add(bytes: Uint8Array): this {
    let sum = this.#sum;
    for (let i = 0; i < bytes.length; i++) sum = Math.imul(sum ^ (bytes[i] as number), FNV_PRIME);
    this.#sum = sum;
    this.byteCount += bytes.length;
    return this;
  }

  /** Equal for equal streams. */
  get text(): string {
    return `${this.byteCount} bytes, sum ${(this.#sum >>> 0).toString(16)}`;
  }
}

/** Bytes whose order shows: no two stretches of a few bytes are alike within a stream. */
export function patternBytes(byteCount: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  let state = (seed + 1) >>> 0;
  for (let i = 0; i < byteCount; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

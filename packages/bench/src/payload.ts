// What travels in the benchmarks: the same five fields for every subject, about 100 bytes as CBOR.

export interface Payload {
  readonly id: number;
  readonly from: string;
  readonly amount: number;
  readonly urgent: boolean;
  readonly text: string;
}

export const PAYLOAD: Payload = Object.freeze({
  id: 40_417_093,
  from: "warehouse/7",
  amount: 1249.75,
  urgent: true,
  text: "two pallets, to be fetched before noon",
});

export const BYTES_LENGTH = 64 * 1024;

/** The same 64 KiB in every process, without a pattern that a compressor or a text encoding could like. */
export function largeBytes(): Uint8Array {
  const bytes = new Uint8Array(BYTES_LENGTH);
  let state = 2_463_534_242;
  for (let i = 0; i < bytes.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** @throws Error when `echoed` is not what was sent. */
export function checkPayload(echoed: Payload): void {
  for (const field of Object.keys(PAYLOAD) as (keyof Payload)[]) {
    if (echoed[field] !== PAYLOAD[field]) throw new Error(`the echo differs in ${field}: ${String(echoed[field])}`);
  }
}

/** @throws Error when `echoed` is not what was sent. */
export function checkBytes(echoed: Uint8Array, sent: Uint8Array): void {
  if (echoed.length !== sent.length || sent.some((byte, i) => echoed[i] !== byte)) {
    throw new Error(`the echo of ${sent.length} bytes differs, it has ${echoed.length}`);
  }
}

// XXH64 with seed 0, of short texts: what the ids of services are made of. Source: the xxHash specification, "XXH64".

const PRIME_1 = 0x9e37_79b1_85eb_ca87n;
const PRIME_2 = 0xc2b2_ae3d_27d4_eb4fn;
const PRIME_3 = 0x1656_67b1_9e37_79f9n;
const PRIME_4 = 0x85eb_ca77_c2b2_ae63n;
const PRIME_5 = 0x27d4_eb2f_1656_67c5n;
const MASK = 0xffff_ffff_ffff_ffffn;
const STRIPE_BYTES = 32;

/** The hash of `bytes`, as an unsigned number of 64 bits. */
export function xxh64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  let hash = PRIME_5;
  if (bytes.length >= STRIPE_BYTES) {
    const lanes = [(PRIME_1 + PRIME_2) & MASK, PRIME_2, 0n, -PRIME_1 & MASK];
    for (; at + STRIPE_BYTES <= bytes.length; at += STRIPE_BYTES) {
      lanes.forEach((lane, index) => (lanes[index] = round(lane, view.getBigUint64(at + index * 8, true))));
    }
    hash = lanes.reduce((sum, lane, index) => (sum + rotated(lane, LANE_BITS[index] as bigint)) & MASK, 0n);
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * PRIME_1 + PRIME_4) & MASK;
  }
  hash = (hash + BigInt(bytes.length)) & MASK;
  for (; at + 8 <= bytes.length; at += 8) {
    hash = (rotated(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * PRIME_1 + PRIME_4) & MASK;
  }
  if (at + 4 <= bytes.length) {
    hash = (rotated(hash ^ ((BigInt(view.getUint32(at, true)) * PRIME_1) & MASK), 23n) * PRIME_2 + PRIME_3) & MASK;
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash = (rotated(hash ^ ((BigInt(view.getUint8(at)) * PRIME_5) & MASK), 11n) * PRIME_1) & MASK;
  }
  hash = ((hash ^ (hash >> 33n)) * PRIME_2) & MASK;
  hash = ((hash ^ (hash >> 29n)) * PRIME_3) & MASK;
  return hash ^ (hash >> 32n);
}

const LANE_BITS = [1n, 7n, 12n, 18n];

function round(lane: bigint, input: bigint): bigint {
  return (rotated((lane + input * PRIME_2) & MASK, 31n) * PRIME_1) & MASK;
}

function rotated(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

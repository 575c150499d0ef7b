// Signatures without a platform: the only file that knows noble's curves. Programs on Node use the platform's own, which
// is ten times as fast; the bytes are the same.

import { ed25519 } from "@noble/curves/ed25519.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** How long a secret key, a public key and a signature are, in bytes. */
export const SECRET_KEY_BYTES = 32;
/** The length of a public key, in bytes. */
export const PUBLIC_KEY_BYTES = 32;
/** The length of a signature, in bytes. */
export const SIGNATURE_BYTES = 64;

/** Signs and checks signatures. */
export interface Signing {
  publicKeyOf(secretKey: Uint8Array): Uint8Array;
  sign(secretKey: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** False also for keys and signatures that are none. */
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** Ed25519 (RFC 8032) in JavaScript. */
export const ed25519Signing: Signing = Object.freeze<Signing>({
  publicKeyOf: (secretKey) => ed25519.getPublicKey(secretKey),
  sign: (secretKey, bytes) => ed25519.sign(bytes, secretKey),
  verify(publicKey, bytes, signature) {
    try {
      return ed25519.verify(signature, bytes, publicKey);
    } catch {
      return false;
    }
  },
});

/** SHA-256. */
export function hashOf(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

/** HMAC with SHA-256: proves that a secret is known. */
export function proofOf(secret: Uint8Array, bytes: Uint8Array): Uint8Array {
  return hmac(sha256, secret, bytes);
}

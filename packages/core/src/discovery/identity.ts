// Who a node is: a pair of Ed25519 keys, and the id that follows from the public one.

import type { Random } from "../base/index.js";
import { DiscoveryError } from "./error.js";
import { ed25519Signing, hashOf, SECRET_KEY_BYTES, type Signing } from "./ed25519.js";

/** A pair of keys. Whoever has the secret one is this node. */
export interface Identity {
  /** 32 hexadecimal digits: the first half of the SHA-256 of the public key. */
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** The id that belongs to a public key. */
export function memberIdOf(publicKey: Uint8Array): string {
  return toHex(hashOf(publicKey).subarray(0, 16));
}

/** The identity of a secret key of 32 bytes. @throws DiscoveryError `identity-invalid` */
export function identityOf(secretKey: Uint8Array, signing: Signing = ed25519Signing): Identity {
  if (secretKey.length !== SECRET_KEY_BYTES) {
    throw new DiscoveryError("identity-invalid", `a secret key has ${SECRET_KEY_BYTES} bytes, not ${secretKey.length}`);
  }
  const publicKey = signing.publicKeyOf(secretKey);
  return Object.freeze({ id: memberIdOf(publicKey), publicKey, secretKey: secretKey.slice() });
}

/** A new identity. */
export function newIdentity(random: Random, signing: Signing = ed25519Signing): Identity {
  return identityOf(random.bytes(SECRET_KEY_BYTES), signing);
}

/** Bytes as hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

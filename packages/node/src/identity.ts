// Identities of nodes on Node: the platform's Ed25519, which is ten times as fast as the one in JavaScript, and a file to
// keep the key in.

import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { link, open, readFile, unlink } from "node:fs/promises";
import { systemRandom } from "@troupe/core";
import { identityOf, NetworkError, newIdentity, type Identity, type Signing } from "@troupe/core/network";

/** What PKCS #8 and SubjectPublicKeyInfo put ahead of the 32 bytes of an Ed25519 key (RFC 8410). */
const SECRET_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_HEAD = Buffer.from("302a300506032b6570032100", "hex");
/** How many keys are kept ready. */
const KEYS_MAX = 4096;

const secretKeys = new Map<string, KeyObject>();
const publicKeys = new Map<string, KeyObject>();

/** Ed25519 by Node itself. */
export const nodeSigning: Signing = Object.freeze<Signing>({
  publicKeyOf(secretKey) {
    const spki = createPublicKey(secretKeyOf(secretKey)).export({ format: "der", type: "spki" });
    return new Uint8Array(spki.subarray(PUBLIC_HEAD.length));
  },
  sign: (secretKey, bytes) => new Uint8Array(sign(null, bytes, secretKeyOf(secretKey))),
  verify(publicKey, bytes, signature) {
    try {
      return verify(null, bytes, publicKeyOf(publicKey), signature);
    } catch {
      return false;
    }
  },
});

function secretKeyOf(bytes: Uint8Array): KeyObject {
  return kept(secretKeys, bytes, () =>
    createPrivateKey({ key: Buffer.concat([SECRET_HEAD, bytes]), format: "der", type: "pkcs8" }),
  );
}

function publicKeyOf(bytes: Uint8Array): KeyObject {
  return kept(publicKeys, bytes, () =>
    createPublicKey({ key: Buffer.concat([PUBLIC_HEAD, bytes]), format: "der", type: "spki" }),
  );
}

function kept(keys: Map<string, KeyObject>, bytes: Uint8Array, make: () => KeyObject): KeyObject {
  const name = Buffer.from(bytes).toString("latin1");
  let key = keys.get(name);
  if (key === undefined) {
    key = make();
    if (keys.size >= KEYS_MAX) keys.clear();
    keys.set(name, key);
  }
  return key;
}

/**
 * The identity whose key is in a file, of 64 hexadecimal digits that only its owner can read. One that is not there yet is made.
 *
 * @throws NetworkError `identity-invalid` for a file that holds something else.
 */
export async function identityFile(path: string): Promise<Identity> {
  try {
    return parse(path, await readFile(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const identity = newIdentity(systemRandom, nodeSigning);
  const half = `${path}.${Buffer.from(systemRandom.bytes(8)).toString("hex")}.new`;
  const file = await open(half, "wx", 0o600);
  try {
    await file.writeFile(`${Buffer.from(identity.secretKey).toString("hex")}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    // Whole or not at all, and never in the place of one that somebody else has just made.
    await link(half, path);
    return identity;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return parse(path, await readFile(path, "utf8"));
  } finally {
    await unlink(half);
  }
}

function parse(path: string, text: string): Identity {
  const digits = text.trim();
  if (!/^[0-9a-f]{64}$/.test(digits)) {
    throw new NetworkError("identity-invalid", `${path} does not hold a key of 64 hexadecimal digits`);
  }
  return identityOf(new Uint8Array(Buffer.from(digits, "hex")), nodeSigning);
}

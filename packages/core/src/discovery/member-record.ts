// What a node says of itself, signed with its key, so that others can pass it on and nobody can change it. The bytes that
// were signed are what travels; they are read only after their signature was checked.

import { troupeCbor, WIRE_LIMITS } from "../wire/index.js";
import { DiscoveryError } from "./error.js";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type Signing } from "./ed25519.js";
import { memberIdOf, type Identity } from "./identity.js";

/** The longest record, in bytes, without its signature. */
export const RECORD_BYTES_MAX = 4096;
/** How many endpoints a record may name, and how many services. */
export const RECORD_ENDPOINTS_MAX = 8;
/** How many services a record may name. */
export const RECORD_SERVICES_MAX = 128;
/** The longest text in a record, in UTF-16 units. */
export const RECORD_TEXT_MAX = 256;

/** Ahead of the bytes that are signed, so that no signature means anything elsewhere. */
const DOMAIN = new TextEncoder().encode("troupe member record 1\n");
const FORMAT = 1;
/** More than a node can count to, and far below what numbers hold: there is always a greater one. */
const INCARNATION_MAX = 2 ** 48;

/** What a node says of itself. */
export interface MemberContent {
  readonly publicKey: Uint8Array;
  readonly network: string;
  readonly name: string;
  /** Where it can be dialled. */
  readonly endpoints: readonly string[];
  /** The names of the services that it offers. */
  readonly services: readonly string[];
  /** Grows with every change, and when the node has to say that it is alive. */
  readonly incarnation: number;
  /** New for each start of the program: 16 hexadecimal digits. */
  readonly instance: string;
  /** It has left, and says so itself. */
  readonly hasLeft: boolean;
}

/** A record as it travels. */
export interface SignedRecord {
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** A record that was checked. */
export interface MemberRecord extends MemberContent {
  readonly id: string;
  readonly signed: SignedRecord;
}

/** @throws DiscoveryError `record-invalid` when it is too long, or something in it is. */
export function signRecord(content: MemberContent, { secretKey }: Identity, signing: Signing): MemberRecord {
  const { publicKey, network, name, incarnation, instance, endpoints, services, hasLeft } = content;
  const bytes = troupeCbor.encode([
    FORMAT,
    publicKey,
    network,
    name,
    incarnation,
    instance,
    [...endpoints],
    [...services],
    hasLeft,
  ]);
  parse(bytes);
  const signed = { bytes, signature: signing.sign(secretKey, withDomain(bytes)) };
  return { ...content, id: memberIdOf(publicKey), signed };
}

/**
 * Checks a record that came, and reads it.
 *
 * @throws DiscoveryError `record-invalid`, `record-forged` for a signature that is not its owner's, `network-mismatch`.
 */
export function readRecord(signed: SignedRecord, network: string, signing: Signing): MemberRecord {
  const { bytes, signature } = signed;
  if (signature.length !== SIGNATURE_BYTES) throw invalid("a signature has another length");
  const content = parse(bytes);
  if (content.network !== network) {
    throw new DiscoveryError("network-mismatch", `a record of the network ${JSON.stringify(content.network)}`);
  }
  if (!signing.verify(content.publicKey, withDomain(bytes), signature)) {
    throw new DiscoveryError("record-forged", `a record of ${content.name} has the signature of somebody else`);
  }
  return { ...content, id: memberIdOf(content.publicKey), signed };
}

function parse(bytes: Uint8Array): MemberContent {
  if (bytes.length > RECORD_BYTES_MAX) throw invalid(`it is longer than ${RECORD_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = troupeCbor.reader(WIRE_LIMITS).decode(bytes.slice());
  } catch (error) {
    throw invalid("it cannot be read", error);
  }
  if (!Array.isArray(value) || value[0] !== FORMAT) throw invalid("it is of another kind");
  const [, publicKey, network, name, incarnation, instance, endpoints, services, hasLeft] = value as unknown[];
  if (!(publicKey instanceof Uint8Array) || publicKey.length !== PUBLIC_KEY_BYTES) throw invalid("it has no key");
  if (!isText(network) || !isText(name)) throw invalid("it has no network or no name");
  if (
    typeof incarnation !== "number" ||
    !Number.isSafeInteger(incarnation) ||
    incarnation < 0 ||
    incarnation > INCARNATION_MAX
  )
    throw invalid("it has no incarnation");
  if (typeof instance !== "string" || !/^[0-9a-f]{16}$/.test(instance)) throw invalid("it has no instance");
  if (!areTexts(endpoints, RECORD_ENDPOINTS_MAX)) throw invalid("its endpoints are none, or too many");
  if (!areTexts(services, RECORD_SERVICES_MAX)) throw invalid("its services are none, or too many");
  if (typeof hasLeft !== "boolean") throw invalid("it does not say whether it has left");
  return { publicKey, network, name, incarnation, instance, endpoints, services, hasLeft };
}

function withDomain(bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(DOMAIN.length + bytes.length);
  all.set(DOMAIN);
  all.set(bytes, DOMAIN.length);
  return all;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= RECORD_TEXT_MAX;
}

function areTexts(value: unknown, countMax: number): value is string[] {
  return Array.isArray(value) && value.length <= countMax && value.every((each) => isText(each) && each !== "");
}

function invalid(why: string, cause?: unknown): DiscoveryError {
  return new DiscoveryError("record-invalid", `a member's record is not valid: ${why}`, { cause });
}

// How two nodes make sure of each other before either believes or offers anything: each proves that it has the key of its
// record, and knows the secret of the network if there is one. Pure.

import { call, defineService, send, type CallMessage, type SendMessage, type Service } from "../actor/index.js";
import {
  proofOf,
  readRecord,
  type Identity,
  type MemberRecord,
  type SignedRecord,
  type Signing,
} from "../discovery/index.js";
import { NetworkError } from "./error.js";

/** What the other side has to sign or to seal: nobody else's numbers are used twice. */
export const NONCE_BYTES = 32;

const DOMAIN = new TextEncoder().encode("troupe introduction 1\n");

/** The first words of the side that dialled. */
export interface Introduce {
  readonly record: SignedRecord;
  readonly nonce: Uint8Array;
}

/** That a key is there, and a secret known. */
export interface Proof {
  readonly signature: Uint8Array;
  /** Empty in a network without a secret. */
  readonly seal: Uint8Array;
}

/** The answer of the side that listens. */
export interface Introduced extends Introduce {
  readonly proof: Proof;
}

type NodeMessages = {
  /** Who are you? This is me. */
  readonly introduce: CallMessage<Introduce, Introduce, Introduced, Introduced>;
  /** And this is my proof. Afterwards both sides offer what they have. */
  readonly confirm: CallMessage<Proof, Proof, void, void>;
  /** About members: see `Packet`. */
  readonly packet: SendMessage<unknown, unknown>;
  /** Which start of the program this is. */
  readonly alive: CallMessage<void, void, string, string>;
};

/** What nodes say to nodes. Strangers see this and nothing else. */
export const NodeProtocol: Service<NodeMessages> = defineService("troupe.node", {
  introduce: call<Introduce, Introduced>(),
  confirm: call<Proof, void>(),
  packet: send<unknown>(),
  alive: call<void, string>(),
});

/** Who a node is in its network. */
export interface Credentials {
  readonly identity: Identity;
  readonly signing: Signing;
  readonly network: string;
  readonly secret: Uint8Array | undefined;
}

/** One side's nonce and record, and the other's. */
export interface Exchange {
  readonly dialler: Introduce;
  readonly listener: Introduce;
}

/** What one side says to prove itself. */
export function prove({ identity, signing, secret }: Credentials, exchange: Exchange, isDialler: boolean): Proof {
  const bytes = statement(exchange, isDialler);
  return {
    signature: signing.sign(identity.secretKey, bytes),
    seal: secret === undefined ? new Uint8Array(0) : proofOf(secret, bytes),
  };
}

/** @throws NetworkError `proof-invalid`, `secret-mismatch` */
export function checkProof(
  { signing, secret }: Credentials,
  exchange: Exchange,
  isDialler: boolean,
  record: MemberRecord,
  proof: Proof,
): void {
  const { signature, seal } = proof;
  if (!(signature instanceof Uint8Array) || !(seal instanceof Uint8Array)) throw unproven();
  const bytes = statement(exchange, isDialler);
  if (secret !== undefined && !isSame(seal, proofOf(secret, bytes))) {
    throw new NetworkError("secret-mismatch", `${record.name} does not know the secret of the network`);
  }
  if (!signing.verify(record.publicKey, bytes, signature)) throw unproven();
}

/** @throws NetworkError `proof-invalid`; DiscoveryError for a record that is not what it says. */
export function readIntroduction({ signing, network }: Credentials, { record, nonce }: Introduce): MemberRecord {
  const { bytes, signature } = (record ?? {}) as Partial<SignedRecord>;
  if (!(bytes instanceof Uint8Array) || !(signature instanceof Uint8Array)) throw unproven();
  if (!(nonce instanceof Uint8Array) || nonce.length !== NONCE_BYTES) throw unproven();
  return readRecord({ bytes, signature }, network, signing);
}

function statement({ dialler, listener }: Exchange, isDialler: boolean): Uint8Array {
  const role = Uint8Array.of(isDialler ? 1 : 2);
  const parts = [DOMAIN, role, dialler.nonce, listener.nonce, dialler.record.signature, listener.record.signature];
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Takes as long for any two of the same length. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

function unproven(): NetworkError {
  return new NetworkError("proof-invalid", "the other side has not proved that it is who it says");
}

// What OpenSSL says of certificates and handshakes, as errors that say what is wrong.

import type { TLSSocket } from "node:tls";
import { TransportError } from "@troupe/core";
import { dialFailed, reasonOf } from "./socket-error.js";

/** By the code of Node, what it means: a code of Troupe's and words. */
const MEANINGS: Readonly<Record<string, readonly [code: string, words: string]>> = {
  CERT_HAS_EXPIRED: ["certificate-expired", "has expired"],
  CERT_NOT_YET_VALID: ["certificate-expired", "is not valid yet"],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["certificate-untrusted", "is self-signed, and not one that is trusted"],
  SELF_SIGNED_CERT_IN_CHAIN: ["certificate-untrusted", "comes from an authority that is not trusted"],
  UNABLE_TO_GET_ISSUER_CERT: ["certificate-untrusted", "comes from an authority that is not trusted"],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["certificate-untrusted", "comes from an authority that is not trusted"],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["certificate-untrusted", "comes from an authority that is not trusted"],
  CERT_UNTRUSTED: ["certificate-untrusted", "comes from an authority that is not trusted"],
  CERT_SIGNATURE_FAILURE: ["certificate-untrusted", "was not signed by the authority that it names"],
  CERT_REJECTED: ["certificate-untrusted", "is rejected by the authority that it names"],
  CERT_REVOKED: ["certificate-invalid", "has been revoked"],
  INVALID_PURPOSE: ["certificate-invalid", "was not issued for this purpose"],
  ERR_TLS_CERT_ALTNAME_INVALID: ["certificate-mismatch", "is for another host"],
};

/** The alerts by which the other side refuses this side's certificate. */
const ALERTS: Readonly<Record<string, readonly [code: string, words: string]>> = {
  CERTIFICATE_REQUIRED: ["certificate-missing", "the other side demands a certificate, and none was given"],
  CERTIFICATE_EXPIRED: ["certificate-expired", "the other side says that this side's certificate has expired"],
  CERTIFICATE_REVOKED: ["certificate-invalid", "the other side says that this side's certificate was revoked"],
  CERTIFICATE_UNKNOWN: ["certificate-invalid", "the other side refuses this side's certificate"],
  UNSUPPORTED_CERTIFICATE: ["certificate-invalid", "the other side does not take this side's certificate"],
  BAD_CERTIFICATE: ["certificate-invalid", "the other side refuses this side's certificate"],
  UNKNOWN_CA: ["certificate-untrusted", "the other side does not trust the authority of this side's certificate"],
};

/** Why the certificate of the other side is not taken: `given` is the code that Node found. */
export function certificateRefused(endpoint: string, given: string | Error): TransportError {
  const code = typeof given === "string" ? given : String((given as NodeJS.ErrnoException).code ?? given.message);
  const [meaning, words] = MEANINGS[code] ?? ["certificate-invalid", `was refused (${code})`];
  const detail = given instanceof Error ? `: ${reasonOf(given)}` : "";
  return new TransportError(meaning, `the certificate of ${endpoint} ${words}${detail}`, endpoint, { cause: given });
}

/** Why a server's handshake with one who dialled came to nothing. */
export function tlsAcceptFailed(endpoint: string, socket: TLSSocket, error: NodeJS.ErrnoException): TransportError {
  // Its type says that it is an error; it is the code of one, or nothing.
  const { authorizationError } = socket as { authorizationError: unknown };
  if (typeof authorizationError === "string") return certificateRefused(endpoint, authorizationError);
  if (error.code === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE") {
    return new TransportError("certificate-missing", `${endpoint} has shown no certificate`, endpoint, {
      cause: error,
    });
  }
  return alerted(error, endpoint) ?? handshakeFailed(endpoint, error);
}

/** The other side has ended a connection that was open, without a byte: a server does so that refuses a certificate. */
export function endedAtOnce(endpoint: string): TransportError {
  const message = `${endpoint} ended the connection after the handshake: it may refuse the certificate of this side`;
  return new TransportError("handshake-failed", message, endpoint);
}

/** An error of an open TLS connection, if it is one of the handshake: in TLS 1.3 a refusal may come after it. */
export function alerted(error: NodeJS.ErrnoException, endpoint: string): TransportError | undefined {
  const alert = Object.keys(ALERTS).find((name) => error.code?.endsWith(`_ALERT_${name}`) === true);
  if (alert === undefined) return undefined;
  const [code, words] = ALERTS[alert] as readonly [string, string];
  return new TransportError(code, `${endpoint} refused the connection: ${words}`, endpoint, { cause: error });
}

/** Why dialling with TLS came to nothing. */
export function tlsDialFailed(endpoint: string, error: NodeJS.ErrnoException): TransportError {
  const { code = "" } = error;
  if (MEANINGS[code] !== undefined) return certificateRefused(endpoint, error);
  const alert = alerted(error, endpoint);
  if (alert !== undefined) return alert;
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") return handshakeFailed(endpoint, error);
  return dialFailed(endpoint, error);
}

function handshakeFailed(endpoint: string, error: Error): TransportError {
  const why = (error as { reason?: string }).reason ?? reasonOf(error);
  return new TransportError("handshake-failed", `the handshake with ${endpoint} failed: ${why}`, endpoint, {
    cause: error,
  });
}

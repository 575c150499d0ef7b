// The errors that thespis_remote lets travel, six of them, and what they are here.

import { WireError, type WireLimits } from "../wire/index.js";
import { decodeRust, encodeRust } from "./rust-cbor.js";

/** What an error is about: ids, or null where the sender does not say. */
export interface ErrorSubject {
  readonly serviceId: bigint | undefined;
  readonly connId: bigint | undefined;
}

/** What our callers are told, and the other way about. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  /** Whether the message was not handled at all. */
  readonly isRefusal: boolean;
}

const FAILURES: Readonly<Record<string, Failure>> = {
  Deserialize: { code: "payload-invalid", message: "the other side could not read the message", isRefusal: true },
  DeserializeWireFormat: { code: "frame-malformed", message: "the other side could not read a frame", isRefusal: true },
  InternalServerError: { code: "internal", message: "the other side has failed", isRefusal: false },
  Timeout: { code: "timeout", message: "what the other side passed the message to did not answer", isRefusal: false },
  UnknownService: { code: "unknown-service", message: "the other side does not provide it", isRefusal: true },
  PubSubNoCall: { code: "unknown-message", message: "the other side takes it as a send alone", isRefusal: true },
};

const WITHOUT_CONN_ID = "Timeout";
const WIRE = "DeserializeWireFormat";

/** Which of the six a code of ours is; what they do not know is a failure of this side. */
function variantOf(code: string, isSendAlone: boolean): string {
  switch (code) {
    case "unknown-service":
    case "unknown-message":
      return isSendAlone ? "PubSubNoCall" : "UnknownService";
    case "payload-invalid":
    case "input-invalid":
      return "Deserialize";
    case "timeout":
      return WITHOUT_CONN_ID;
    default:
      return "InternalServerError";
  }
}

/** The payload of an error frame about a call. `isSendAlone`: what was called takes sends alone. */
export function failureOf(code: string, subject: ErrorSubject, isSendAlone: boolean): Uint8Array {
  const variant = variantOf(code, isSendAlone);
  const fields = new Map<string, unknown>([["sid", wrapped(subject.serviceId)]]);
  if (variant !== WITHOUT_CONN_ID) fields.set("cid", wrapped(subject.connId));
  return encodeRust(new Map([[variant, fields]]));
}

/** The payload of the error frame that ends a connection. */
export function wireFailure(context: string): Uint8Array {
  return encodeRust(new Map([[WIRE, new Map([["context", context]])]]));
}

function wrapped(id: bigint | undefined): unknown {
  return id === undefined ? null : new Map([["inner", new Map([["id", id]])]]);
}

/** What the payload of an error frame says. Never throws: somebody may wait for it. */
export function parseFailure(payload: Uint8Array, limits: WireLimits): Failure {
  try {
    const value = decodeRust(payload, undefined, limits) as Record<string, unknown>;
    const [variant = ""] = Object.keys(value);
    const failure = Object.hasOwn(FAILURES, variant) ? FAILURES[variant] : undefined;
    if (failure === undefined) return UNKNOWN;
    const { context } = value[variant] as { readonly context?: unknown };
    return typeof context === "string" ? { ...failure, message: `${failure.message}: ${context}` } : failure;
  } catch (error) {
    return error instanceof WireError || error instanceof TypeError ? UNKNOWN : INTERNAL;
  }
}

const UNKNOWN: Failure = {
  code: "unknown-error",
  message: "the other side tells of an error that is not known here",
  isRefusal: false,
};
const INTERNAL: Failure = FAILURES["InternalServerError"] as Failure;

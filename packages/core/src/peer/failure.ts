// The payload of an `error` or `refuse` frame, both halves: [code, message, data]. Little crosses: no stack, no class,
// and never more than 4 KiB.

import type { RemoteError } from "../actor/index.js";
import type { FrameReader, WireFormat } from "../wire/index.js";

/** The longest payload of an error, in bytes. */
export const FAILURE_BYTES_MAX = 4096;
/** How much of a code and of a message crosses, in UTF-16 units. */
export const FAILURE_CODE_LENGTH_MAX = 128;
export const FAILURE_MESSAGE_LENGTH_MAX = 1024;

/** What a caller is told of `error`; data that cannot be sent, or is too long, stays at home. */
export function failurePayload(error: RemoteError, format: WireFormat): unknown {
  const short = [shortText(error.code, FAILURE_CODE_LENGTH_MAX), shortText(error.message, FAILURE_MESSAGE_LENGTH_MAX)];
  try {
    const { data } = error;
    if (data === undefined) return short;
    const full = [...short, data];
    return format.encode(full).length <= FAILURE_BYTES_MAX ? full : short;
  } catch {
    return short;
  }
}

/**
 * The beginning of a text. Half a surrogate pair, which no reader would accept, becomes U+FFFD. Never throws: whoever
 * throws an error may put anything in the place of its texts.
 */
export function shortText(text: unknown, lengthMax: number): string {
  try {
    return String(text)
      .slice(0, lengthMax)
      .replace(/\p{Surrogate}/gu, "\ufffd");
  } catch {
    return "";
  }
}

/** What the frame at hand says, which is an `error` or a `refuse`. Never throws: somebody waits for it. */
export function readFailure(reader: FrameReader): {
  readonly code: string;
  readonly message: string;
  readonly data: unknown;
} {
  let payload: unknown;
  try {
    payload = reader.value();
  } catch {
    return { code: "reply-invalid", message: "the other side's error cannot be read", data: undefined };
  }
  const [code, message, data] = Array.isArray(payload) ? (payload as unknown[]) : [];
  return {
    code: typeof code === "string" ? shortText(code, FAILURE_CODE_LENGTH_MAX) : "unknown-error",
    message:
      typeof message === "string" ? shortText(message, FAILURE_MESSAGE_LENGTH_MAX) : "the other side gave no reason",
    data,
  };
}

/** Why a watch ended, which is the payload of the `reply` at hand. */
export function readReason(reader: FrameReader): string {
  try {
    const reason = reader.value();
    if (typeof reason === "string") return shortText(reason, FAILURE_CODE_LENGTH_MAX);
  } catch {
    // It cannot be read, and so is as good as none.
  }
  return "unknown";
}

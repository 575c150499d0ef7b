// The payload of an `error` frame: [code, message, data]. Little crosses: no stack, no class, and never more than 4 KiB.

import type { RemoteError } from "../actor/index.js";
import type { WireFormat } from "../wire/index.js";

/** The longest payload of an error, in bytes. */
export const FAILURE_BYTES_MAX = 4096;
/** How much of a code and of a message crosses, in UTF-16 units. */
export const FAILURE_CODE_LENGTH_MAX = 128;
export const FAILURE_MESSAGE_LENGTH_MAX = 1024;

/** What a caller is told of `error`; data that cannot be sent, or is too long, stays at home. */
export function failurePayload({ code, message, data }: RemoteError, format: WireFormat): unknown {
  const short = [shortText(code, FAILURE_CODE_LENGTH_MAX), shortText(message, FAILURE_MESSAGE_LENGTH_MAX)];
  if (data === undefined) return short;
  try {
    const full = [...short, data];
    return format.encode(full).length <= FAILURE_BYTES_MAX ? full : short;
  } catch {
    return short;
  }
}

/** The beginning of a text. Half a surrogate pair, which no reader would accept, becomes U+FFFD. */
export function shortText(text: string, lengthMax: number): string {
  return text.slice(0, lengthMax).replace(/\p{Surrogate}/gu, "\ufffd");
}

// The payload of a `goodbye` frame: [code, message]. `closed` is an orderly end; any other code says what is wrong.

import { WireError } from "../wire/index.js";
import { FAILURE_CODE_LENGTH_MAX, FAILURE_MESSAGE_LENGTH_MAX, shortText } from "./failure.js";

export function goodbyePayload(code: string, message: string): unknown {
  return [shortText(code, FAILURE_CODE_LENGTH_MAX), shortText(message, FAILURE_MESSAGE_LENGTH_MAX)];
}

/** @throws WireError `goodbye-invalid` */
export function parseGoodbye(payload: unknown): { readonly code: string; readonly message: string } {
  const [code, message] = Array.isArray(payload) ? (payload as unknown[]) : [];
  if (typeof code !== "string" || typeof message !== "string") {
    throw new WireError("goodbye-invalid", "a goodbye has a code and a message");
  }
  return { code: shortText(code, FAILURE_CODE_LENGTH_MAX), message: shortText(message, FAILURE_MESSAGE_LENGTH_MAX) };
}

// The payload of a `goodbye` frame: [code, message]. `closed` is an orderly end; any other code says what is wrong.

import { WireError } from "../wire/index.js";

const CODE_LENGTH_MAX = 128;
const MESSAGE_LENGTH_MAX = 1024;

export function goodbyePayload(code: string, message: string): unknown {
  return [code.slice(0, CODE_LENGTH_MAX), message.slice(0, MESSAGE_LENGTH_MAX)];
}

/** @throws WireError `goodbye-invalid` */
export function parseGoodbye(payload: unknown): { readonly code: string; readonly message: string } {
  const [code, message] = Array.isArray(payload) ? (payload as unknown[]) : [];
  if (typeof code !== "string" || typeof message !== "string") {
    throw new WireError("goodbye-invalid", "a goodbye has a code and a message");
  }
  return { code, message };
}

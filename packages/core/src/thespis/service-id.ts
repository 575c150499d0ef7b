// The ids under which thespis_remote knows services: a hash of the namespace and the name of the message's type.

import type { ThespisMessage } from "../actor/index.js";
import { WireError } from "../wire/index.js";
import { xxh64 } from "./xxh64.js";

/** Rust's way to write the path of a type as text, which is what the original hashes; Rust does not promise it. */
const SEPARATOR = " :: ";

/** Of frames that are errors, and of responses: no service has them. */
export const ERROR_ID = 0n;
export const RESPONSE_ID = 0xffff_ffff_ffff_ffffn;

const known = new WeakMap<ThespisMessage, bigint>();

/** @throws WireError `thespis-unmapped` for the two ids that mean something else: the message needs another name. */
export function serviceIdOf(message: ThespisMessage): bigint {
  const found = known.get(message);
  if (found !== undefined) return found;
  const text = `${message.namespace}${SEPARATOR}${message.type}`;
  const id = xxh64(new TextEncoder().encode(text));
  if (id === ERROR_ID || id === RESPONSE_ID) throw new WireError("thespis-unmapped", `${text} has a reserved id`);
  known.set(message, id);
  return id;
}

// The payload of a `provide` frame: the name of a service, its fingerprint, and its messages in the order of their
// numbers. The id of the frame is the slot, under which calls and sends reach it.

import { NAME_BYTES_MAX, SERVICE_MESSAGES_MAX, type AnyService, type Message } from "../actor/index.js";
import { WireError } from "../wire/index.js";

/** A service as the other side announced it. Names and kinds are apart: most services are never asked for a message. */
export interface Announcement {
  readonly name: string;
  /** 16 hexadecimal digits, equal for equal contracts. */
  readonly fingerprint: string;
  /** The names of the messages, by their numbers. */
  readonly names: readonly string[];
  /** The kinds of the messages, by their numbers; undefined for one that only a newer version has. */
  readonly kinds: readonly (Message["kind"] | undefined)[];
}

export function announcementPayload(service: AnyService): unknown {
  const messages = Object.entries(service.messages).map(([name, { kind }]) => [name, kind]);
  return [service.name, fingerprintOf(service), messages];
}

/** @throws WireError `announcement-invalid` */
export function parseAnnouncement(payload: unknown): Announcement {
  const [name, fingerprint, messages] = Array.isArray(payload) ? (payload as unknown[]) : [];
  if (!isName(name) || typeof fingerprint !== "string" || fingerprint.length > 64 || !Array.isArray(messages)) {
    throw new WireError("announcement-invalid", "a service is announced by its name, fingerprint and messages");
  }
  if (messages.length > SERVICE_MESSAGES_MAX) {
    throw new WireError("announcement-invalid", `a service has at most ${SERVICE_MESSAGES_MAX} messages`);
  }
  const names: string[] = [];
  const kinds: (Message["kind"] | undefined)[] = [];
  for (const entry of messages as unknown[]) {
    const [message, kind] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (!isName(message) || typeof kind !== "string") {
      throw new WireError("announcement-invalid", "a message is announced by its name and its kind");
    }
    names.push(message);
    // A kind from a newer version passes: its messages cannot be named in a contract of this one.
    kinds.push(kind === "call" || kind === "send" || kind === "stream" ? kind : undefined);
  }
  return { name, fingerprint, names, kinds };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= NAME_BYTES_MAX;
}

/** FNV-1a in 64 bits over the name and the sorted messages: tells contracts apart, and proves nothing. */
export function fingerprintOf(service: AnyService): string {
  const lines = Object.entries(service.messages).map(([name, { kind }]) => `${kind} ${name}`);
  const text = [service.name, ...lines.sort()].join("\n");
  let high = 0xcbf2_9ce4;
  let low = 0x8422_2325;
  for (const byte of new TextEncoder().encode(text)) {
    low = (low ^ byte) >>> 0;
    // Times 2^40 + 0x1b3, in two halves of 32 bits.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + (low << 8) + Math.floor(product / 0x1_0000_0000)) >>> 0;
    low = product >>> 0;
  }
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

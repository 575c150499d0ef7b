// The payload of a `provide` frame: the name of a service, its fingerprint, its messages in the order of their numbers, and
// the version of its contract. The id of the frame is the slot, under which calls and sends reach it.

import {
  NAME_BYTES_MAX,
  SERVICE_MESSAGES_MAX,
  SHAPE_LENGTH_MAX,
  shapeTextOf,
  type AnyService,
  type Message,
} from "../actor/index.js";
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
  /** What the values of the messages are made of, by their numbers; undefined where nothing is said. */
  readonly shapes: readonly (string | undefined)[];
  readonly version: number;
  /** The ids of the relays that it came through, one behind the other. */
  readonly path: string;
}

/** How long all shapes of a service may be together; those beyond are left out. */
export const SERVICE_SHAPES_LENGTH_MAX: number = 32 * 1024;

/** With shapes, as many as there may be; without, if the frame would be too long. */
export function announcementPayload(service: AnyService, withShapes: boolean = true): unknown {
  const { shapes, fingerprint } = describe(service);
  const messages = Object.entries(service.messages).map(([name, { kind }], index) => {
    const shape = withShapes ? shapes[index] : undefined;
    return shape === undefined ? [name, kind] : [name, kind, shape];
  });
  const whole = [service.name, fingerprint, messages];
  return service.version === 0 ? whole : [...whole, service.version];
}

/** @throws WireError `announcement-invalid` */
export function parseAnnouncement(payload: unknown): Announcement {
  let shapesLeft = SERVICE_SHAPES_LENGTH_MAX;
  const [name, fingerprint, messages, version = 0, path] = Array.isArray(payload) ? (payload as unknown[]) : [];
  if (
    !isName(name) ||
    typeof fingerprint !== "string" ||
    fingerprint.length > 64 ||
    !Array.isArray(messages) ||
    messages.length > SERVICE_MESSAGES_MAX
  ) {
    throw malformed();
  }
  const names: string[] = [];
  const kinds: (Message["kind"] | undefined)[] = [];
  const shapes: (string | undefined)[] = [];
  for (const entry of messages as unknown[]) {
    const [message, kind, shape] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (!isName(message) || typeof kind !== "string") throw malformed();
    names.push(message);
    // A kind from a newer version passes: its messages cannot be named in a contract of this one.
    kinds.push(kind === "call" || kind === "send" || kind === "stream" ? kind : undefined);
    const isKept = typeof shape === "string" && shape.length <= Math.min(shapesLeft, SHAPE_LENGTH_MAX);
    shapes.push(isKept ? shape : undefined);
    if (isKept) shapesLeft -= shape.length;
  }
  const isVersion = typeof version === "number" && Number.isInteger(version) && version >= 0;
  return { name, fingerprint, names, kinds, shapes, version: isVersion ? version : 0, path: isName(path) ? path : "" };
}

function malformed(): WireError {
  return new WireError(
    "announcement-invalid",
    `a service is a name, a fingerprint and at most ${SERVICE_MESSAGES_MAX} messages`,
  );
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= NAME_BYTES_MAX;
}

/** What is worked out once for each contract. */
interface Description {
  readonly shapes: readonly (string | undefined)[];
  readonly fingerprint: string;
}

const descriptions = new WeakMap<AnyService, Description>();

function describe(service: AnyService): Description {
  const found = descriptions.get(service);
  if (found !== undefined) return found;
  let left = SERVICE_SHAPES_LENGTH_MAX;
  const shapes = Object.values(service.messages).map((message) => {
    const shape = shapeTextOf(message);
    if (shape === undefined || shape.length > left) return undefined;
    left -= shape.length;
    return shape;
  });
  const made = { shapes, fingerprint: hashOf(service, shapes) };
  descriptions.set(service, made);
  return made;
}

/** Tells contracts apart, and proves nothing. */
export function fingerprintOf(service: AnyService): string {
  return describe(service).fingerprint;
}

/** FNV-1a in 64 bits over the name, the version unless that is 0, and the sorted messages with their shapes. */
function hashOf({ name: service, messages, version }: AnyService, shapes: readonly (string | undefined)[]): string {
  const lines = Object.entries(messages).map(([name, { kind }], index) => {
    const shape = shapes[index];
    return shape === undefined ? `${kind} ${name}` : `${kind} ${name} ${shape}`;
  });
  const text = [version === 0 ? service : `${service} ${version}`, ...lines.sort()].join("\n");
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

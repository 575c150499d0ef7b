// The greeting: what each side says of itself before anything else, and what it makes of the other's.

import { WHOLE_BYTES_MAX, WireError, type FrameSizes } from "../wire/index.js";
import { PeerError } from "./error.js";
import { FRAME_BYTES_MIN, type PeerLimits } from "./limits.js";

/** The versions of the protocol that this implementation speaks, newest last. */
export const PROTOCOL_VERSIONS: readonly number[] = Object.freeze([1]);
/** Counts additions that older peers may ignore. */
export const PROTOCOL_MINOR = 0;
/** The longest hello, header included: nothing longer is taken from a stranger. */
export const HELLO_BYTES_MAX = 4096;

const COUNT_MAX = 0xffff_ffff;

/** What a side accepts of the other one, as it says in its hello. */
export interface AnnouncedLimits {
  readonly frameBytesMax: number;
  readonly callsMax: number;
  readonly callBytesMax: number;
  readonly sendsMax: number;
  readonly sendBytesMax: number;
  readonly watchesMax: number;
  readonly messageBytesMax: number;
  readonly streamsMax: number;
  readonly streamItems: number;
  readonly streamBytes: number;
  readonly metadataBytesMax: number;
}

/** The least that each of them may be; what may be left out has none. */
const ANNOUNCED: Readonly<Record<keyof AnnouncedLimits, number | undefined>> = {
  frameBytesMax: FRAME_BYTES_MIN,
  callsMax: 1,
  callBytesMax: 1,
  sendsMax: 1,
  sendBytesMax: 1,
  watchesMax: 0,
  messageBytesMax: undefined,
  streamsMax: undefined,
  streamItems: undefined,
  streamBytes: undefined,
  metadataBytesMax: undefined,
};

/** What the other side accepts of us. */
export interface RemoteLimits extends AnnouncedLimits, FrameSizes {}

/** The same with the longest frame that goes whole: that depends on whether the other side takes parts. */
export function remoteLimitsOf(limits: AnnouncedLimits): RemoteLimits {
  const { frameBytesMax, messageBytesMax } = limits;
  const takesParts = messageBytesMax > frameBytesMax;
  return { ...limits, wholeBytesMax: takesParts ? Math.min(frameBytesMax, WHOLE_BYTES_MAX) : frameBytesMax };
}

/** What one side says of itself. */
export interface Hello {
  readonly versions: readonly number[];
  readonly minor: number;
  /** 128 bits, as 32 hexadecimal digits; new for every process or connection, as the owner chooses. */
  readonly id: string;
  readonly name: string;
  readonly heartbeatMs: number;
  readonly limits: AnnouncedLimits;
  /** How many `provide` frames follow before the greeting is complete. */
  readonly services: number;
}

/**
 * The longest announcement during the greeting, when no side knows yet what the other takes: long enough for a service
 * of 4,096 messages with names of 240 letters.
 */
export const GREETING_BYTES_MAX: number = 1024 * 1024;

let noCredit: RemoteLimits | undefined;

/** Nothing can be asked of a stranger. */
export function strangersLimits(): RemoteLimits {
  return (noCredit ??= Object.freeze({
    ...limitsFrom((name) => (name === "frameBytesMax" || name === "messageBytesMax" ? GREETING_BYTES_MAX : 0)),
    wholeBytesMax: GREETING_BYTES_MAX,
  }));
}

/** What this side says of itself. */
export function ownHello(id: string, name: string, heartbeatMs: number, limits: PeerLimits, services: number): Hello {
  return { versions: PROTOCOL_VERSIONS, minor: PROTOCOL_MINOR, id, name, heartbeatMs, limits, services };
}

/** The same of every limit. */
function limitsFrom(valueOf: (name: keyof AnnouncedLimits) => number): AnnouncedLimits {
  const names = Object.keys(ANNOUNCED) as (keyof AnnouncedLimits)[];
  return Object.fromEntries(names.map((name) => [name, valueOf(name)])) as unknown as AnnouncedLimits;
}

/**
 * What the other side takes. What only some sides can do is left out by those that cannot: long messages, streams and
 * metadata.
 */
function announcedLimitsOf(fields: Record<string, unknown>): AnnouncedLimits {
  const limits = limitsFrom((name) => {
    const min = ANNOUNCED[name];
    return min === undefined && fields[name] === undefined ? 0 : whole(fields, name, min ?? 0, COUNT_MAX);
  });
  const frameBytesMax = Math.min(limits.frameBytesMax, 0xff_ffff);
  const messageBytesMax = Math.max(frameBytesMax, limits.messageBytesMax);
  // Parts are counted in bytes of a stream.
  if (messageBytesMax > frameBytesMax) whole(fields, "streamBytes", 1, COUNT_MAX);
  return { ...limits, frameBytesMax, messageBytesMax, metadataBytesMax: Math.min(limits.metadataBytesMax, 0xffff) };
}

/** A hello as a plain value for the payload of a `hello` frame. */
export function helloPayload(hello: Hello): unknown {
  return {
    protocol: "troupe",
    versions: [...hello.versions],
    minor: hello.minor,
    id: hello.id,
    name: hello.name,
    heartbeatMs: hello.heartbeatMs,
    limits: limitsFrom((name) => hello.limits[name]),
    services: hello.services,
  };
}

/**
 * Reads the payload of a `hello` frame. Fields that are not known are ignored.
 *
 * @throws WireError `hello-invalid`; PeerError `version-mismatch` when there is no version in common.
 */
export function parseHello(payload: unknown, servicesMax: number): Hello {
  const fields = asRecord(payload, "it");
  if (fields["protocol"] !== "troupe") throw invalid("it is of another protocol");
  const versions = fields["versions"];
  if (!Array.isArray(versions) || !versions.every((version) => Number.isInteger(version))) {
    throw invalid("it has no versions");
  }
  if (!versions.some((version: number) => PROTOCOL_VERSIONS.includes(version))) {
    throw new PeerError(
      "version-mismatch",
      `it speaks version ${versions.slice(0, 8).join()}, this side ${PROTOCOL_VERSIONS.join()}`,
    );
  }
  const id = fields["id"];
  const name = fields["name"];
  if (typeof id !== "string" || !/^[0-9a-f]{32}$/.test(id)) throw invalid("it has no valid id");
  if (typeof name !== "string" || name.length > 256) throw invalid("it has no valid name");
  const limits = asRecord(fields["limits"], "its limits");
  return {
    versions: versions as number[],
    minor: whole(fields, "minor", 0, 0xffff_ffff),
    id,
    name,
    heartbeatMs: whole(fields, "heartbeatMs", 10, 3_600_000),
    limits: announcedLimitsOf(limits),
    services: whole(fields, "services", 0, servicesMax),
  };
}

function asRecord(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(`${what} must be a map`);
  }
  return value as Record<string, unknown>;
}

function whole(fields: Record<string, unknown>, name: string, min: number, max: number): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(`${name} must be a whole number from ${min} to ${max}`);
  }
  return value;
}

function invalid(why: string): WireError {
  return new WireError("hello-invalid", `in the hello: ${why}`);
}

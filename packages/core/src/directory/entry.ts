// What a directory knows of one program, and what it takes from one that registers. Pure.

import type { Random } from "../base/index.js";
import { hashOf } from "../discovery/index.js";
import { formatEndpoint, parseEndpoint } from "../transport/index.js";
import { DirectoryError } from "./error.js";

/** How long a lease may be, in milliseconds: at least, at most, and unless asked for. */
export const LEASE_MS_MIN = 1000;
/** The longest lease, in milliseconds. */
export const LEASE_MS_MAX: number = 24 * 3_600_000;
/** The lease of whoever asks for none, in milliseconds. */
export const LEASE_MS = 60_000;
/** How many endpoints an entry may have. */
export const ENTRY_ENDPOINTS_MAX = 8;
/** How many services an entry may name. */
export const ENTRY_SERVICES_MAX = 128;
/** The longest text in an entry, in UTF-16 units. */
export const ENTRY_TEXT_MAX = 256;
/** The length of an owner's key, in bytes. */
export const OWNER_KEY_BYTES = 32;

/** What a program says of itself when it registers. */
export interface Registration {
  readonly name?: string;
  /** Where it can be dialled. A host of `0.0.0.0` or `[::]` stands for the one that the directory sees. */
  readonly endpoints?: readonly string[];
  /** The names of the services that it offers. */
  readonly services?: readonly string[];
  readonly leaseMs?: number;
  /** The key of an entry that is there, or was: then that entry is changed, or made again under the same UUID. */
  readonly key?: string;
  /** The UUID that goes with the key, to be sure. */
  readonly uuid?: string;
}

/** What a directory tells of a program. */
export interface DirectoryEntry {
  /** 128 bits, as 36 characters (RFC 9562, version 8): it follows from the owner's key, which does not follow from it. */
  readonly uuid: string;
  readonly name: string;
  readonly endpoints: readonly string[];
  readonly services: readonly string[];
  /** Where the registration came from, as the directory has seen it. */
  readonly observed: string;
  /** Grows with every change, for as long as the entry is there: one that is made again begins with 1. */
  readonly version: number;
}

/** What whoever has registered gets, and nobody else. */
export interface Registered {
  readonly entry: DirectoryEntry;
  /** 64 hexadecimal digits. Whoever has it owns the entry. */
  readonly key: string;
  /** How long the entry stays without being renewed, in milliseconds. */
  readonly leaseMs: number;
}

const DOMAIN = "troupe directory entry 1\n";

/** How many bytes the texts of an entry take at most, but for a hundred or so. */
export function textBytesOf({ name, observed, endpoints, services }: DirectoryEntry): number {
  let units = name.length + observed.length;
  for (const endpoint of endpoints) units += endpoint.length;
  for (const service of services) units += service.length;
  return 3 * units;
}

/** A key for a new entry. */
export function newOwnerKey(random: Random): string {
  return hex(random.bytes(OWNER_KEY_BYTES));
}

/** The UUID that a key owns. @throws DirectoryError `registration-invalid` for what is no key. */
export function uuidOf(key: string): string {
  if (typeof key !== "string" || !/^[0-9a-f]{64}$/.test(key)) throw invalid("a key has 64 hexadecimal digits");
  const bytes = hashOf(new TextEncoder().encode(DOMAIN + key)).slice(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const digits = hex(bytes);
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    "-",
  );
}

/** Demands that a key owns a UUID. @throws DirectoryError `not-owner` */
export function demandOwner(uuid: string, key: string): void {
  if (uuidOf(key) !== uuid) throw new DirectoryError("not-owner", `this key does not own ${String(uuid).slice(0, 36)}`);
}

/** A registration that was looked at. @throws DirectoryError `registration-invalid` */
export function checkRegistration(given: Registration, observed: string): Required<Omit<Registration, "key" | "uuid">> {
  if (typeof given !== "object" || given === null) throw invalid("it is no map");
  const { name = "", endpoints = [], services = [], leaseMs = LEASE_MS } = given;
  if (!isText(name)) throw invalid("its name is no text, or too long");
  if (!areTexts(endpoints, ENTRY_ENDPOINTS_MAX)) throw invalid(`it has more than ${ENTRY_ENDPOINTS_MAX} endpoints`);
  if (!areTexts(services, ENTRY_SERVICES_MAX)) throw invalid(`it has more than ${ENTRY_SERVICES_MAX} services`);
  if (!Number.isInteger(leaseMs) || leaseMs < LEASE_MS_MIN || leaseMs > LEASE_MS_MAX) {
    throw invalid(`a lease is a whole number of milliseconds from ${LEASE_MS_MIN} to ${LEASE_MS_MAX}`);
  }
  return { name, endpoints: endpoints.map((endpoint) => seen(endpoint, observed)), services: [...services], leaseMs };
}

/** The endpoint, with the host that the directory has seen where none is said. */
function seen(endpoint: string, observed: string): string {
  try {
    const parts = parseEndpoint(endpoint);
    if (parts.host !== "0.0.0.0" && parts.host !== "::") return endpoint;
    return formatEndpoint({ ...parts, host: hostOf(observed) ?? "127.0.0.1" });
  } catch (error) {
    throw new DirectoryError("registration-invalid", (error as Error).message, { cause: error });
  }
}

/** The host of where a registration came from; undefined where there is none, as on Unix sockets. */
export function hostOf(observed: string): string | undefined {
  try {
    const { scheme, host } = parseEndpoint(observed);
    return host === "" || scheme === "unix" || scheme === "memory" ? undefined : host;
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= ENTRY_TEXT_MAX;
}

function areTexts(value: unknown, countMax: number): value is string[] {
  return Array.isArray(value) && value.length <= countMax && value.every((each) => isText(each) && each !== "");
}

function invalid(why: string): DirectoryError {
  return new DirectoryError("registration-invalid", `this registration is not valid: ${why}`);
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The other side of a connection: who it is and what it provides.

import type { Random } from "../base/index.js";
import type { AnyService, Message } from "../actor/index.js";
import type { Connection, Identity, Upgrade } from "../transport/index.js";
import { PeerError } from "./error.js";
import type { Announcement } from "./announcement.js";
import type { Hello } from "./hello.js";
import {
  excessOf,
  minus,
  NOTHING_PROVIDED,
  plus,
  sumOfService,
  type ProvidedLimits,
  type ProvidedSum,
} from "./provided-sum.js";
import { WireError } from "../wire/index.js";

/** What is known of the other side. */
export interface Remote {
  /** 32 hexadecimal digits that the other side chose for itself; all zeros before its hello. */
  readonly id: string;
  readonly name: string;
  readonly endpoint: string;
  /** Who it is, if the transport has verified it: for TLS, by its certificate. */
  readonly identity: Identity | undefined;
  /** How it asked for the connection, if it came by a WebSocket. */
  readonly upgrade: Upgrade | undefined;
  /** The names of the services that it provides now. */
  readonly services: readonly string[];
}

const NOT_PROVIDED = -1;

/** A service of the other side, provided or not: what its addresses hold, so that they stay valid when that changes. */
export class RemoteService {
  readonly name: string;
  /** Its number in frames, or -1 while it is not provided. */
  slot: number = NOT_PROVIDED;
  /** As long as it is provided. */
  #announcement: Announcement | undefined;
  #messages: ReadonlyMap<string, RemoteMessage> | undefined;
  /** How many messages to it wait in the outgoing lane, and in which of its queues: keeps them in order. */
  waiting = 0;
  line = 0;
  /** How many long sends to it are on their way in parts: what is said later to it waits for them. */
  sendsInParts = 0;
  /** Whether an address of this side refers to it: then it is kept while it is not provided. */
  isHeld = false;

  constructor(name: string) {
    this.name = name;
  }

  get isProvided(): boolean {
    return this.slot !== NOT_PROVIDED;
  }

  /**
   * Its messages by name, none while it is not provided. The table is made when one is first asked for: it takes several
   * times what the announcement does, and a stranger may announce what nobody here has ever heard of.
   */
  get messages(): ReadonlyMap<string, RemoteMessage> {
    return (this.#messages ??= tableOf(this.#announcement));
  }

  get announcement(): Announcement | undefined {
    return this.#announcement;
  }

  /** From now on it is provided under a slot; or, without an announcement, not any more. */
  announced(announcement: Announcement | undefined, slot: number = NOT_PROVIDED): void {
    this.slot = slot;
    this.#announcement = announcement;
    this.#messages = undefined;
  }
}

/** One message of the other side: its number in frames. */
export interface RemoteMessage {
  readonly index: number;
  readonly kind: Message["kind"] | undefined;
}

function tableOf(announcement: Announcement | undefined): ReadonlyMap<string, RemoteMessage> {
  const { names = [], kinds = [] } = announcement ?? {};
  return new Map(names.map((name, index) => [name, { index, kind: kinds[index] }]));
}

/** The services of the other side by name and by slot. */
export class RemoteServices {
  readonly #byName = new Map<string, RemoteService>();
  readonly #bySlot = new Map<number, RemoteService>();
  readonly #limits: ProvidedLimits;
  #sum = NOTHING_PROVIDED;

  constructor(limits: ProvidedLimits) {
    this.#limits = limits;
  }

  get names(): string[] {
    return [...this.#bySlot.values()].map(({ name }) => name);
  }

  /** The service of that name; one that is not provided yet is made. */
  of(service: AnyService): RemoteService {
    const found = this.#of(service.name);
    found.isHeld = true;
    return found;
  }

  /** The service of that name, if there is one to know of. */
  named(name: string): RemoteService | undefined {
    return this.#byName.get(name);
  }

  /** @throws WireError `announcement-invalid` for a slot that is taken, or more than the limits allow. */
  provide(slot: number, announcement: Announcement): RemoteService {
    const service = this.#of(announcement.name);
    if (slot > 0xffff || this.#bySlot.has(slot) || service.isProvided) {
      throw new WireError("announcement-invalid", `${announcement.name} or its slot is taken`);
    }
    const sum = plus(this.#sum, sumOf(announcement));
    const excess = excessOf(sum, this.#limits);
    if (excess !== undefined) throw new WireError("announcement-invalid", excess);
    this.#sum = sum;
    this.#bySlot.set(slot, service);
    service.announced(announcement, slot);
    return service;
  }

  withdraw(slot: number): RemoteService | undefined {
    const service = this.#bySlot.get(slot);
    if (service?.announcement === undefined) return undefined;
    this.#bySlot.delete(slot);
    this.#sum = minus(this.#sum, sumOf(service.announcement));
    service.announced(undefined);
    if (!service.isHeld) this.#byName.delete(service.name);
    return service;
  }

  #of(name: string): RemoteService {
    let service = this.#byName.get(name);
    if (service === undefined) this.#byName.set(name, (service = new RemoteService(name)));
    return service;
  }
}

function sumOf({ name, names }: Announcement): ProvidedSum {
  return sumOfService(name, names);
}

/** The id of whoever has not said hello. */
export const UNKNOWN_ID = "00000000000000000000000000000000";

/** A fresh 128-bit id. */
export function randomId(random: Random): string {
  return [...random.bytes(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What users see of a hello, and of the connection that it came over. */
export function remoteOf(hello: Hello | undefined, connection: Connection, services: RemoteServices): Remote {
  const { remoteEndpoint, identity, upgrade } = connection;
  return {
    id: hello?.id ?? UNKNOWN_ID,
    name: hello?.name ?? "",
    endpoint: remoteEndpoint,
    identity,
    upgrade,
    get services() {
      return services.names;
    },
  };
}

/** Why a message to `service` cannot be sent, if that is known on this side already. */
export function unreachable(service: RemoteService, message: string): PeerError {
  return service.isProvided
    ? new PeerError("unknown-message", `the other side's ${service.name} has no such ${message}`)
    : new PeerError("unknown-service", `the other side does not provide ${service.name}`);
}

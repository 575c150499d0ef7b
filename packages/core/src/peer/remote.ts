// The other side of a connection: who it is and what it provides.

import type { Random } from "../base/index.js";
import type { AnyService, Message } from "../actor/index.js";
import { PeerError } from "./error.js";
import type { Announcement } from "./announcement.js";
import type { Hello } from "./hello.js";
import { WireError } from "../wire/index.js";

/** What is known of the other side. */
export interface Remote {
  /** 32 hexadecimal digits that the other side chose for itself; all zeros before its hello. */
  readonly id: string;
  readonly name: string;
  readonly endpoint: string;
  /** The names of the services that it provides now. */
  readonly services: readonly string[];
}

const NOT_PROVIDED = -1;

/** A service of the other side, provided or not: what its addresses hold, so that they stay valid when that changes. */
export class RemoteService {
  readonly name: string;
  /** Its number in frames, or -1 while it is not provided. */
  slot: number = NOT_PROVIDED;
  fingerprint = "";
  messages: ReadonlyMap<string, { readonly index: number; readonly kind: Message["kind"] }> = NO_MESSAGES;
  /** How many messages to it wait in the outgoing lane, and in which of its queues: keeps them in order. */
  waiting = 0;
  waitsAmongCalls = false;
  /** Whether an address of this side refers to it: then it is kept while it is not provided. */
  isHeld = false;

  constructor(name: string) {
    this.name = name;
  }

  get isProvided(): boolean {
    return this.slot !== NOT_PROVIDED;
  }
}

const NO_MESSAGES: RemoteService["messages"] = new Map();

/** The services of the other side by name and by slot. */
export class RemoteServices {
  readonly #byName = new Map<string, RemoteService>();
  readonly #bySlot = new Map<number, RemoteService>();
  readonly #servicesMax: number;

  constructor(servicesMax: number) {
    this.#servicesMax = servicesMax;
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

  /** @throws WireError `announcement-invalid` for a slot that is taken, or too many services. */
  provide(slot: number, announcement: Announcement): RemoteService {
    const service = this.#of(announcement.name);
    if (slot > 0xffff || this.#bySlot.has(slot) || service.isProvided) {
      throw new WireError(
        "announcement-invalid",
        `${announcement.name} is announced twice, or under a slot that is taken`,
      );
    }
    if (this.#bySlot.size >= this.#servicesMax) {
      throw new WireError("announcement-invalid", `more than ${this.#servicesMax} services are provided`);
    }
    this.#bySlot.set(slot, service);
    service.slot = slot;
    service.fingerprint = announcement.fingerprint;
    service.messages = new Map(announcement.messages.map(({ name, kind }, index) => [name, { index, kind }]));
    return service;
  }

  withdraw(slot: number): RemoteService | undefined {
    const service = this.#bySlot.get(slot);
    if (service === undefined) return undefined;
    this.#bySlot.delete(slot);
    service.slot = NOT_PROVIDED;
    service.messages = NO_MESSAGES;
    if (!service.isHeld) this.#byName.delete(service.name);
    return service;
  }

  #of(name: string): RemoteService {
    let service = this.#byName.get(name);
    if (service === undefined) this.#byName.set(name, (service = new RemoteService(name)));
    return service;
  }
}

/** The id of whoever has not said hello. */
export const UNKNOWN_ID = "00000000000000000000000000000000";

/** A fresh 128-bit id. */
export function randomId(random: Random): string {
  return [...random.bytes(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The part of a hello that users see. */
export function remoteOf(hello: Hello | undefined, endpoint: string, services: RemoteServices): Remote {
  return {
    id: hello?.id ?? UNKNOWN_ID,
    name: hello?.name ?? "",
    endpoint,
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

// The services that a peer provides, by slot: the number under which the other side reaches them. A slot is never used
// again, since messages for its last service may still be on their way.

import type { AnyService } from "../actor/index.js";
import { FrameKind, WireError } from "../wire/index.js";
import { announcementPayload } from "./announcement.js";
import { relayedPayload } from "./relayed-announcement.js";
import { plain, type Channel } from "./channel.js";
import { PeerError } from "./error.js";
import { demandProvidable } from "./provided-sum.js";
import type { ProvidedService } from "./service-map.js";

/** As many as two bytes can number. */
const SLOTS_MAX = 0x1_0000;

/** Announces what changes, from the first announcement on until `close`. */
export class ServiceSlots {
  readonly #channel: Channel;
  readonly #slots: (ProvidedService | undefined)[] = [];
  #isAnnouncing = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** How many services are provided now. */
  get size(): number {
    return this.#slots.filter((slot) => slot !== undefined).length;
  }

  at(slot: number): ProvidedService | undefined {
    return this.#slots[slot];
  }

  /**
   * Demands that all of these can be added once those of the same names are removed.
   *
   * @throws PeerError `slots-exhausted`, or `services-too-large` when the other side would not take so much.
   */
  demandRoom(added: readonly ProvidedService[]): void {
    if (this.#slots.length + added.length > SLOTS_MAX) {
      throw new PeerError("slots-exhausted", "too many services were provided and withdrawn");
    }
    const names = new Set(added.map(({ service }) => service.name));
    const kept = this.#slots.filter((slot) => slot !== undefined && !names.has(slot.service.name));
    demandProvidable([...(kept as ProvidedService[]), ...added], this.#channel.limits);
  }

  /** Whether all of these can be added. */
  hasRoom(added: readonly ProvidedService[]): boolean {
    try {
      this.demandRoom(added);
      return true;
    } catch {
      return false;
    }
  }

  /** The service of that name, if it is provided. */
  find({ name }: AnyService): ProvidedService | undefined {
    return this.#slots.find((provided) => provided?.service.name === name);
  }

  /** There must be room: see `demandRoom`. */
  add(provided: ProvidedService): void {
    this.#slots.push(provided);
    if (this.#isAnnouncing) this.#announce(this.#slots.length - 1, provided);
  }

  /** Returns the slot that it had; undefined if it had none. */
  remove(service: AnyService): number | undefined {
    const slot = this.#slots.findIndex((provided) => provided?.service.name === service.name);
    if (slot === -1) return undefined;
    this.#slots[slot] = undefined;
    if (this.#isAnnouncing) this.#channel.post(plain(FrameKind.withdraw, slot));
    return slot;
  }

  /** Announces everything that is there, after the hello. */
  announceAll(): void {
    this.#isAnnouncing = true;
    this.#slots.forEach((provided, slot) => {
      if (provided !== undefined) this.#announce(slot, provided);
    });
  }

  /** There is nobody any more to announce anything to. */
  close(): void {
    this.#isAnnouncing = false;
  }

  #announce(slot: number, { service, relayed }: ProvidedService): void {
    const header = plain(FrameKind.provide, slot);
    this.#channel.format.provided?.(slot, service);
    try {
      this.#channel.post(header, relayed === undefined ? announcementPayload(service) : relayedPayload(relayed));
    } catch (error) {
      if (!(error instanceof WireError) || error.code !== "payload-too-long") throw error;
      this.#channel.post(
        header,
        relayed === undefined ? announcementPayload(service, false) : relayedPayload(relayed, false),
      );
    }
  }
}

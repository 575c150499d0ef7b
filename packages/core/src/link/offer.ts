// What a link provides: over the connection it has, and over every later one.

import type { AnyService } from "../actor/index.js";
import { demandProvidable, limitsOf, ServiceMap, type Peer, type PeerLimits } from "../peer/index.js";

/** The services of one link. */
export class Offer {
  /** What the next connection is greeted with. */
  readonly services: ServiceMap = new ServiceMap();
  /** What has changed since a connection was greeted that is not up yet: nobody has told it. */
  #added = new ServiceMap();
  readonly #removed = new Map<string, AnyService>();

  readonly #limits: PeerLimits;

  constructor(limits: Partial<PeerLimits> | undefined) {
    this.#limits = limitsOf(limits);
  }

  /**
   * Adds services, and tells `peer` if there is one.
   *
   * @throws PeerError `services-too-large`: every later connection would come to nothing.
   */
  provide(services: ServiceMap, peer: Peer | undefined): void {
    const all = new ServiceMap().addAll(this.services).addAll(services);
    demandProvidable(all.provided(), this.#limits);
    this.services.addAll(services);
    if (peer === undefined) this.#added.addAll(services);
    else peer.provide(services);
  }

  /** Takes a service out, and tells `peer` if there is one. False if it was not there. */
  withdraw(service: AnyService, peer: Peer | undefined): boolean {
    if (peer === undefined) {
      this.#added.remove(service);
      this.#removed.set(service.name, service);
    } else peer.withdraw(service);
    return this.services.remove(service);
  }

  /** A connection is about to be greeted with what is offered now. */
  greeting(): void {
    this.#added = new ServiceMap();
    this.#removed.clear();
  }

  /** The connection that was greeted is up: tells it what has changed since. */
  greeted(peer: Peer): void {
    for (const service of this.#removed.values()) peer.withdraw(service);
    peer.provide(this.#added);
    this.greeting();
  }
}

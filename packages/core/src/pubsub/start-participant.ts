// The way to topics, on any platform: what is there to listen on and to send beacons with is given.

import { systemClock, systemRandom, type Clock, type Random } from "../base/index.js";
import { toHex } from "../discovery/index.js";
import type { Transport } from "../transport/index.js";
import { domainOf } from "./beacon.js";
import { Participant } from "./participant.js";
import type { BeaconPort } from "./participant-host.js";

/** Where a participant is to be found, and how it finds others. */
export interface ParticipantOptions {
  readonly transports: readonly Transport[];
  readonly name?: string;
  /** Participants of different domains do not see each other. `default` unless given. */
  readonly domain?: string;
  /** Where the programs of this host meet, such as `unix:///run/user/1000/troupe.sock`. There are no others unless given. */
  readonly localEndpoint?: string;
  /** Where participants of other hosts dial this one, such as `tcp://0.0.0.0:0`. There are none unless given. */
  readonly adminEndpoint?: string;
  /** Where the values of this program can be had: one endpoint for each way. */
  readonly dataEndpoints: readonly string[];
  /** What others are told of where that is. */
  readonly advertise?: (endpoints: readonly string[]) => readonly string[];
  /** Sends and hears beacons; made when this program speaks for its host. */
  readonly beacons?: () => Promise<BeaconPort | undefined>;
  /** Participants to dial without having heard of them. */
  readonly known?: readonly string[];
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Starts a participant: speaks for its host if nobody does, or joins whoever does.
 *
 * @throws TransportError when it cannot listen. PubSubError `participant-away` when whoever speaks for its host is of another domain, or
 * does not answer for `PARTICIPANT_JOIN_MS`.
 */
export async function startParticipant(options: ParticipantOptions): Promise<Participant> {
  const { clock = systemClock, random = systemRandom, domain = "default" } = options;
  const id = toHex(random.bytes(16));
  const participant = new Participant({
    id,
    name: options.name ?? id.slice(0, 8),
    domain: domainOf(domain),
    transports: options.transports,
    localEndpoint: options.localEndpoint,
    adminEndpoint: options.adminEndpoint,
    dataEndpoints: options.dataEndpoints,
    advertise: options.advertise ?? ((endpoints) => endpoints),
    beacons: options.beacons ?? (async () => undefined),
    known: options.known ?? [],
    clock,
    random,
  });
  return participant.open();
}

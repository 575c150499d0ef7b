// The way into a network.

import { systemClock, systemRandom, type Clock, type Random } from "../base/index.js";
import {
  ed25519Signing,
  MEMBERSHIP_TIMINGS,
  newIdentity,
  RECORD_ENDPOINTS_MAX,
  RECORD_TEXT_MAX,
  type Identity,
  type MembershipTiming,
  type Signing,
} from "../discovery/index.js";
import { LISTEN_DEFAULTS, ServiceMap, type PeerOptions } from "../peer/index.js";
import type { Transport } from "../transport/index.js";
import type { MayDial } from "./dial-policy.js";
import { NetworkError } from "./error.js";
import { NetworkNode } from "./network-node.js";

/** Who a node is, where it is to be found, and what it offers. */
export interface NodeOptions extends Omit<PeerOptions, "services" | "authorize" | "id" | "wireFormat"> {
  /** What may be listened on and dialled; the scheme of an endpoint chooses. */
  readonly transports: readonly Transport[];
  /** Nodes of other networks are strangers. */
  readonly network: string;
  /** Who does not know it is a stranger as well. It does not travel. */
  readonly secret?: string;
  /** The key. A new one unless given. */
  readonly identity?: Identity;
  /** How signatures are made and checked. In JavaScript unless given. */
  readonly signing?: Signing;
  readonly listen?: readonly string[];
  /** Where others can dial it, if that is not where it listens: behind a proxy, or when it listens on all addresses. */
  readonly advertise?: readonly string[] | ((endpoints: readonly string[]) => readonly string[]);
  /** Whom to ask about the others at first. Not more than one of them has to be there. */
  readonly bootstrap?: readonly string[];
  /** What members may use, and nobody else. */
  readonly services?: ServiceMap;
  /** How fast members look after each other: `lan` unless given. */
  readonly timing?: keyof typeof MEMBERSHIP_TIMINGS | MembershipTiming;
  /** Which of the endpoints that it learns from others it may dial; see `cautious`. */
  readonly mayDial?: MayDial;
  readonly connectionsMax?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Starts a node: it listens, meets those that are named in `bootstrap`, and learns of all others from them. Resolves when each of
 * those was tried once; who did not answer is tried again. Afterwards `members` fills by itself.
 *
 * @throws NetworkError `identity-taken`, `secret-mismatch`, `proof-invalid`; DiscoveryError `network-mismatch`, when nobody takes it
 * in; TransportError when it cannot listen.
 */
export async function createNode(options: NodeOptions): Promise<NetworkNode> {
  const {
    transports,
    network,
    secret,
    signing = ed25519Signing,
    listen = [],
    advertise,
    bootstrap = [],
    services = new ServiceMap(),
    timing = "lan",
    mayDial,
    connectionsMax = LISTEN_DEFAULTS.connectionsMax,
    clock = systemClock,
    random = systemRandom,
    identity = newIdentity(random, signing),
    name = identity.id.slice(0, 8),
    ...peer
  } = options;
  if (network === "" || network.length > RECORD_TEXT_MAX) {
    throw new NetworkError("option-invalid", `a network has a name of 1 to ${RECORD_TEXT_MAX} characters`);
  }
  if (listen.length > RECORD_ENDPOINTS_MAX) {
    throw new NetworkError("option-invalid", `a node listens on at most ${RECORD_ENDPOINTS_MAX} endpoints`);
  }
  const node = new NetworkNode({
    name,
    identity,
    signing,
    network,
    secret: secret === undefined ? undefined : new TextEncoder().encode(secret),
    listen,
    advertise: typeof advertise === "object" ? () => advertise : advertise,
    bootstrap,
    services,
    transports,
    timing: typeof timing === "string" ? MEMBERSHIP_TIMINGS[timing] : timing,
    mayDial,
    connectionsMax,
    clock,
    random,
    peer: { ...peer, clock, random },
  });
  return node.open();
}

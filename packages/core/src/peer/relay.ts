// Services of others, offered as if they were one's own. A relay knows its upstreams by what they announce; it passes
// messages on undecoded, and knows nothing of their contracts.
//
// Against loops every announcement has the ids of the relays that it came through. A relay takes none with its own id,
// and adds its id, and those of all its upstreams, to what it announces: so the way of a message never comes back.

import { Emitter, systemRandom, TroupeError, type Random, type Unsubscribe } from "../base/index.js";
import {
  NO_METADATA,
  RemoteError,
  SERVICE_NAMES_BYTES_MAX,
  type AnyService,
  type Ended,
  type WatchOptions,
} from "../actor/index.js";
import type { FrameReader, WireFormat } from "../wire/index.js";
import type { Announcement } from "./announcement.js";
import type { Caller } from "./caller.js";
import { cancelledBy, PeerError } from "./error.js";
import type { ClosedReason } from "./events.js";
import type { Peer } from "./peer.js";
import { sumOfService } from "./provided-sum.js";
import { RelayedOutputs, told } from "./relayed-outputs.js";
import { RELAY_CHOICES, type RelayCandidate, type RelayChoice, type RelayedMessage } from "./relay-choice.js";
import { randomId, type RemoteService, type RemoteServices } from "./remote.js";
import { UndecodedReader } from "./undecoded-reader.js";
import type { AnyCallContext, ProvidedMessage, ProvidedService } from "./service-map.js";

/** What a relay needs of a link: the peer of the moment, and the news of the next one. */
export interface UpstreamLink {
  readonly peer: Peer | undefined;
  on(type: "up", listener: (event: { readonly peer: Peer }) => void): Unsubscribe;
}

/** Whoever provides what is relayed. */
export type RelayUpstream = Peer | UpstreamLink;

/** What is relayed, and to whom. */
export interface RelayOptions {
  /** Which services are offered: everything that the upstreams provide unless set. */
  readonly services?: readonly (AnyService | string)[];
  /** Where several upstreams provide a service, which of them gets a message. `round-robin` unless set. */
  readonly choose?: keyof typeof RELAY_CHOICES | RelayChoice;
  readonly random?: Random;
}

/** What can be observed on a relay: an upstream is gone, and with it these services, unless others provide them too. */
export interface RelayEvent {
  readonly type: "relayLost";
  readonly peer: Peer;
  readonly services: readonly string[];
  readonly reason: ClosedReason;
}

/** The inside of a peer, as a relay uses it. */
export interface Upstream {
  readonly caller: Caller;
  readonly services: RemoteServices;
  readonly format: WireFormat;
  readonly reader: FrameReader;
}

/** A peer to which services are offered. */
export interface Downstream {
  readonly peer: Peer;
  readonly format: WireFormat;
  /** False if it cannot be offered there. */
  offer(provided: ProvidedService): boolean;
  /** Nothing if it was replaced or withdrawn there already. */
  withdraw(provided: ProvidedService): void;
  lost(services: readonly string[], reason: ClosedReason): void;
}

/** How many relays a service may come through: a path of more would be longer than a name. */
export const RELAY_HOPS_MAX = 16;
/** In hexadecimal digits: in a path, ids stand one behind the other. */
const RELAY_ID_LENGTH = 16;

/** An upstream with a connection. */
interface Route extends RelayCandidate {
  inFlight: number;
  readonly upstream: Upstream;
  readonly reader: UndecodedReader;
  readonly leave: () => void;
}

/** A service that at least one upstream provides. */
interface Offered {
  readonly announcement: Announcement;
  readonly format: WireFormat;
  readonly provided: ProvidedService;
  routes: Route[];
  readonly downstreams: Set<Downstream>;
}

/**
 * Offers what others provide, one or several, to all peers whose service map has it. Messages are passed on undecoded, and their
 * contracts need not be known here. A service is offered as long as at least one upstream provides it.
 *
 * @example
 * function gateway(workers: readonly Peer[]): ServiceMap {
 *   return new ServiceMap().relay(new Relay(workers, { choose: "least-loaded" }));
 * }
 */
export class Relay {
  readonly #id: string;
  readonly #names: ReadonlySet<string> | undefined;
  readonly #choose: RelayChoice;
  readonly #emitter = new Emitter<RelayEvent>();
  /** What there is of each upstream that was added, and how to stop listening to it. */
  readonly #upstreams = new Map<RelayUpstream, () => void>();
  readonly #routes = new Map<Peer, Route>();
  readonly #offered = new Map<string, Offered>();
  readonly #downstreams = new Set<Downstream>();

  /** @throws PeerError `option-invalid` */
  constructor(upstreams: RelayUpstream | readonly RelayUpstream[] = [], options: RelayOptions = {}) {
    const { services, choose = "round-robin", random = systemRandom } = options;
    this.#id = randomId(random).slice(0, RELAY_ID_LENGTH);
    this.#names = services && new Set(services.map((each) => (typeof each === "string" ? each : each.name)));
    if (typeof choose !== "function" && !Object.hasOwn(RELAY_CHOICES, choose)) {
      throw new PeerError("option-invalid", `choose must be a function, or ${Object.keys(RELAY_CHOICES).join(" or ")}`);
    }
    this.#choose = typeof choose === "function" ? choose : RELAY_CHOICES[choose]();
    for (const upstream of Array.isArray(upstreams) ? (upstreams as readonly RelayUpstream[]) : [upstreams]) {
      this.add(upstream as RelayUpstream);
    }
  }

  /** The names of what is offered now. */
  get services(): string[] {
    return [...this.#offered.keys()];
  }

  /** Adds a peer, for as long as it is connected, or a link, for every connection that it makes. */
  add(upstream: RelayUpstream): this {
    if (this.#upstreams.has(upstream)) return this;
    if (!("peer" in upstream)) {
      this.#upstreams.set(upstream, () => this.#leave(upstream, LEFT));
      this.#join(upstream);
      return this;
    }
    const stopListening = upstream.on("up", ({ peer }) => this.#join(peer));
    this.#upstreams.set(upstream, () => {
      stopListening();
      if (upstream.peer !== undefined) this.#leave(upstream.peer, LEFT);
    });
    if (upstream.peer !== undefined) this.#join(upstream.peer);
    return this;
  }

  /** Passes nothing on to it any more; what is under way goes on. False if it was not there. */
  remove(upstream: RelayUpstream): boolean {
    const leave = this.#upstreams.get(upstream);
    this.#upstreams.delete(upstream);
    leave?.();
    return leave !== undefined;
  }

  /** Lets go of all upstreams: nothing is offered any more. */
  close(): void {
    for (const upstream of [...this.#upstreams.keys()]) this.remove(upstream);
    this.#emitter.end();
  }

  /** Observes one type of event from now on. */
  on<T extends RelayEvent["type"]>(type: T, listener: (event: Extract<RelayEvent, { type: T }>) => void): Unsubscribe {
    return this.#emitter.on(type, listener);
  }

  /**
   * Offers everything to a peer, until the function that is returned is called.
   *
   * @internal
   */
  offerTo(downstream: Downstream): () => void {
    this.#downstreams.add(downstream);
    for (const offered of this.#offered.values()) offer(offered, downstream);
    return () => {
      this.#downstreams.delete(downstream);
      for (const { downstreams } of this.#offered.values()) downstreams.delete(downstream);
    };
  }

  #join(peer: Peer): void {
    if (this.#routes.has(peer) || peer.state === "closed") return;
    const stops = [
      peer.on("provided", ({ service }) => this.#update(service)),
      peer.on("withdrawn", ({ service }) => this.#update(service)),
      peer.on("closing", ({ by }) => this.#leave(peer, { by, code: "closed" })),
      // Its end may take a while, and nothing can be asked of it meanwhile.
      peer.on("fault", ({ error }) => this.#leave(peer, { by: "fault", code: codeOf(error), error })),
      peer.on("closed", ({ reason }) => {
        this.#leave(peer, reason);
        this.#upstreams.delete(peer);
      }),
    ];
    const leave = (): void => {
      for (const stop of stops) stop();
    };
    const { upstream } = peer;
    this.#routes.set(peer, { peer, inFlight: 0, upstream, reader: new UndecodedReader(upstream.reader), leave });
    for (const name of peer.remote.services) this.#update(name);
  }

  #leave(peer: Peer, reason: ClosedReason): void {
    const route = this.#routes.get(peer);
    if (route === undefined) return;
    this.#routes.delete(peer);
    if (reason === LEFT) route.leave();
    const lost = [...this.#offered.values()].filter(({ routes }) => routes.includes(route));
    const tellers = new Set(lost.flatMap(({ downstreams }) => [...downstreams]));
    const services = lost.map(({ announcement }) => announcement.name);
    for (const name of services) this.#update(name);
    if (services.length === 0 || reason === LEFT) return;
    this.#emitter.emit({ type: "relayLost", peer, services, reason });
    for (const downstream of tellers) downstream.lost(services, reason);
  }

  /** What is offered under a name may have changed. */
  #update(name: string): void {
    if (this.#names?.has(name) === false) return;
    const candidates = [...this.#routes.values()].flatMap((route) => {
      const announcement = route.upstream.services.named(name)?.announcement;
      return announcement !== undefined && this.#mayRelay(announcement) ? [{ route, announcement }] : [];
    });
    const now = this.#offered.get(name);
    const like =
      (now && candidates.find(({ announcement }) => isAlike(announcement, now.announcement))) ?? candidates[0];
    // Upstreams that disagree about the contract are not mixed, nor are those that write it differently.
    const alike = candidates.filter(
      ({ route, announcement }) =>
        like !== undefined &&
        isAlike(announcement, like.announcement) &&
        route.upstream.format === like.route.upstream.format,
    );
    const path = [...new Set([this.#id, ...alike.flatMap(({ announcement }) => idsOf(announcement))])];
    const routes = alike.map(({ route }) => route);
    const isCovered = now !== undefined && path.every((id) => idsOf(now.announcement).includes(id));
    const isSame = isCovered && now.format === like?.route.upstream.format;
    if (isSame && isAlike(like.announcement, now.announcement)) {
      now.routes = routes;
      return;
    }
    if (now !== undefined) {
      this.#offered.delete(name);
      for (const downstream of now.downstreams) downstream.withdraw(now.provided);
    }
    if (like === undefined || path.length > RELAY_HOPS_MAX) return;
    const announcement = { ...like.announcement, path: path.join("") };
    const offered = this.#offer(announcement, like.route.upstream.format, routes);
    this.#offered.set(name, offered);
    for (const downstream of this.#downstreams) offer(offered, downstream);
  }

  #mayRelay(announcement: Announcement): boolean {
    const ids = idsOf(announcement);
    // Names that are longer than a contract of this side may have would not fit into an announcement with the path.
    const [, , nameBytes] = sumOfService(announcement.name, announcement.names);
    return ids.length < RELAY_HOPS_MAX && !ids.includes(this.#id) && nameBytes <= SERVICE_NAMES_BYTES_MAX;
  }

  #offer(announcement: Announcement, format: WireFormat, routes: Route[]): Offered {
    const { name, names, kinds } = announcement;
    const messages = names.map((message, index): ProvidedMessage => {
      // What cannot be named is never asked for: its kind does not matter.
      const kind = kinds[index] ?? "send";
      const run = (input: unknown, context: AnyCallContext): unknown => pass(message, kind, input, context);
      return { name: message, kind, ...UNCHECKED, priority: 0, isRelayed: true, run };
    });
    const provided: ProvidedService = {
      // Only its name is ever looked at.
      service: { name, version: announcement.version, messages: {} },
      messages,
      sum: sumOfService(name, names),
      scheduler: undefined,
      address: { watch: (options) => watch(options) },
      relayed: announcement,
    };
    const offered: Offered = { announcement, format, provided, routes, downstreams: new Set() };

    const routeOf = (message: RelayedMessage): { readonly route: Route; readonly service: RemoteService } => {
      const { routes: candidates } = offered;
      const route = candidates.length === 1 ? candidates[0] : this.#chosen(candidates, message);
      const service = route?.upstream.services.named(name);
      if (route === undefined || service === undefined) {
        throw new RemoteError("relay-lost", `whoever provides ${name} is gone`, { maybeExecuted: false });
      }
      return { route, service };
    };

    const pass = (message: string, kind: RelayedMessage["kind"], input: unknown, context: AnyCallContext): unknown => {
      const { metadata, peer } = context;
      const { route, service } = routeOf({ service: name, message, kind, metadata, peer });
      const { caller } = route.upstream;
      const beside = metadata === NO_METADATA ? undefined : metadata;
      if (kind === "send") return caller.send(service, message, input, beside && { metadata: beside });
      const options = {
        reader: route.reader,
        signal: context.relayedSignal,
        timeoutMs: context.remainingMs,
        ...(beside && { metadata: beside }),
        ...(context.hasInputs && { inputs: context.inputs }),
      };
      route.inFlight++;
      const over = (): void => void route.inFlight--;
      if (kind === "stream") return new RelayedOutputs(caller, service, message, input, options, over);
      return caller.call(service, message, input, options).then(
        (answer) => {
          over();
          return answer;
        },
        (error: unknown) => {
          over();
          throw told(error);
        },
      );
    };

    const watch = (options: WatchOptions | undefined): Promise<Ended> => {
      const route = offered.routes[0];
      const service = route?.upstream.services.named(name);
      // Who is asked may be one of several: only the end of the last one is the end, which is a withdrawal.
      if (route === undefined || service === undefined || offered.routes.length > 1)
        return untilAborted(options?.signal);
      return route.upstream.caller.watch(service, options);
    };
    return offered;
  }

  #chosen(candidates: readonly Route[], message: RelayedMessage): Route | undefined {
    const chosen = this.#choose(candidates, message);
    return candidates.find((candidate) => candidate === chosen);
  }
}

const LEFT: ClosedReason = Object.freeze({ by: "local", code: "closed" });
const UNCHECKED = { input: undefined, output: undefined, inputs: undefined, errors: undefined };

function codeOf(error: Error): string {
  return error instanceof TroupeError ? error.code : "connection-lost";
}

/** The relays on the way to a service. */
function idsOf({ path }: Announcement): readonly string[] {
  return path.match(/.{1,16}/gs) ?? [];
}

/** Bytes of one format mean nothing in another. */
function offer(offered: Offered, downstream: Downstream): void {
  if (offered.format !== downstream.format) return;
  if (downstream.offer(offered.provided)) offered.downstreams.add(downstream);
}

/** Whether two announce the same contract, with the same numbers for its messages. */
function isAlike(one: Announcement, other: Announcement): boolean {
  return (
    one.fingerprint === other.fingerprint &&
    one.version === other.version &&
    one.names.length === other.names.length &&
    one.names.every((name, index) => name === other.names[index] && one.kinds[index] === other.kinds[index])
  );
}

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(cancelledBy(signal.reason, false)), { once: true });
  });
}

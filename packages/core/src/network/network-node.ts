// A node: an identity that listens, dials, knows the members of its network and holds one connection per member. Who
// dialled makes no difference afterwards.

import { Emitter, type Clock, type Random, type Unsubscribe } from "../base/index.js";
import type { Address, AnyService, NamesOf, Sent } from "../actor/index.js";
import {
  DiscoveryError,
  Membership,
  toHex,
  type Identity,
  type MembershipEvent,
  type MembershipTiming,
  type MemberRecord,
  type MemberView,
  type Signing,
} from "../discovery/index.js";
import {
  connect,
  listen,
  ServiceMap,
  type ClosedReason,
  type CloseOptions,
  type Listener,
  type Peer,
  type PeerOptions,
} from "../peer/index.js";
import type { Transport } from "../transport/index.js";
import { Bootstrap } from "./bootstrap.js";
import { sendToAll, type BroadcastResult } from "./broadcast.js";
import { cautious, type MayDial } from "./dial-policy.js";
import { Doorkeeper } from "./doorkeeper.js";
import { NetworkError } from "./error.js";
import { NodeProtocol, type Credentials } from "./introduction.js";
import { byRank, inTurn, type MemberChoice } from "./member-choice.js";
import { MemberLinks } from "./member-links.js";
import { nodeAddress, within, type Choose } from "./node-address.js";

/** What can be observed on a node. */
export type NodeEvent =
  | MembershipEvent
  /** There is a connection to a member that had none. */
  | { readonly type: "connected"; readonly member: MemberView; readonly peer: Peer }
  | { readonly type: "disconnected"; readonly member: MemberView; readonly reason: ClosedReason }
  /** Nobody who can be believed answers at an address to begin with; it is tried again. */
  | { readonly type: "bootstrapFailed"; readonly endpoint: string; readonly error: Error };

/** Everything that a node is made of, with all defaults filled in. */
export interface NodeParts {
  readonly name: string;
  readonly identity: Identity;
  readonly signing: Signing;
  readonly network: string;
  readonly secret: Uint8Array | undefined;
  readonly listen: readonly string[];
  readonly advertise: ((endpoints: readonly string[]) => readonly string[]) | undefined;
  readonly bootstrap: readonly string[];
  readonly services: ServiceMap;
  readonly transports: readonly Transport[];
  readonly timing: MembershipTiming;
  readonly mayDial: MayDial | undefined;
  readonly connectionsMax: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly peer: PeerOptions;
}

/** How long a member may take to say that it is still there, when another one comes with its key, in milliseconds. */
const TWIN_MS = 1000;

/** A node of a network. Made by `createNode`. */
export class NetworkNode implements AsyncDisposable {
  readonly #parts: NodeParts;
  readonly #emitter = new Emitter<NodeEvent>();
  readonly #doorkeeper: Doorkeeper;
  readonly #links: MemberLinks;
  readonly #services = new ServiceMap();
  readonly #listeners: Listener[] = [];
  readonly #dials = new Set<AbortController>();
  readonly #bootstrap: Bootstrap;
  #membership: Membership | undefined;
  #mayDial: MayDial = () => false;
  #turn = 0;
  #closing: Promise<void> | undefined;

  /** For `createNode` only. */
  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.#services.addAll(parts.services);
    const { clock, random } = parts;
    const credentials: Credentials = parts;
    this.#doorkeeper = new Doorkeeper({
      credentials,
      clock,
      random,
      own: () => this.#own,
      offer: (peer) => peer.provide(this.#services),
      welcome: (peer, record, isDialler) => this.#welcome(peer, record, isDialler),
      packet: (from, packet) => this.#membership?.receive(from, packet),
    });
    this.#bootstrap = new Bootstrap({
      endpoints: parts.bootstrap,
      clock,
      random,
      dial: async (endpoint) => (await this.#dial(endpoint)).id,
      knows: (id) => (id === undefined ? this.members.length > 0 : this.members.some((each) => each.id === id)),
      failed: (endpoint, error) => this.#emitter.emit({ type: "bootstrapFailed", endpoint, error }),
    });
    this.#links = new MemberLinks({
      clock,
      random,
      ownId: () => this.id,
      member: (id) => this.#membership?.member(id),
      dial: (member) => this.#dialMember(member),
      connected: (id, peer) => this.#with(id, (member) => this.#emitter.emit({ type: "connected", member, peer })),
      disconnected: (id, _peer, reason) =>
        this.#with(id, (member) => this.#emitter.emit({ type: "disconnected", member, reason })),
      unreachable: (id) => {
        const member = this.#membership?.member(id);
        if (member?.status === "alive") this.#membership?.suspect(member);
      },
    });
  }

  /** 32 hexadecimal digits that follow from the node's key. */
  get id(): string {
    return this.#parts.identity.id;
  }

  get name(): string {
    return this.#parts.name;
  }

  /** Where this node can be dialled, ports resolved. */
  get endpoints(): readonly string[] {
    return this.#own.endpoints;
  }

  /** All others that are there: alive, or suspected. */
  get members(): readonly MemberView[] {
    return this.#membership?.active ?? [];
  }

  /** A member by its id, also one that is gone; undefined if it was never heard of. */
  member(id: string): MemberView | undefined {
    return this.#membership?.member(id);
  }

  /** The open connection to a member, if there is one. */
  peer(id: string): Peer | undefined {
    return this.#links.peer(id);
  }

  on<T extends NodeEvent["type"]>(type: T, listener: (event: Extract<NodeEvent, { type: T }>) => void): Unsubscribe {
    return this.#emitter.on(type, listener);
  }

  /** All events from now on, until the node is closed. */
  events(): AsyncIterableIterator<NodeEvent> {
    return this.#emitter.events();
  }

  /**
   * An address of a service: at one member, by its id, or at whichever member offers it when a message is sent. A call that was
   * certainly not executed at one goes to the next; sends and streams do not.
   *
   * Messages reject with NetworkError `no-provider` or `member-unknown`, TransportError when nobody answers, or as those of a peer.
   */
  address<S extends AnyService>(service: S, target?: string | MemberChoice): Address<S> {
    return nodeAddress(service, this.#chooser(service, target), {
      peer: (id) => this.#links.peer(id),
      reach: (id, options) => within(this.#links.reach(id), options, this.#parts.clock),
      clock: this.#parts.clock,
      callTimeoutMs: this.#parts.peer.callTimeoutMs ?? Infinity,
      none: ({ name }) => {
        throw new NetworkError("no-provider", `no member of ${this.#parts.network} offers ${name}`);
      },
    });
  }

  /** Sends a message to every member that offers the service. Resolves when all have had room for it, or have not. */
  broadcast<S extends AnyService, M extends NamesOf<S["messages"], "send">>(
    service: S,
    message: M,
    input: Sent<S["messages"][M]>,
  ): Promise<BroadcastResult> {
    return sendToAll(this.#providersOf(service), (id) => {
      const address = this.address(service, id) as unknown as {
        send(message: string, input: unknown): Promise<void>;
      };
      return address.send(message, input);
    });
  }

  /**
   * Offers more services, to everybody and from now on; one of the same name is replaced.
   *
   * @throws DiscoveryError `record-invalid` when there are too many for a member's record, or their names are too long: none of them
   * is offered then.
   */
  provide(services: ServiceMap): void {
    this.#membership?.update({ services: [...new Set([...this.#names(), ...namesOf(services)])] }, () => {
      this.#services.addAll(services);
      for (const [, peer] of this.#links.open) peer.provide(services);
    });
  }

  /** Stops offering a service. False if it was not offered. */
  withdraw(service: AnyService): boolean {
    const names = this.#names();
    if (!names.includes(service.name)) return false;
    this.#membership?.update({ services: names.filter((name) => name !== service.name) }, () => {
      this.#services.remove(service);
      for (const [, peer] of this.#links.open) peer.withdraw(service);
    });
    return true;
  }

  /** Tells the others that it leaves, closes all connections in order, and stops listening. Idempotent. */
  close(options?: CloseOptions): Promise<void> {
    this.#closing ??= this.#close(options, true);
    return this.#closing;
  }

  /** The same at once, and without a word. */
  abort(): Promise<void> {
    this.#closing ??= this.#close({ graceMs: 0 }, false);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For `createNode` only. Listens, and meets whoever is there to begin with. */
  async open(): Promise<this> {
    const { transports, peer, listen: endpoints, bootstrap, mayDial, advertise, name, network } = this.#parts;
    try {
      for (const endpoint of endpoints) {
        const listener = await listen(endpoint, {
          ...peer,
          name,
          transports,
          services: this.#doorkeeper.services,
          connectionsMax: this.#parts.connectionsMax,
        });
        this.#listeners.push(listener);
        listener.on("peer", ({ peer: stranger }) => this.#doorkeeper.watch(stranger));
      }
      const bound = this.#listeners.map(({ endpoint }) => endpoint);
      const advertised = advertise?.(bound) ?? bound;
      this.#mayDial = mayDial ?? cautious(transports, [...advertised, ...bound, ...bootstrap]);
      this.#membership = new Membership(
        {
          ...this.#parts,
          network,
          endpoints: advertised,
          services: this.#names(),
          instance: toHex(this.#parts.random.bytes(8)),
        },
        { send: (to, packet) => this.#links.say(to.id, packet), changed: (event) => this.#changed(event) },
      );
      this.#membership.start();
      await this.#bootstrap.start();
    } catch (error) {
      await this.abort();
      throw error;
    }
    return this;
  }

  get #own(): MemberRecord {
    if (this.#membership === undefined) throw new NetworkError("closed", "this node is not open yet");
    return this.#membership.own;
  }

  #names(): string[] {
    return namesOf(this.#services);
  }

  #with(id: string, tell: (member: MemberView) => void): void {
    const member = this.#membership?.member(id);
    if (member !== undefined) tell(member);
  }

  #changed(event: MembershipEvent): void {
    this.#emitter.emit(event);
    if (event.type === "joined") this.#links.expect(event.member.id);
    if (event.type === "left" || event.type === "failed") this.#links.forget(event.member.id);
  }

  // Whom a message goes to.

  #providersOf({ name }: AnyService): string[] {
    return this.members.filter(({ services }) => services.includes(name)).map(({ id }) => id);
  }

  #chooser(service: AnyService, target: string | MemberChoice | undefined): Choose {
    if (typeof target === "string") return () => [target];
    const key = target?.key;
    if (key === undefined) return () => inTurn(this.#providersOf(service), this.#turn++);
    return () => byRank(this.#providersOf(service), key);
  }

  // How members meet.

  async #dialMember(member: MemberView): Promise<Peer> {
    let last: Error = new NetworkError("not-dialled", `${member.name} has no endpoint that may be dialled`);
    for (const endpoint of member.endpoints) {
      if (!this.#mayDial(endpoint)) continue;
      try {
        return (await this.#dial(endpoint, member.id)).peer;
      } catch (error) {
        last = error as Error;
      }
    }
    throw last;
  }

  async #dial(endpoint: string, expected?: string): Promise<{ peer: Peer; id: string }> {
    const { transports, peer: options, name } = this.#parts;
    if (this.#closing !== undefined) throw new NetworkError("closed", "this node is closed");
    const controller = new AbortController();
    this.#dials.add(controller);
    const { signal } = controller;
    let record: MemberRecord;
    let peer: Peer;
    try {
      peer = await connect(endpoint, { ...options, name, transports, services: this.#doorkeeper.services, signal });
      record = await this.#doorkeeper.greet(peer, signal);
    } finally {
      this.#dials.delete(controller);
    }
    if (expected !== undefined && record.id !== expected) {
      throw new NetworkError("member-unknown", `${endpoint} is not ${expected}, but ${record.name}`);
    }
    return { peer, id: record.id };
  }

  /** Somebody has proved who it is. */
  async #welcome(peer: Peer, record: MemberRecord, isDialler: boolean): Promise<void> {
    if (this.#membership === undefined || this.#closing !== undefined) throw new NetworkError("closed", "closing");
    if (record.id === this.id) {
      if (record.instance === this.#own.instance)
        throw new NetworkError("own-endpoint", "this node has dialled itself");
      throw new NetworkError("identity-taken", "this node has the same key");
    }
    if (!isDialler) await this.#demandOneOf(record);
    try {
      this.#membership.learn(record.signed);
    } catch (error) {
      if (!(error instanceof DiscoveryError)) throw error;
      this.#emitter.emit({ type: "refused", from: record.id, error });
      throw error;
    }
    if (!this.#links.introduced(peer, record, isDialler)) {
      // The other side keeps the same one, and closes this one or waits for that.
      void peer.close();
      return;
    }
    if (isDialler) this.#membership.sync(record.id);
    else peer.provide(this.#services);
  }

  /** Two programs with one key: the one that is there stays, if it still answers. */
  async #demandOneOf({ id, instance, name }: MemberRecord): Promise<void> {
    const before = this.#links.peer(id);
    if (before === undefined || this.#links.instance(id) === instance) return;
    const answer = await before
      .address(NodeProtocol)
      .call("alive", undefined, { timeoutMs: TWIN_MS })
      .catch(() => undefined);
    if (answer !== undefined && answer !== instance) {
      throw new NetworkError("identity-taken", `${name} is there already, with the same key`);
    }
  }

  async #close(options: CloseOptions | undefined, isOrderly: boolean): Promise<void> {
    const peers = this.#links.open.map(([, peer]) => peer);
    if (isOrderly) this.#membership?.leave();
    this.#membership?.close();
    this.#links.close();
    this.#doorkeeper.close();
    this.#bootstrap.close();
    for (const dial of this.#dials) dial.abort();
    if (!isOrderly) for (const peer of peers) peer.abort("the node was aborted");
    await Promise.all([
      ...peers.map((peer) => peer.close(options)),
      ...this.#listeners.map((listener) =>
        isOrderly ? listener.close(options) : listener.abort("the node was aborted"),
      ),
    ]);
    this.#emitter.end();
  }
}

function namesOf(services: ServiceMap): string[] {
  return services.provided().map(({ service }) => service.name);
}

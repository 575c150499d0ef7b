// One connection per member, whoever dialled it. When both dial at once, that of the greater id stays; one that is lost is
// made again, by the greater id at once and by the other a little later.

import type { CancelTimer, Clock, Random } from "../base/index.js";
import type { MemberRecord, MemberView, Packet } from "../discovery/index.js";
import type { ClosedReason, Peer } from "../peer/index.js";
import { NetworkError } from "./error.js";
import { NodeProtocol } from "./introduction.js";

/** How many packets wait for a connection that is being made; the oldest are dropped. */
export const PACKETS_WAITING_MAX = 16;
/** How long the side with the smaller id leaves dialling to the other one, in milliseconds. */
export const YIELD_MS = 1500;
/** How long after a failed dial the next one is made at the earliest, and at most, in milliseconds. */
export const REDIAL_MIN_MS = 250;
/** The longest delay between two dials of a member, in milliseconds. */
export const REDIAL_MAX_MS = 30_000;
/** How long a connection that another one replaces may take to answer what it was asked, in milliseconds. */
const REPLACED_GRACE_MS = 5000;

/** What links use and tell. */
export interface LinksHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly ownId: () => string;
  readonly member: (id: string) => MemberView | undefined;
  /** Dials a member and introduces this side; `introduced` was called before it resolves. */
  readonly dial: (member: MemberView) => Promise<Peer>;
  readonly connected: (id: string, peer: Peer) => void;
  readonly disconnected: (id: string, peer: Peer, reason: ClosedReason) => void;
  /** Nobody answers at any endpoint of a member. */
  readonly unreachable: (id: string, error: Error) => void;
}

interface MemberLink {
  readonly id: string;
  peer: Peer | undefined;
  /** Whether this side has dialled `peer`. */
  isDialler: boolean;
  instance: string;
  dialling: Promise<Peer> | undefined;
  waiting: Packet[];
  failures: number;
  mayDialAt: number;
  cancelDial: CancelTimer | undefined;
}

export class MemberLinks {
  readonly #host: LinksHost;
  readonly #links = new Map<string, MemberLink>();
  #isClosed = false;

  constructor(host: LinksHost) {
    this.#host = host;
  }

  /** The open connection to a member. */
  peer(id: string): Peer | undefined {
    return this.#links.get(id)?.peer;
  }

  /** How many members are kept here, with a connection or without. */
  get size(): number {
    return this.#links.size;
  }

  /** All that are open. */
  get open(): [id: string, peer: Peer][] {
    return [...this.#links.values()].flatMap(({ id, peer }) => (peer === undefined ? [] : [[id, peer]]));
  }

  instance(id: string): string | undefined {
    return this.#links.get(id)?.instance;
  }

  /** A peer has proved to be a member. False if there is a better one already: then it is to be closed. */
  introduced(peer: Peer, { id, instance }: MemberRecord, isDialler: boolean): boolean {
    const link = this.#link(id);
    const before = link.peer;
    if (before !== undefined && link.instance === instance && link.isDialler !== isDialler) {
      const isWanted = isDialler === this.#host.ownId() > id;
      if (!isWanted) return false;
    }
    link.peer = peer;
    link.isDialler = isDialler;
    link.instance = instance;
    link.failures = 0;
    link.cancelDial?.();
    link.cancelDial = undefined;
    void peer.closed.then((reason) => this.#closed(link, peer, reason));
    if (before !== undefined) void before.close({ graceMs: REPLACED_GRACE_MS });
    for (const packet of link.waiting.splice(0)) this.#write(peer, packet);
    if (before === undefined) this.#host.connected(id, peer);
    return true;
  }

  /** Says something about members; it may be lost. */
  say(id: string, packet: Packet): void {
    const link = this.#link(id);
    if (link.peer !== undefined) return this.#write(link.peer, packet);
    link.waiting.push(packet);
    if (link.waiting.length > PACKETS_WAITING_MAX) link.waiting.shift();
    if (link.mayDialAt <= this.#host.clock.now()) this.reach(id).catch(() => {});
  }

  /** Resolves with the connection to a member, which is made if there is none. @throws NetworkError `member-unknown` */
  reach(id: string): Promise<Peer> {
    const link = this.#link(id);
    if (link.peer !== undefined) return Promise.resolve(link.peer);
    link.dialling ??= this.#dial(link).finally(() => (link.dialling = undefined));
    return link.dialling;
  }

  /** A member is there: a connection to it is made, by the greater id now and by the other if that has not. */
  expect(id: string): void {
    const link = this.#link(id);
    if (link.peer !== undefined || link.cancelDial !== undefined) return;
    const { clock, random, ownId } = this.#host;
    const delayMs = ownId() > id ? 0 : YIELD_MS * (1 + random.next());
    this.#later(link, Math.max(delayMs, link.mayDialAt - clock.now()));
  }

  /** A member is gone for good. */
  forget(id: string): void {
    const link = this.#links.get(id);
    link?.cancelDial?.();
    if (link !== undefined && link.peer === undefined) this.#links.delete(id);
  }

  close(): void {
    this.#isClosed = true;
    for (const link of this.#links.values()) {
      link.cancelDial?.();
      link.waiting = [];
    }
  }

  #link(id: string): MemberLink {
    let link = this.#links.get(id);
    if (link === undefined) {
      this.#sweep();
      link = {
        id,
        peer: undefined,
        isDialler: false,
        instance: "",
        dialling: undefined,
        waiting: [],
        failures: 0,
        mayDialAt: 0,
        cancelDial: undefined,
      };
      this.#links.set(id, link);
    }
    return link;
  }

  /** Nothing is kept of those whom nobody remembers any more. */
  #sweep(): void {
    for (const [id, { peer, dialling }] of this.#links) {
      if (peer === undefined && dialling === undefined && this.#host.member(id) === undefined) this.#links.delete(id);
    }
  }

  #write(peer: Peer, packet: Packet): void {
    if (peer.state === "closed") return;
    try {
      peer.address(NodeProtocol).trySend("packet", packet);
    } catch {
      // It is on its way out.
    }
  }

  async #dial(link: MemberLink): Promise<Peer> {
    const { clock, random, member, dial, unreachable } = this.#host;
    const view = member(link.id);
    if (this.#isClosed) throw new NetworkError("closed", "this node is closed");
    if (view === undefined) throw new NetworkError("member-unknown", `there is no member ${link.id}`);
    try {
      const peer = await dial(view);
      // The other side may have dialled meanwhile, and its connection be the one that stays.
      return link.peer ?? peer;
    } catch (error) {
      if (link.peer !== undefined) return link.peer;
      link.failures++;
      // What waited is old news by the next time.
      link.waiting = [];
      const limitMs = Math.min(REDIAL_MAX_MS, REDIAL_MIN_MS * 2 ** Math.min(link.failures, 20));
      link.mayDialAt = clock.now() + limitMs * (0.5 + random.next() / 2);
      unreachable(link.id, error as Error);
      throw error;
    }
  }

  #later(link: MemberLink, delayMs: number): void {
    if (this.#isClosed) return;
    link.cancelDial = this.#host.clock.schedule(Math.max(0, delayMs), () => {
      link.cancelDial = undefined;
      if (link.peer !== undefined || this.#host.member(link.id) === undefined) return;
      this.reach(link.id).catch(() => {
        const status = this.#host.member(link.id)?.status;
        if (status === "alive" || status === "suspect") this.#later(link, link.mayDialAt - this.#host.clock.now());
      });
    });
  }

  #closed(link: MemberLink, peer: Peer, reason: ClosedReason): void {
    if (link.peer !== peer) return;
    link.peer = undefined;
    this.#host.disconnected(link.id, peer, reason);
    const status = this.#host.member(link.id)?.status;
    if (!this.#isClosed && (status === "alive" || status === "suspect")) this.expect(link.id);
  }
}

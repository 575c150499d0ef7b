// Who is there, found out together: SWIM (Das, Gupta, Motivala, 2002) with suspicion, refutation and the local health of
// Lifeguard (Dadgar, Phillips, Currey, 2017). Pure: packets and time in, packets and events out. It knows nothing of
// connections; a packet may be lost, late, or come twice.

import type { CancelTimer, Clock, Random } from "../base/index.js";
import type { Signing } from "./ed25519.js";
import { DiscoveryError } from "./error.js";
import type { Identity } from "./identity.js";
import { Member, type MemberView } from "./member.js";
import { readRecord, signRecord, type MemberContent, type MemberRecord } from "./member-record.js";
import {
  AWARENESS_MAX,
  MEMBERSHIP_TIMINGS,
  retransmitsOf,
  suspicionMs,
  type MembershipTiming,
} from "./membership-timing.js";
import { News } from "./news.js";
import type { Claim, Packet, Update } from "./packet.js";
import { Probes } from "./probes.js";

/** How many members one member remembers, those that are gone included. */
export const MEMBERS_MAX = 4096;

/** What can be observed on a membership. */
export type MembershipEvent =
  /** It is there: for the first time, or again after it had left or failed. */
  | { readonly type: "joined"; readonly member: MemberView }
  /** What it says of itself has changed. */
  | { readonly type: "updated"; readonly member: MemberView }
  | { readonly type: "suspected"; readonly member: MemberView }
  /** It was suspected, and has said that it is alive. */
  | { readonly type: "recovered"; readonly member: MemberView }
  /** It has said goodbye. */
  | { readonly type: "left"; readonly member: MemberView }
  /** It has not answered for as long as members are given. */
  | { readonly type: "failed"; readonly member: MemberView }
  /** Somebody else has this node's key, and speaks as it. */
  | { readonly type: "conflict"; readonly instance: string }
  /** Something that came was not believed. */
  | { readonly type: "refused"; readonly from: string; readonly error: DiscoveryError };

/** What a membership uses and tells. */
export interface MembershipHost {
  /** Says something to a member; it may be lost. */
  send(to: MemberView, packet: Packet): void;
  changed(event: MembershipEvent): void;
}

/** Who this member is. */
export interface MembershipOptions {
  readonly identity: Identity;
  readonly signing: Signing;
  readonly network: string;
  readonly name: string;
  readonly endpoints: readonly string[];
  readonly services: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  /** 16 hexadecimal digits, new for each start. */
  readonly instance: string;
  readonly timing?: MembershipTiming;
}

type OwnPart = Partial<Pick<MemberContent, "endpoints" | "services" | "hasLeft">>;

export class Membership {
  readonly timing: MembershipTiming;
  readonly clock: Clock;
  readonly random: Random;
  readonly #options: MembershipOptions;
  readonly #host: MembershipHost;
  readonly #members = new Map<string, Member>();
  readonly #news = new News();
  readonly #probes: Probes;
  readonly #cancels = new Map<string, CancelTimer>();
  #own: MemberRecord;
  #awareness = 0;
  #revivedAt = -Infinity;
  #isClosed = false;
  /** Packets said and heard, for figures. */
  packetsSent = 0;
  packetsReceived = 0;

  constructor(options: MembershipOptions, host: MembershipHost) {
    const { identity, network, name, endpoints, services, instance, signing } = options;
    this.#options = options;
    this.#host = host;
    this.timing = options.timing ?? MEMBERSHIP_TIMINGS.lan;
    this.clock = options.clock;
    this.random = options.random;
    const content = { publicKey: identity.publicKey, network, name, endpoints, services, instance };
    this.#own = signRecord({ ...content, incarnation: 1, hasLeft: false }, identity, signing);
    this.#probes = new Probes(this);
  }

  get own(): MemberRecord {
    return this.#own;
  }

  /** How much this side doubts itself, from 0 to `AWARENESS_MAX`. */
  get awareness(): number {
    return this.#awareness;
  }

  /** All others that are known, those that are gone included. */
  get members(): Member[] {
    return [...this.#members.values()];
  }

  /** The others that are there. */
  get active(): Member[] {
    return this.members.filter(({ isActive }) => isActive);
  }

  member(id: string): Member | undefined {
    return this.#members.get(id);
  }

  /** Begins to look after others. */
  start(): void {
    const { gossipIntervalMs, syncIntervalMs } = this.timing;
    this.#probes.start();
    this.#every(
      "gossip",
      () => gossipIntervalMs,
      () => this.#gossip(),
    );
    this.#every(
      "sync",
      () => this.#syncMs(syncIntervalMs),
      () => this.#syncWithAny(),
    );
  }

  /** Stops at once, without a word. */
  close(): void {
    this.#isClosed = true;
    this.#probes.close();
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
    for (const member of this.#members.values()) member.cancelSuspicion?.();
  }

  /** Says to all that are there that this member leaves. */
  leave(): void {
    this.#renew({ hasLeft: true }, 0);
    for (const member of this.active) this.#say(member, { kind: "news", sequence: 0, updates: [this.#own.signed] });
  }

  /**
   * This member offers other services, or is somewhere else. The others hear of it when `ready` has returned.
   *
   * @throws DiscoveryError `record-invalid` when that is no record; nothing has changed then.
   */
  update(part: OwnPart, ready: () => void = () => {}): void {
    this.#renew(part, 0);
    ready();
    this.#gossip();
  }

  /** Takes a record that came by another way, such as a greeting. @throws DiscoveryError */
  learn(update: Update): Member | undefined {
    if (!("bytes" in update)) return undefined;
    const record = readRecord(update, this.#options.network, this.#options.signing);
    this.#alive(record);
    return this.#members.get(record.id);
  }

  /** Compares everything with a member. */
  sync(id: string): void {
    const member = this.#members.get(id);
    if (member !== undefined) this.#say(member, { kind: "sync", sequence: 0, updates: this.#everything() });
  }

  /** A packet came from a member that is known. */
  receive(from: string, packet: Packet): void {
    if (this.#isClosed) return;
    this.packetsReceived++;
    for (const update of packet.updates) this.#take(from, update);
    const sender = this.#members.get(from);
    if (sender === undefined) return;
    if (packet.kind === "sync") this.#say(sender, { kind: "state", sequence: 0, updates: this.#everything() });
    else this.#probes.received(sender, packet);
    // Whoever is taken for dead has to hear of it, to say that it is not.
    const claim = sender.claim(this.#own.id);
    if (claim?.status === "dead") this.#revivedAt = this.clock.now();
    if (claim !== undefined) this.#say(sender, { kind: "news", sequence: 0, updates: [claim] });
  }

  /** Says something, with whatever news there is. */
  send(to: Member, kind: Packet["kind"], sequence: number, target?: string): void {
    const updates = this.#news.take(retransmitsOf(this.timing, this.active.length + 1));
    this.#say(to, target === undefined ? { kind, sequence, updates } : { kind, sequence, target, updates });
  }

  /** A member did not answer; or this side doubts itself more or less than before. */
  suspect(member: Member): void {
    if (this.#isClosed) return;
    this.#claimed({ id: member.id, incarnation: member.incarnation, status: "suspect", from: this.#own.id });
  }

  doubt(by: number): void {
    this.#awareness = Math.min(AWARENESS_MAX, Math.max(0, this.#awareness + by));
  }

  /** Some others that are there, by chance. */
  some(count: number, except?: string): Member[] {
    return this.#picked(
      this.active.filter(({ id }) => id !== except),
      count,
    );
  }

  /** One that is dead is tried again: it may be that the network between was. */
  tryDead(): void {
    this.#syncWithDead(1);
    const now = this.clock.now();
    for (const { id, isActive, changedAt, record } of this.members) {
      if (isActive || now - changedAt < this.timing.deadKeptMs) continue;
      this.#bySignature.delete(keyOf(record.signed.signature));
      this.#members.delete(id);
      this.#news.delete(id);
    }
  }

  #say(to: Member, packet: Packet): void {
    this.packetsSent++;
    this.#host.send(to, packet);
  }

  #every(name: string, delayMs: () => number, run: () => void): void {
    const again = (): void => {
      this.#cancels.set(
        name,
        this.clock.schedule(delayMs(), () => {
          run();
          again();
        }),
      );
    };
    again();
  }

  #gossip(): void {
    // Where one comes back from the dead, the others may be there as well: the network was in two.
    if (this.clock.now() - this.#revivedAt < 2 * this.timing.probeIntervalMs)
      this.#syncWithDead(this.timing.gossipFanOut);
    if (this.#news.size === 0) return;
    for (const member of this.some(this.timing.gossipFanOut)) this.send(member, "news", 0);
  }

  #picked(from: Member[], count: number): Member[] {
    const taken: Member[] = [];
    while (taken.length < count && from.length > 0) {
      taken.push(...from.splice(Math.floor(this.random.next() * from.length), 1));
    }
    return taken;
  }

  #syncWithDead(count: number): void {
    const dead = this.members.filter(({ status }) => status === "dead");
    for (const { id } of this.#picked(dead, count)) this.sync(id);
  }

  #syncWithAny(): void {
    const [member] = this.some(1);
    if (member !== undefined) this.sync(member.id);
  }

  /** Many members compare less often, so that all of them together do not do more. */
  #syncMs(intervalMs: number): number {
    return intervalMs * Math.max(1, Math.ceil(Math.log2(this.active.length + 1)) - 4);
  }

  #everything(): Update[] {
    const claims = this.members.map((member) => member.claim(this.#own.id)).filter((claim) => claim !== undefined);
    return [this.#own.signed, ...this.members.map(({ record }) => record.signed), ...claims];
  }

  #take(from: string, update: Update): void {
    try {
      if (!("bytes" in update)) return this.#claimed(update);
      if (this.#isKnown(update.bytes, update.signature)) return;
      this.#alive(readRecord(update, this.#options.network, this.#options.signing));
    } catch (error) {
      if (!(error instanceof DiscoveryError)) throw error;
      this.#host.changed({ type: "refused", from, error });
    }
  }

  /** Most of what comes was here before, byte for byte: then nothing has to be read or checked. */
  #isKnown(bytes: Uint8Array, signature: Uint8Array): boolean {
    const known = this.#bySignature.get(keyOf(signature));
    return known !== undefined && known.length === bytes.length && known.every((byte, at) => byte === bytes[at]);
  }

  readonly #bySignature = new Map<string, Uint8Array>();

  /** A member has said something of itself. */
  #alive(record: MemberRecord): void {
    if (record.id === this.#own.id) return this.#spokenFor(record);
    const known = this.#members.get(record.id);
    const now = this.clock.now();
    if (known === undefined) {
      if (this.#members.size >= MEMBERS_MAX) {
        throw new DiscoveryError("members-full", `there are ${MEMBERS_MAX} members already`);
      }
      const member = new Member(record, now);
      this.#remember(member);
      if (member.isActive) this.#host.changed({ type: "joined", member });
      return;
    }
    if (record.incarnation <= known.incarnation) return;
    const before = known.status;
    this.#bySignature.delete(keyOf(known.record.signed.signature));
    known.record = record;
    known.become(record.hasLeft ? "left" : "alive", now);
    this.#remember(known);
    if (known.status === "left") {
      if (before !== "left") this.#host.changed({ type: "left", member: known });
    } else if (before === "dead" || before === "left") {
      if (before === "dead") this.#revivedAt = now;
      this.#host.changed({ type: "joined", member: known });
    } else this.#host.changed({ type: before === "suspect" ? "recovered" : "updated", member: known });
  }

  #remember(member: Member): void {
    const { bytes, signature } = member.record.signed;
    this.#members.set(member.id, member);
    this.#bySignature.set(keyOf(signature), bytes);
    this.#news.add(member.id, member.record.signed);
  }

  /** A record of this node's own: from before it was started again, or of somebody else who has its key. */
  #spokenFor({ instance, incarnation, hasLeft }: MemberRecord): void {
    const isOwn = instance === this.#own.instance;
    if (isOwn && incarnation <= this.#own.incarnation) return;
    if (!isOwn && !hasLeft && incarnation > this.#own.incarnation + 1)
      this.#host.changed({ type: "conflict", instance });
    this.#renew({}, incarnation);
  }

  /** Somebody says that a member does not answer. */
  #claimed(claim: Claim): void {
    const { id, incarnation, status, from } = claim;
    if (id === this.#own.id) {
      // Of an incarnation that never was, nobody can know anything.
      if (incarnation !== this.#own.incarnation || this.#own.hasLeft) return;
      this.doubt(1);
      return this.#renew({}, incarnation);
    }
    const member = this.#members.get(id);
    if (member === undefined || !member.isActive || incarnation !== member.incarnation) return;
    const now = this.clock.now();
    if (status === "dead") {
      member.become("dead", now);
      this.#news.add(id, claim);
      return this.#host.changed({ type: "failed", member });
    }
    if (member.suspectedBy.has(from)) return;
    member.suspectedBy.add(from);
    this.#news.add(id, claim);
    if (member.status === "alive") {
      member.become("suspect", now);
      member.suspectedAt = now;
      this.#host.changed({ type: "suspected", member });
    }
    this.#awaitEnd(member);
  }

  /** A suspicion becomes a certainty, the sooner the more share it. */
  #awaitEnd(member: Member): void {
    member.cancelSuspicion?.();
    const waitMs = suspicionMs(this.timing, this.active.length + 1, member.suspectedBy.size - 1);
    const leftMs = Math.max(0, member.suspectedAt + waitMs - this.clock.now());
    member.cancelSuspicion = this.clock.schedule(leftMs, () => {
      this.#claimed({ id: member.id, incarnation: member.incarnation, status: "dead", from: this.#own.id });
    });
  }

  /** Says something newer of this member than `incarnation`. */
  #renew(part: OwnPart, incarnation: number): void {
    const next = Math.max(this.#own.incarnation, incarnation) + 1;
    const { signed: _, id, ...content } = this.#own;
    this.#own = signRecord({ ...content, ...part, incarnation: next }, this.#options.identity, this.#options.signing);
    this.#news.add(id, this.#own.signed);
  }
}

function keyOf(signature: Uint8Array): string {
  return String.fromCharCode(...signature.subarray(0, 16));
}

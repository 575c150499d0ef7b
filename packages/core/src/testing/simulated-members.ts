// Many memberships on one virtual clock and a network that loses, delays, cuts and pauses as it is told: the code that runs for
// real, one seed, one course of events.

import type { CancelTimer, Clock } from "../base/index.js";
import {
  hashOf,
  identityOf,
  Membership,
  MEMBERSHIP_TIMINGS,
  toHex,
  type MembershipEvent,
  type MembershipTiming,
  type Packet,
  type Signing,
} from "../discovery/index.js";
import { SeededRandom } from "./seeded-random.js";
import { VirtualClock } from "./virtual-clock.js";

/** How the simulated network treats packets. */
export interface SimulatedNetworkOptions {
  readonly seed?: number;
  /** The share of packets that are lost, from 0 to 1. */
  readonly loss?: number;
  /** How long a packet takes, in milliseconds: at least, and at most. */
  readonly delayMs?: readonly [min: number, max: number];
  readonly timing?: MembershipTiming;
}

/** Signatures that cost nothing and prove nothing outside one process: for simulations only. */
export const simulatedSigning: Signing = Object.freeze<Signing>({
  publicKeyOf: (secretKey) => secretKey.map((byte) => byte ^ 0x5a),
  sign: (secretKey, bytes) => sealed(secretKey, bytes),
  verify: (publicKey, bytes, signature) =>
    toHex(
      sealed(
        publicKey.map((byte) => byte ^ 0x5a),
        bytes,
      ),
    ) === toHex(signature),
});

function sealed(secretKey: Uint8Array, bytes: Uint8Array): Uint8Array {
  let high = 0x811c_9dc5;
  let low = 0x1234_5678;
  for (const part of [secretKey, bytes]) {
    for (const byte of part) {
      high = Math.imul(high ^ byte, 0x0100_0193);
      low = Math.imul(low + byte, 0x85eb_ca6b) ^ (low >>> 13);
    }
  }
  const signature = new Uint8Array(64);
  const view = new DataView(signature.buffer);
  for (let at = 0; at < 64; at += 8) {
    view.setInt32(at, high);
    view.setInt32(at + 4, low);
  }
  return signature;
}

/** One simulated member: its membership, and what has been done to it. */
export class SimulatedMember {
  readonly index: number;
  readonly membership: Membership;
  readonly events: (MembershipEvent & { readonly at: number })[] = [];
  readonly clock: PausableClock;
  isCrashed = false;
  /** Members of different sides do not hear each other. */
  side = 0;

  constructor(index: number, membership: Membership, clock: PausableClock) {
    this.index = index;
    this.membership = membership;
    this.clock = clock;
  }

  get id(): string {
    return this.membership.own.id;
  }
}

/** The network and everybody on it. */
export class SimulatedMembers {
  readonly clock: VirtualClock = new VirtualClock();
  readonly random: SeededRandom;
  readonly timing: MembershipTiming;
  readonly members: SimulatedMember[] = [];
  loss: number;
  packets = 0;
  readonly #delayMs: readonly [number, number];
  readonly #byId = new Map<string, SimulatedMember>();
  #trace = 0;

  constructor(options: SimulatedNetworkOptions = {}) {
    this.random = new SeededRandom(options.seed ?? 1);
    this.timing = options.timing ?? MEMBERSHIP_TIMINGS.lan;
    this.loss = options.loss ?? 0;
    this.#delayMs = options.delayMs ?? [1, 5];
  }

  /** A number that tells one course of events from another. */
  get trace(): number {
    return this.#trace >>> 0;
  }

  /** Starts a member; one that was there before under that index comes back with the same key. */
  start(index: number = this.members.length, services: readonly string[] = []): SimulatedMember {
    const clock = new PausableClock(this.clock);
    const secretKey = hashOf(new TextEncoder().encode(`member ${index}`));
    const membership: Membership = new Membership(
      {
        identity: identityOf(secretKey, simulatedSigning),
        signing: simulatedSigning,
        network: "simulated",
        name: `member ${index}`,
        endpoints: [`memory://member-${index}`],
        services,
        clock,
        random: new SeededRandom(this.random.integer(2 ** 31)),
        instance: toHex(this.random.bytes(8)),
        timing: this.timing,
      },
      {
        send: (to, packet) => this.#send(member, to.id, packet),
        changed: (event) => {
          member.events.push({ ...event, at: this.clock.now() });
          this.#traced(`${index} ${event.type} ${"member" in event ? event.member.name : ""}`);
        },
      },
    );
    const member = new SimulatedMember(index, membership, clock);
    this.members[index] = member;
    this.#byId.set(member.id, member);
    membership.start();
    return member;
  }

  /** `member` learns of `other` as a node does that has dialled it, and the other way about. */
  meet(member: SimulatedMember, other: SimulatedMember): void {
    if (member === other) return;
    other.membership.learn(member.membership.own.signed);
    member.membership.learn(other.membership.own.signed);
    member.membership.sync(other.id);
  }

  /** Stops a member without a word. */
  crash(member: SimulatedMember): void {
    member.isCrashed = true;
    member.membership.close();
  }

  /** Lets time pass. */
  advance(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Lets time pass until `isDone`, looked at once a gossip round; resolves with the rounds, or `roundsMax` and one more. */
  async rounds(roundsMax: number, isDone: () => boolean): Promise<number> {
    for (let round = 0; round <= roundsMax; round++) {
      if (isDone()) return round;
      await this.advance(this.timing.gossipIntervalMs);
    }
    return roundsMax + 1;
  }

  /** Whether all that run see each other, and nobody else. */
  get isConverged(): boolean {
    const running = this.members.filter(({ isCrashed }) => !isCrashed);
    return running.every(({ membership }) => {
      const seen = membership.members.filter(({ status }) => status === "alive");
      return seen.length === running.length - 1 && seen.every(({ id }) => this.#byId.get(id)?.isCrashed === false);
    });
  }

  /** How often somebody who runs was taken for dead. */
  get falseDeaths(): number {
    return this.members.reduce(
      (sum, { events }) =>
        sum +
        events.filter((event) => event.type === "failed" && this.#byId.get(event.member.id)?.isCrashed === false)
          .length,
      0,
    );
  }

  close(): void {
    for (const { membership } of this.members) membership.close();
  }

  #send(from: SimulatedMember, to: string, packet: Packet): void {
    this.packets++;
    if (this.random.next() < this.loss) return;
    const [min, max] = this.#delayMs;
    const delayMs = min + this.random.next() * (max - min);
    this.clock.schedule(delayMs, () => {
      const target = this.#byId.get(to);
      if (target === undefined || target.isCrashed || target.side !== from.side) return;
      this.#traced(`${from.index} ${packet.kind} ${target.index}`);
      target.clock.run(() => {
        // Whoever speaks is known, as the other end of a connection is.
        if (target.membership.member(from.id) === undefined) target.membership.learn(from.membership.own.signed);
        target.membership.receive(from.id, packet);
      });
    });
  }

  #traced(line: string): void {
    const text = `${this.clock.now().toFixed(3)} ${line}`;
    for (let i = 0; i < text.length; i++) this.#trace = Math.imul(this.#trace ^ text.charCodeAt(i), 0x0100_0193);
  }
}

/** A clock of somebody who can be stopped, as a process can, and goes on later as if nothing had been. */
export class PausableClock implements Clock {
  readonly #clock: Clock;
  #held: (() => void)[] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  schedule(delayMs: number, callback: () => void): CancelTimer {
    let isCancelled = false;
    const cancel = this.#clock.schedule(delayMs, () =>
      this.run(() => {
        if (!isCancelled) callback();
      }),
    );
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  defer(callback: () => void): void {
    this.#clock.defer(() => this.run(callback));
  }

  yield(callback: () => void): void {
    this.#clock.yield(() => this.run(callback));
  }

  /** Runs something now, or when it goes on. */
  run(callback: () => void): void {
    if (this.#held === undefined) callback();
    else this.#held.push(callback);
  }

  pause(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const callback of held) callback();
  }
}

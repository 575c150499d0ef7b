// One member asked for a sign of life each interval, through others if it does not answer at once; whoever answers
// neither way is suspected. A side whose own timers come late doubts itself first, and is slower to judge.

import type { CancelTimer } from "../base/index.js";
import type { Member } from "./member.js";
import type { Membership } from "./membership.js";
import type { Packet } from "./packet.js";

/** How many pings on behalf of others may be unanswered; the oldest are forgotten. */
const RELAYED_MAX = 1024;

interface Probe {
  readonly member: Member;
  readonly sequence: number;
  isAnswered: boolean;
}

export class Probes {
  readonly #membership: Membership;
  /** Pings of this side for others: who wants the answer, under which number. */
  readonly #relayed = new Map<number, { readonly to: Member; readonly sequence: number }>();
  #order: Member[] = [];
  #probe: Probe | undefined;
  #sequence = 0;
  #cancel: CancelTimer | undefined;
  #cancelTimeout: CancelTimer | undefined;
  #dueAt = 0;

  constructor(membership: Membership) {
    this.#membership = membership;
  }

  start(): void {
    // Not all at once, if many are started together.
    this.#next(this.#membership.random.next() * this.#membership.timing.probeIntervalMs);
  }

  close(): void {
    this.#cancel?.();
    this.#cancelTimeout?.();
  }

  received(sender: Member, { kind, sequence, target }: Packet): void {
    if (kind === "ping") this.#membership.send(sender, "ack", sequence);
    else if (kind === "ack") this.#acknowledged(sequence);
    else if (kind === "relay" && target !== undefined) this.#relay(sender, sequence, target);
  }

  #acknowledged(sequence: number): void {
    if (this.#probe?.sequence === sequence) this.#probe.isAnswered = true;
    const relayed = this.#relayed.get(sequence);
    if (relayed === undefined) return;
    this.#relayed.delete(sequence);
    this.#membership.send(relayed.to, "ack", relayed.sequence);
  }

  #relay(to: Member, sequence: number, target: string): void {
    const member = this.#membership.member(target);
    if (member === undefined) return;
    const [oldest] = this.#relayed.keys();
    if (this.#relayed.size >= RELAYED_MAX && oldest !== undefined) this.#relayed.delete(oldest);
    this.#relayed.set(++this.#sequence, { to, sequence });
    this.#membership.send(member, "ping", this.#sequence);
  }

  #next(delayMs: number): void {
    const { clock } = this.#membership;
    this.#dueAt = clock.now() + delayMs;
    this.#cancel = clock.schedule(delayMs, () => this.#round());
  }

  #round(): void {
    const { clock, timing, awareness } = this.#membership;
    const wasLate = clock.now() - this.#dueAt > timing.lagMs;
    this.#judge(wasLate);
    this.#ask();
    this.#membership.tryDead();
    this.#next(timing.probeIntervalMs * (1 + awareness));
  }

  /** What became of the probe before. Of one that this side may have slept through, nothing follows. */
  #judge(wasLate: boolean): void {
    const probe = this.#probe;
    this.#probe = undefined;
    if (wasLate) return this.#membership.doubt(1);
    if (probe === undefined) return;
    if (probe.isAnswered) return this.#membership.doubt(-1);
    if (!probe.member.isActive) return;
    this.#membership.doubt(1);
    this.#membership.suspect(probe.member);
  }

  #ask(): void {
    const member = this.#take();
    if (member === undefined) return;
    const probe: Probe = { member, sequence: ++this.#sequence, isAnswered: false };
    this.#probe = probe;
    this.#membership.send(member, "ping", probe.sequence);
    const { clock, timing, awareness } = this.#membership;
    this.#cancelTimeout?.();
    this.#cancelTimeout = clock.schedule(timing.probeTimeoutMs * (1 + awareness), () => {
      if (probe.isAnswered || this.#probe !== probe) return;
      for (const other of this.#membership.some(timing.indirectProbes, member.id)) {
        this.#membership.send(other, "relay", probe.sequence, member.id);
      }
    });
  }

  /** The next one: all of them once, in an order by chance, before anybody a second time. */
  #take(): Member | undefined {
    for (;;) {
      const member = this.#order.pop();
      if (member === undefined) {
        this.#order = this.#membership.some(Infinity);
        if (this.#order.length === 0) return undefined;
      } else if (member.isActive && this.#membership.member(member.id) === member) return member;
    }
  }
}

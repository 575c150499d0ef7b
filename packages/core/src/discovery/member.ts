// One member as another one sees it.

import type { CancelTimer } from "../base/index.js";
import type { MemberRecord } from "./member-record.js";
import type { Claim } from "./packet.js";

/** `suspect`: it did not answer, and may still say that it is alive. */
export type MemberStatus = "alive" | "suspect" | "dead" | "left";

/** A member, as users see it. */
export interface MemberView {
  readonly id: string;
  readonly name: string;
  readonly status: MemberStatus;
  readonly endpoints: readonly string[];
  /** The names of the services that it offers. */
  readonly services: readonly string[];
  readonly incarnation: number;
  readonly instance: string;
}

export class Member implements MemberView {
  record: MemberRecord;
  status: MemberStatus;
  /** On the clock's scale. */
  changedAt: number;
  /** Who suspects it, this side included. */
  readonly suspectedBy: Set<string> = new Set();
  suspectedAt = 0;
  cancelSuspicion: CancelTimer | undefined;

  constructor(record: MemberRecord, now: number) {
    this.record = record;
    this.status = record.hasLeft ? "left" : "alive";
    this.changedAt = now;
  }

  get id(): string {
    return this.record.id;
  }

  get name(): string {
    return this.record.name;
  }

  get endpoints(): readonly string[] {
    return this.record.endpoints;
  }

  get services(): readonly string[] {
    return this.record.services;
  }

  get incarnation(): number {
    return this.record.incarnation;
  }

  get instance(): string {
    return this.record.instance;
  }

  /** Whether it counts as there. */
  get isActive(): boolean {
    return this.status === "alive" || this.status === "suspect";
  }

  become(status: MemberStatus, now: number): void {
    this.status = status;
    this.changedAt = now;
    if (status === "suspect") return;
    this.cancelSuspicion?.();
    this.cancelSuspicion = undefined;
    this.suspectedBy.clear();
  }

  /** What is said of it, besides what it says itself. */
  claim(from: string): Claim | undefined {
    if (this.status !== "suspect" && this.status !== "dead") return undefined;
    return { id: this.id, incarnation: this.incarnation, status: this.status, from };
  }
}

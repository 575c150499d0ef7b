// How fast members look after each other, as presets that are differences from the first.

/** The times and counts of a membership; times in milliseconds. */
export interface MembershipTiming {
  /** One member is asked for a sign of life each interval, and has so long to answer. */
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  /** How many others are asked to try, when it does not. */
  readonly indirectProbes: number;
  /** See `suspicionMs`. */
  readonly suspicionFactor: number;
  /** How often a piece of news is passed on: this many times the logarithm of the number of members. */
  readonly retransmitFactor: number;
  /** How often news is passed on, and to how many. */
  readonly gossipIntervalMs: number;
  readonly gossipFanOut: number;
  /** How often everything is compared with one other member. */
  readonly syncIntervalMs: number;
  /** How long the dead are remembered, and tried again. */
  readonly deadKeptMs: number;
  /** How much later than due a timer may come before this side doubts itself. */
  readonly lagMs: number;
}

/** A suspicion that nobody else shares lasts this many times as long as one that many do. */
export const SUSPICION_SPREAD = 6;
/** How much slower a member that doubts itself looks after others, at most. */
export const AWARENESS_MAX = 8;

const lan: MembershipTiming = Object.freeze({
  probeIntervalMs: 1000,
  probeTimeoutMs: 500,
  indirectProbes: 3,
  suspicionFactor: 4,
  retransmitFactor: 4,
  gossipIntervalMs: 200,
  gossipFanOut: 3,
  syncIntervalMs: 30_000,
  deadKeptMs: 3_600_000,
  lagMs: 250,
});

/** One building, many sites, one machine. The constants are those of HashiCorp's memberlist. */
export const MEMBERSHIP_TIMINGS: {
  readonly lan: MembershipTiming;
  readonly wan: MembershipTiming;
  readonly local: MembershipTiming;
} = Object.freeze({
  lan,
  wan: Object.freeze({
    ...lan,
    probeIntervalMs: 5000,
    probeTimeoutMs: 3000,
    suspicionFactor: 6,
    gossipIntervalMs: 500,
    gossipFanOut: 4,
    syncIntervalMs: 60_000,
  }),
  local: Object.freeze({
    ...lan,
    probeTimeoutMs: 200,
    indirectProbes: 1,
    suspicionFactor: 3,
    retransmitFactor: 2,
    gossipIntervalMs: 100,
    syncIntervalMs: 15_000,
  }),
});

/** How many times a piece of news is passed on among `members`. Source: SWIM, section 4.1. */
export function retransmitsOf({ retransmitFactor }: MembershipTiming, members: number): number {
  return retransmitFactor * Math.ceil(Math.log10(members + 1));
}

/**
 * How long a member stays suspected, in milliseconds, when `confirmations` others suspect it as well: from
 * `factor × log10(members) × probe interval`, once as many do as can be expected, to six times that. Source: Lifeguard, section
 * IV-B.
 */
export function suspicionMs(
  { suspicionFactor, probeIntervalMs }: MembershipTiming,
  members: number,
  confirmations: number,
): number {
  const shortest = suspicionFactor * Math.max(1, Math.log10(Math.max(1, members))) * probeIntervalMs;
  const expected = Math.min(suspicionFactor - 2, Math.max(0, members - 2));
  if (expected < 1) return shortest;
  const share = Math.log(confirmations + 1) / Math.log(expected + 1);
  return Math.max(shortest, SUSPICION_SPREAD * shortest - share * (SUSPICION_SPREAD - 1) * shortest);
}

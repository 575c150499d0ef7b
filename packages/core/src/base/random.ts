// Chance as a parameter, so that one seed gives one run.

/** The source of chance. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `count` unpredictable bytes: identities are made from these. */
  bytes(count: number): Uint8Array;
}

/** The host's own randomness; `bytes` is cryptographically strong. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
};

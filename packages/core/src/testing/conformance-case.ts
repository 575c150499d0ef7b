// What a conformance suite is made of: named cases for any test runner.

/** One demand on an implementation. */
export interface ConformanceCase {
  /** The situation and what must come of it. */
  readonly name: string;
  /** Rejects with an `Error` that says what was wrong. */
  run(): Promise<void>;
}

/** Throws with `message` unless `condition` holds. */
export function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

// What the process in charge asks a measured process, and what it gets back.

import type { Effort, Measures } from "./benchmark.js";

/** Bytes, after a full collection of garbage. */
export interface Memory {
  readonly rssBytes: number;
  /** The JavaScript heap in use and what it owns outside. */
  readonly heapBytes: number;
}

export interface Questions {
  /** Answered with the endpoint. */
  readonly serve: { readonly subject: string };
  readonly connect: { readonly subject: string; readonly endpoint: string };
  /** Answered with null when the subject has no such thing. */
  readonly measure: { readonly benchmark: string; readonly effort: Effort };
  readonly "measure-local": { readonly benchmark: string; readonly subject: string; readonly effort: Effort };
  /** Opens more connections to the same endpoint, and makes one call on each. */
  readonly open: { readonly count: number };
  readonly memory: object;
}

export interface Answers {
  readonly serve: string;
  readonly connect: null;
  readonly measure: Measures | null;
  readonly "measure-local": Measures;
  readonly open: null;
  readonly memory: Memory;
}

export type Question<Kind extends keyof Questions = keyof Questions> = {
  [K in Kind]: { readonly ask: K } & Questions[K];
}[Kind];

export type Answer = { readonly value: unknown } | { readonly error: string };

// What the processes of the demo say to each other. Each contract is imported by those who provide it and by those who
// use it: types are all that they share.

import { call, defineService, send } from "@troupe/core";

/** What the server provides. */
export const Workshop = defineService("workshop", {
  /** Answers at once. */
  add: call<{ a: number; b: number }, number>(),
  /** Asks the caller for its name, over the same connection, before it answers. */
  greet: call<void, string>(),
  /** By zero it fails, with a code and data. */
  divide: call<{ a: number; b: number }, number>(),
  /** Takes until somebody sends `open`, or the caller gives up. */
  bake: call<string, string>(),
  open: send(),
  /** Slow: whoever sends more than the workshop can pack is held back. */
  pack: send<number>(),
  report: call<void, Report>(),
});

/** What a workshop has seen since it began. */
export interface Report {
  readonly pid: number;
  readonly packed: number;
  /** How many messages were sent and not yet packed, at most. */
  readonly furthestAhead: number;
  /** Why bakes were given up, in the order in which that happened. */
  readonly givenUp: readonly string[];
}

/** What the client provides to the server. */
export const Visitor = defineService("visitor", { name: call<void, string>() });

/** What the main process provides to the other two: it shows what happens, and has the server in its hands. */
export const Stage = defineService("stage", {
  /** Where the server listens, as soon as it does. */
  endpoint: call<void, string>(),
  listening: send<string>(),
  /** Answered when the line is shown, so that it stays within its step. */
  note: call<{ who: "server" | "client"; line: string }>(),
  began: send<{ step: number; title: string }>(),
  ended: send<{ step: number; figure: string }>(),
  /** Ends the server as an operating system does that has run out of memory: SIGKILL, at once, without a word. */
  killServer: call(),
  startServer: call(),
});

/** The steps, in order. */
export const STEPS = [
  "Typed calls, both ways",
  "Many calls at once",
  "A slow call holds up no fast one",
  "A slow reader holds its sender back",
  "Cancel and deadline reach the handler",
  "Errors keep their code and data",
  "The server is killed",
  "The server is back",
] as const;

/** How many messages the workshop lets a client be ahead of it. */
export const AHEAD_MAX = 64;

// What the page, its workers and the server of the browser tests say to each other.

import { call, defineService, send, stream } from "@troupe/core";

export const Room = defineService("room", {
  add: call<{ a: number; b: number }, number>(),
  /** Adds by calling the page back, which adds. */
  addThere: call<{ a: number; b: number }, number>(),
  size: call<Uint8Array, number>(),
  bytes: call<number, Uint8Array>(),
  note: send<string>(),
  noted: call<void, string[]>(),
  count: stream<{ to: number }, number>(),
  sums: stream<void, number, number>(),
  /** Blocks of 64 KiB without an end. */
  flood: stream<void, Uint8Array>(),
  /** How many of them were made. */
  made: call<void, number>(),
});

export const Adder = defineService("adder", { add: call<{ a: number; b: number }, number>() });

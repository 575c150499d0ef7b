// One contract for both: programs with Troupe use all of it, those written with thespis_remote what is mapped.

import { call, defineService, send, stream } from "@troupe/core";

export const Counter = defineService("counter", {
  add: call<number, void>({ thespis: { namespace: "remotes", type: "Add", input: "int", output: "unit" } }),
  addLater: send<number>({ thespis: { namespace: "remotes", type: "Add", input: "int" } }),
  show: call<void, number>({ thespis: { namespace: "remotes", type: "Show", input: "unit", output: "int" } }),
  changes: stream<void, number>(),
});

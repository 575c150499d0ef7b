// What clients ask of workers. The gateway between them does not import this.

import { call, defineService, stream } from "@troupe/core";

export const Prime = defineService("prime", {
  isPrime: call<number, { prime: boolean; worker: string }>(),
  upTo: stream<number, number>(),
});

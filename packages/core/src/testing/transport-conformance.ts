// The conformance suite of transports: what `Connection` and `Transport` promise, demanded of any implementation. It
// needs no test runner and works in real time, because sockets do.

import type { ConformanceCase } from "./conformance-case.js";
import { backpressureCases } from "./transport-conformance/backpressure.js";
import { diallingCases } from "./transport-conformance/dialling.js";
import { endingCases } from "./transport-conformance/ending.js";
import { flowCases } from "./transport-conformance/flow.js";
import type { TransportSetup } from "./transport-conformance/stage.js";

/**
 * The cases that every transport passes. `setup` is called for each case.
 *
 * @example
 * for (const { name, run } of transportConformance(async () => ({ transport: tcp(), endpoint: "tcp://127.0.0.1:0" }))) {
 *   test(name, run);
 * }
 */
export function transportConformance(setup: TransportSetup): ConformanceCase[] {
  return [...flowCases(setup), ...backpressureCases(setup), ...endingCases(setup), ...diallingCases(setup)];
}

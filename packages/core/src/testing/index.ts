// The door `@troupe/core/testing`: doubles for time, chance and the network, and the suites that implementers run.

export { demand, type ConformanceCase } from "./conformance-case.js";
export { SeededRandom } from "./seeded-random.js";
export { transportConformance } from "./transport-conformance.js";
export type { TransportSetup, TransportSubject } from "./transport-conformance/stage.js";
export { STEPS_PER_INSTANT_MAX, VirtualClock } from "./virtual-clock.js";

// The door `@troupe/core/testing`: doubles for time, chance and the network, and the suites that implementers run.

export { SeededRandom } from "./seeded-random.js";
export { STEPS_PER_INSTANT_MAX, VirtualClock } from "./virtual-clock.js";

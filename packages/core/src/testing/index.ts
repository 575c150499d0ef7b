// The door `@troupe/core/testing`: doubles for time, chance and the network, and the suites that implementers run.

export { demand, type ConformanceCase } from "./conformance-case.js";
export { directoryStoreConformance, type DirectoryStoreSubject } from "./directory-store-conformance.js";
export { Fence, fence } from "./fence.js";
export { Harness, peers, SelfDrivenClock, type PeersOptions } from "./harness.js";
export { memoryPair, type MemoryPairOptions } from "../transport/index.js";
export { hostilePayloads, randomValue, type HostilePayload } from "./payloads.js";
export { rawHello, RawPeer, type RawFrame, type RawHeader, type RawPeerOptions, type RawService } from "./raw-peer.js";
export { SeededRandom } from "./seeded-random.js";
export { siege, Siege, type Attack, type SiegeOptions } from "./siege.js";
export { transportConformance } from "./transport-conformance.js";
export type { TransportSetup, TransportSubject } from "./transport-conformance/stage.js";
export {
  PausableClock,
  simulatedSigning,
  SimulatedMember,
  SimulatedMembers,
  type SimulatedNetworkOptions,
} from "./simulated-members.js";
export { STEPS_PER_INSTANT_MAX, VirtualClock } from "./virtual-clock.js";
export { wireFormatConformance, type HeaderField, type WireFormatTraits } from "./wire-format-conformance.js";

export { type PeerErrorOptions, ConnectionLost, PeerError, Refused } from "./error.js";
export { type ClosedReason, type PeerEvent } from "./events.js";
export { type LifecycleState } from "./lifecycle.js";
export {
  checkOptions,
  HEARTBEATS_MISSED_MAX,
  PEER_LIMITS,
  PEER_TIMES,
  type PeerLimits,
  type PeerTimes,
} from "./limits.js";
export { Peer, type CloseOptions, type PeerOptions, type PeerStats } from "./peer.js";
export { type Remote } from "./remote.js";
export { ServiceMap, type CallContext, type ProvideOptions } from "./service-map.js";
export { connect, type DialOptions } from "./connect.js";
export { listen, LISTEN_DEFAULTS, Listener, type ListenerEvent, type ListenOptions } from "./listener.js";

export { announcementPayload, parseAnnouncement, type Announcement } from "./announcement.js";
export { type Authorize } from "./authorize.js";
export { cancelledBy, type PeerErrorOptions, ConnectionLost, PeerError, Refused } from "./error.js";
export { type ClosedReason, type PeerEvent } from "./events.js";
export { type LifecycleState } from "./lifecycle.js";
export { HEARTBEATS_MISSED_MAX, limitsOf, PEER_LIMITS, PEER_TIMES, type PeerLimits, type PeerTimes } from "./limits.js";
export { checkOptions, PEER_NAME_LENGTH_MAX } from "./options.js";
export { Peer, type CloseOptions, type PeerOptions } from "./peer.js";
export { demandProvidable } from "./provided-sum.js";
export { type PeerStats } from "./stats.js";
export { byKey, RELAY_CHOICES, type RelayCandidate, type RelayChoice, type RelayedMessage } from "./relay-choice.js";
export {
  Relay,
  type RelayEvent,
  type RelayOptions,
  RELAY_HOPS_MAX,
  type RelayUpstream,
  type UpstreamLink,
} from "./relay.js";
export { type Remote } from "./remote.js";
export { plain } from "./channel.js";
export { SendAllowance } from "./send-window.js";
export { ServiceMap, type CallContext, type ProvideOptions, type ServiceMapOptions } from "./service-map.js";
export { connect, type DialOptions } from "./connect.js";
export { listen, LISTEN_DEFAULTS, Listener, type ListenerEvent, type ListenOptions } from "./listener.js";

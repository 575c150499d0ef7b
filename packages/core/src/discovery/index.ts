export {
  ed25519Signing,
  hashOf,
  proofOf,
  PUBLIC_KEY_BYTES,
  SECRET_KEY_BYTES,
  SIGNATURE_BYTES,
  type Signing,
} from "./ed25519.js";
export { DiscoveryError } from "./error.js";
export { identityOf, memberIdOf, newIdentity, toHex, type Identity } from "./identity.js";
export { type MemberStatus, type MemberView } from "./member.js";
export {
  readRecord,
  RECORD_BYTES_MAX,
  RECORD_ENDPOINTS_MAX,
  RECORD_SERVICES_MAX,
  RECORD_TEXT_MAX,
  signRecord,
  type MemberContent,
  type MemberRecord,
  type SignedRecord,
} from "./member-record.js";
export {
  Membership,
  MEMBERS_MAX,
  type MembershipEvent,
  type MembershipHost,
  type MembershipOptions,
} from "./membership.js";
export {
  AWARENESS_MAX,
  MEMBERSHIP_TIMINGS,
  retransmitsOf,
  SUSPICION_SPREAD,
  suspicionMs,
  type MembershipTiming,
} from "./membership-timing.js";
export { parsePacket, PACKET_UPDATES_MAX, type Claim, type Packet, type Update } from "./packet.js";

export { DATA_ENDPOINTS_MAX, ENDS_MAX, type ProgramRecord, type TopicEnd } from "./announcement.js";
export { BEACON_BURST, BEACON_BURST_MS, BEACON_BYTES, BEACON_MS, BEACON_PORT } from "./beacon.js";
export { DATA_DIAL_MS, type FellBack } from "./data-links.js";
export { PubSubError } from "./error.js";
export { type FeedStats, type SlowSubscriber } from "./feed.js";
export { Participant, PARTICIPANT_GRACE_MS, type TopicEvent, type TopicInfo } from "./participant.js";
export {
  PARTICIPANT_DEAD_MS,
  PARTICIPANT_SUSPECTED_MS,
  PARTICIPANTS_DIALLED_MAX,
  PARTICIPANTS_MAX,
  type BeaconPort,
  type ParticipantEvent,
} from "./participant-host.js";
export { PARTICIPANT_JOIN_MS } from "./host-seat.js";
export { Publisher, PUBLISHER_DEFAULTS, type PublisherOptions } from "./publisher.js";
export { PROGRAMS_MAX, PROGRAMS_PER_SOURCE_MAX } from "./roster.js";
export { startParticipant, type ParticipantOptions } from "./start-participant.js";
export {
  SUBSCRIPTION_QUEUED_MAX,
  type SampleSource,
  type TopicSample,
  type TopicSubscription,
} from "./subscription.js";
export { defineTopic, HISTORY_MAX, TOPIC_NAME_MAX, type Reliability, type Topic, type TopicOptions } from "./topic.js";

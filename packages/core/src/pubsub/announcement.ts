// What programs say of their publishers and subscribers. Everything that comes is looked at before it means anything. Pure.

import { PubSubError } from "./error.js";
import { HISTORY_MAX, TOPIC_NAME_MAX, type Reliability } from "./topic.js";

/** How many publishers and subscribers one program may have. */
export const ENDS_MAX = 4096;
/** How many endpoints a program may name for its data. */
export const DATA_ENDPOINTS_MAX = 16;
const SHAPE_MAX = 4096;
const TEXT_MAX = 256;

/** A publisher or a subscriber, as others see it. */
export interface TopicEnd {
  /** Within its program. */
  readonly id: number;
  readonly role: "publisher" | "subscriber";
  readonly topic: string;
  readonly reliability: Reliability;
  readonly keep: number;
  /** See `topicShape`. */
  readonly shape: string;
}

/** A program that publishes or subscribes, as others see it. */
export interface ProgramRecord {
  /** 32 hexadecimal digits, new for each start. */
  readonly id: string;
  /** The participant that it belongs to: programs of one host have the same. */
  readonly participant: string;
  readonly name: string;
  /** Where its values can be had. */
  readonly endpoints: readonly string[];
  readonly ends: readonly TopicEnd[];
  /** Grows with every change: of two records of one program, the greater counts. */
  readonly version: number;
}

/** One change of what is known: a program as it is now, or its id when it is gone. */
export type RosterChange = ProgramRecord | { readonly gone: string };

/** @throws PubSubError `announcement-invalid` */
export function parseChange(value: unknown): RosterChange {
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  if (isId(fields["gone"])) return { gone: fields["gone"] };
  const { id, participant, name, endpoints, ends, version } = fields;
  if (!isId(id) || !isId(participant) || !isText(name)) throw invalid("it has no id or no name");
  if (!Array.isArray(endpoints) || endpoints.length > DATA_ENDPOINTS_MAX || !endpoints.every(isText))
    throw invalid("its endpoints are none, or too many");
  if (!Array.isArray(ends) || ends.length > ENDS_MAX) throw invalid("it has no list of ends, or too long a one");
  if (!isCount(version)) throw invalid("it has no version");
  return { id, participant, name, endpoints: endpoints, ends: ends.map(parseEnd), version };
}

function parseEnd(value: unknown): TopicEnd {
  const { id, role, topic, reliability, keep, shape } = (
    typeof value === "object" && value !== null ? value : {}
  ) as Partial<TopicEnd>;
  if (!isCount(id) || (role !== "publisher" && role !== "subscriber")) throw invalid("an end has no id or no role");
  if (typeof topic !== "string" || topic === "" || topic.length > TOPIC_NAME_MAX) throw invalid("an end has no topic");
  if (reliability !== "reliable" && reliability !== "best-effort") throw invalid("an end has no reliability");
  if (!isCount(keep) || keep > HISTORY_MAX) throw invalid("an end has no history");
  if (typeof shape !== "string" || shape.length > SHAPE_MAX) throw invalid("an end has no shape");
  return { id, role, topic, reliability, keep, shape };
}

/** Why a subscriber does not fit a publisher of the same topic; undefined if it does. */
export function mismatch(publisher: TopicEnd, subscriber: TopicEnd): string | undefined {
  if (subscriber.reliability === "reliable" && publisher.reliability === "best-effort") {
    return "the publisher does not wait for anybody, and the subscriber wants every value";
  }
  if (subscriber.keep > publisher.keep) {
    return `the publisher keeps ${publisher.keep} values, and the subscriber wants ${subscriber.keep}`;
  }
  if (publisher.shape !== "" && subscriber.shape !== "" && publisher.shape !== subscriber.shape) {
    return "their schemas differ";
  }
  return undefined;
}

function isId(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{32}$/.test(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= TEXT_MAX;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function invalid(why: string): PubSubError {
  return new PubSubError("announcement-invalid", `an announcement is not valid: ${why}`);
}

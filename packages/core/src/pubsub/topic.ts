// A topic: what publishers and subscribers of one name agree on. Pure.

import { call, shapeTextOf, type Schema, type SchemaInput, type SchemaOutput } from "../actor/index.js";
import { PubSubError } from "./error.js";

/** The longest name of a topic, in UTF-16 units. */
export const TOPIC_NAME_MAX = 256;
/** The longest history that can be kept, in values. */
export const HISTORY_MAX = 100_000;

/**
 * `reliable`: every value arrives, in order, unless the subscriber is slow for longer than it is waited for. `best-effort`: nobody is
 * waited for, and old values make room for new ones.
 */
export type Reliability = "reliable" | "best-effort";

/** How values are passed on. */
export interface TopicOptions {
  /** `reliable` unless given. A subscriber that wants that does not fit a publisher that offers less. */
  readonly reliability?: Reliability;
  /** How many of the newest values a publisher keeps for those who come later. None unless given. */
  readonly history?: { readonly keep: number };
}

declare const valueType: unique symbol;

/** A named kind of values. Made by `defineTopic`. */
export interface Topic<Sent = unknown, Received = Sent> {
  readonly name: string;
  readonly schema: Schema | undefined;
  readonly reliability: Reliability;
  readonly history: { readonly keep: number };
  readonly [valueType]?: { sent: Sent; received: Received };
}

/**
 * Names a kind of values, by its type alone or by any Standard Schema.
 *
 * @throws PubSubError `topic-invalid`
 *
 * @example
 * const Pose = defineTopic<{ x: number; y: number }>("pose", { history: { keep: 1 } });
 * const Checked = defineTopic("checked", { schema: z.object({ x: z.number() }), reliability: "best-effort" });
 */
export function defineTopic<Value>(name: string, options?: TopicOptions): Topic<Value>;
export function defineTopic<const S extends Schema>(
  name: string,
  options: TopicOptions & { readonly schema: S },
): Topic<SchemaInput<S>, SchemaOutput<S>>;
export function defineTopic(name: string, options: TopicOptions & { readonly schema?: Schema } = {}): Topic {
  const { schema, reliability = "reliable", history = { keep: 0 } } = options;
  if (typeof name !== "string" || name === "" || name.length > TOPIC_NAME_MAX) {
    throw new PubSubError("topic-invalid", `a topic has a name of 1 to ${TOPIC_NAME_MAX} characters`);
  }
  if (reliability !== "reliable" && reliability !== "best-effort") {
    throw new PubSubError("topic-invalid", `${name}: reliability is reliable or best-effort`);
  }
  if (!Number.isInteger(history.keep) || history.keep < 0 || history.keep > HISTORY_MAX) {
    throw new PubSubError("topic-invalid", `${name}: a history keeps 0 to ${HISTORY_MAX} values`);
  }
  return Object.freeze({ name, schema, reliability, history: Object.freeze({ keep: history.keep }) });
}

/** What a topic's values are made of, as far as its schema says so; empty if it does not. */
export function topicShape({ schema }: Topic): string {
  return schema === undefined ? "" : (shapeTextOf(call({ input: schema })) ?? "");
}

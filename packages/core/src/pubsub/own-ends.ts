// The publishers and subscribers of this program: by their numbers, and by what they are about. Pure.

import type { TopicEnd } from "./announcement.js";
import type { Publisher } from "./publisher.js";
import type { Subscription } from "./subscription.js";
import { topicShape, type Topic } from "./topic.js";

/** An end of a topic in this program. */
export type OwnEnd =
  | { readonly role: "publisher"; readonly end: TopicEnd; readonly publisher: Publisher<never> }
  | { readonly role: "subscriber"; readonly end: TopicEnd; readonly subscription: Subscription<never> };

export class OwnEnds {
  readonly #all = new Map<number, OwnEnd>();
  readonly #byTopic = new Map<string, Set<OwnEnd>>();

  get size(): number {
    return this.#all.size;
  }

  /** What others are told. */
  get announced(): TopicEnd[] {
    return [...this.#all.values()].map(({ end }) => end);
  }

  publisher(id: number): Publisher<never> | undefined {
    const own = this.#all.get(id);
    return own?.role === "publisher" ? own.publisher : undefined;
  }

  /** The ends of one topic. */
  of(topic: string): Iterable<OwnEnd> {
    return this.#byTopic.get(topic) ?? [];
  }

  addPublisher(id: number, publisher: Publisher<never>): void {
    this.#add({ role: "publisher", end: endOf(id, "publisher", publisher.topic), publisher });
  }

  addSubscription(id: number, subscription: Subscription<never>): void {
    this.#add({ role: "subscriber", end: endOf(id, "subscriber", subscription.topic), subscription });
  }

  remove(id: number): void {
    const own = this.#all.get(id);
    if (own === undefined) return;
    const { topic } = own.end;
    const ofTopic = this.#byTopic.get(topic);
    this.#all.delete(id);
    ofTopic?.delete(own);
    if (ofTopic?.size === 0) this.#byTopic.delete(topic);
  }

  /** Ends them all: subscriptions first, so that nothing is published to oneself any more. */
  close(): void {
    const all = [...this.#all.values()];
    for (const own of all) if (own.role === "subscriber") own.subscription.close();
    for (const own of all) if (own.role === "publisher") own.publisher.close();
  }

  #add(own: OwnEnd): void {
    const { id, topic } = own.end;
    this.#all.set(id, own);
    let ofTopic = this.#byTopic.get(topic);
    if (ofTopic === undefined) this.#byTopic.set(topic, (ofTopic = new Set()));
    ofTopic.add(own);
  }
}

function endOf(id: number, role: TopicEnd["role"], topic: Topic): TopicEnd {
  return {
    id,
    role,
    topic: topic.name,
    reliability: topic.reliability,
    keep: topic.history.keep,
    shape: topicShape(topic),
  };
}

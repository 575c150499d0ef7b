// Participants over memory transport and virtual time, which leave nothing behind.

import { expect } from "vitest";
import { startParticipant, type Participant, type TopicSubscription } from "../src/pubsub/index.js";
import { SeededRandom, SelfDrivenClock, VirtualClock } from "../src/testing/index.js";
import { memory } from "../src/transport/index.js";

/** Programs on hosts of their own, or on one. */
export class TopicsGround implements AsyncDisposable {
  readonly virtual = new VirtualClock();
  readonly clock = new SelfDrivenClock(this.virtual);
  readonly random = new SeededRandom(4);
  readonly transports = [memory({ isPrivate: true, clock: this.clock })];
  readonly programs: Participant[] = [];

  program(host = "host", known: readonly string[] = []): Promise<Participant> {
    return this.programNamed(host, `p${this.programs.length}`, known);
  }

  async programNamed(host: string, name: string, known: readonly string[] = []): Promise<Participant> {
    const participant = await startParticipant({
      name,
      transports: this.transports,
      localEndpoint: `memory://${host}`,
      adminEndpoint: `memory://admin-${host}-${name}`,
      dataEndpoints: [`memory://data-${host}-${name}`],
      known,
      clock: this.clock,
      random: this.random,
    });
    this.programs.push(participant);
    return participant;
  }

  flush(): Promise<void> {
    return this.virtual.advance(50);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = Promise.all(this.programs.map((each) => each.close()));
    await this.virtual.advance(20_000);
    await closing;
    await this.virtual.advance(20_000);
    expect(this.virtual.pending).toBe(0);
  }
}

/** The next values of a subscription. */
export async function taken<T>(subscription: TopicSubscription<T>, count: number): Promise<T[]> {
  const values: T[] = [];
  while (values.length < count) {
    const { value } = await subscription.next();
    if (value === undefined) break;
    values.push(value.value);
  }
  return values;
}

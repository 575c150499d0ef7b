// A program's way to topics: its publishers and subscribers, who is there to match them, and the values in between.

import { Emitter, isTroupeError, type Clock, type Random, type Unsubscribe } from "../base/index.js";
import { listen, ServiceMap, type CloseOptions, type Listener } from "../peer/index.js";
import type { Transport } from "../transport/index.js";
import { ENDS_MAX, mismatch, type ProgramRecord, type TopicEnd } from "./announcement.js";
import { DataLinks, type FellBack } from "./data-links.js";
import { PubSubError } from "./error.js";
import { Match } from "./match.js";
import { HostSeat } from "./host-seat.js";
import type { BeaconPort, ParticipantEvent } from "./participant-host.js";
import { OwnEnds } from "./own-ends.js";
import { SampleProtocol, type SamplesQuery } from "./protocol.js";
import { Publisher, type PublisherOptions } from "./publisher.js";
import { Roster } from "./roster.js";
import { Subscription, type TopicSubscription } from "./subscription.js";
import type { Topic } from "./topic.js";

/** What can be observed on a participant. */
export type TopicEvent =
  | ParticipantEvent
  /** A publisher or subscriber of this program has another number of counterparts. */
  | { readonly type: "matched"; readonly topic: string; readonly role: TopicEnd["role"]; readonly count: number }
  /** Two ends of one topic do not fit; each side is told. */
  | { readonly type: "incompatible"; readonly topic: string; readonly program: string; readonly why: string }
  /** A value that was published cannot be sent: those who are elsewhere miss it. */
  | { readonly type: "unsendable"; readonly topic: string; readonly error: Error }
  /** Values come another way than they should. */
  | ({ readonly type: "fellBack" } & FellBack)
  /** This program speaks for its host from now on, or has found who does. */
  | { readonly type: "joined"; readonly participant: string; readonly isHost: boolean };

/** Everything that a participant is made of, with all defaults filled in. */
export interface ParticipantParts {
  readonly id: string;
  readonly name: string;
  readonly domain: number;
  readonly transports: readonly Transport[];
  readonly localEndpoint: string | undefined;
  readonly adminEndpoint: string | undefined;
  /** Where the values of this program can be had, ports 0. */
  readonly dataEndpoints: readonly string[];
  /** What others are told of where that is, for endpoints that listen on all addresses. */
  readonly advertise: (endpoints: readonly string[]) => readonly string[];
  readonly beacons: () => Promise<BeaconPort | undefined>;
  readonly known: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

/** As many streams between two programs as one may have ends. */
const DATA_LIMITS = Object.freeze({ streamsMax: ENDS_MAX });

/** How long those who subscribe may take what was published before a participant is closed, in milliseconds. */
export const PARTICIPANT_GRACE_MS = 5000;

/** What is known of one end of a topic. */
export interface TopicInfo {
  readonly topic: string;
  readonly publishers: number;
  readonly subscribers: number;
}

/** A program among those that publish and subscribe. Made by `startParticipant`. */
export class Participant implements AsyncDisposable {
  readonly #parts: ParticipantParts;
  readonly #emitter = new Emitter<TopicEvent>();
  readonly #roster = new Roster();
  readonly #ends = new OwnEnds();
  readonly #matches = new Map<string, Match>();
  readonly #told = new Set<string>();
  readonly #listeners: Listener[] = [];
  readonly #links: DataLinks;
  readonly #seat: HostSeat;
  #endpoints: readonly string[] = [];
  #participant = "";
  #lastEnd = 0;
  #version = 0;
  #isAnnouncing = false;
  #closing: Promise<void> | undefined;

  /** For `startParticipant` only. */
  constructor(parts: ParticipantParts) {
    this.#parts = parts;
    const { transports, clock, random, name } = parts;
    this.#links = new DataLinks({
      transports,
      peer: { clock, random, name, heartbeatMs: 1500, limits: DATA_LIMITS },
      participant: () => this.#participant,
      fellBack: (event) => this.#emitter.emit({ type: "fellBack", ...event }),
    });
    this.#seat = new HostSeat({
      ...parts,
      roster: this.#roster,
      emit: (event) => this.#emitter.emit(event),
      joined: (participant) => this.#joined(participant),
    });
    this.#roster.on((before, now) => this.#changed(before, now));
  }

  /** This program: 32 hexadecimal digits, new for each start. */
  get id(): string {
    return this.#parts.id;
  }

  /** The participant of this host, which may be another program. */
  get participant(): string {
    return this.#participant;
  }

  /** Whether this program speaks for its host. */
  get isHost(): boolean {
    return this.#seat.host !== undefined;
  }

  /** Where other participants dial this one, if it speaks for its host. */
  get endpoint(): string | undefined {
    return this.#seat.host?.endpoint;
  }

  /** The other programs that are known. */
  get programs(): readonly ProgramRecord[] {
    return this.#roster.programs.filter(({ id }) => id !== this.id);
  }

  /** All topics that somebody publishes or subscribes to. */
  get topics(): readonly TopicInfo[] {
    const byName = new Map<string, { publishers: number; subscribers: number }>();
    for (const { ends } of [...this.programs, this.#record()]) {
      for (const { topic, role } of ends) {
        const counts = byName.get(topic) ?? { publishers: 0, subscribers: 0 };
        if (role === "publisher") counts.publishers++;
        else counts.subscribers++;
        byName.set(topic, counts);
      }
    }
    return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([topic, counts]) => ({ topic, ...counts }));
  }

  on<T extends TopicEvent["type"]>(type: T, listener: (event: Extract<TopicEvent, { type: T }>) => void): Unsubscribe {
    return this.#emitter.on(type, listener);
  }

  /** All events from now on, until the participant is closed. */
  events(): AsyncIterableIterator<TopicEvent> {
    return this.#emitter.events();
  }

  /**
   * Publishes values of a topic, to whoever subscribes wherever that is.
   *
   * @throws PubSubError `closed`, `ends-exceeded`, `option-invalid`
   */
  publisher<Sent, Received>(topic: Topic<Sent, Received>, options: PublisherOptions = {}): Publisher<Sent> {
    const id = this.#nextEnd();
    const publisher = new Publisher<Sent>(id, topic, options, {
      clock: this.#parts.clock,
      matched: (count) => this.#emitter.emit({ type: "matched", topic: topic.name, role: "publisher", count }),
      failed: (error) => this.#emitter.emit({ type: "unsendable", topic: topic.name, error }),
      closed: () => {
        this.#ends.remove(id);
        this.#announce();
      },
    });
    this.#ends.addPublisher(id, publisher);
    this.#announce();
    return publisher;
  }

  /**
   * Values of a topic, from all who publish it, until the loop is left.
   *
   * @throws PubSubError `closed`, `ends-exceeded`
   */
  subscribe<Sent, Received>(topic: Topic<Sent, Received>): TopicSubscription<Received> {
    const id = this.#nextEnd();
    const subscription = new Subscription<Received>(topic, () => {
      this.#ends.remove(id);
      for (const [name, match] of [...this.#matches])
        if (match.subscription === (subscription as never)) this.#unmatch(name);
      this.#announce();
    });
    this.#ends.addSubscription(id, subscription as Subscription<never>);
    this.#announce();
    return subscription;
  }

  /**
   * Ends all publishers and subscriptions, says goodbye, and lets go of everything. What was published before is still taken by those
   * who subscribe, for at most `graceMs`; what they have not taken by then is in the publisher's `stats.dropped`. Idempotent: the
   * first grace counts.
   */
  close({ graceMs = PARTICIPANT_GRACE_MS }: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For `startParticipant` only. */
  async open(): Promise<this> {
    const { dataEndpoints, transports, clock, random, name, advertise } = this.#parts;
    try {
      const services = new ServiceMap().add(SampleProtocol, { samples: (query) => this.#samples(query) });
      for (const endpoint of dataEndpoints) {
        const options = { services, transports, clock, random, name, heartbeatMs: 1500, limits: DATA_LIMITS };
        // A way that this platform does not have is one way less.
        await listen(endpoint, options).then(
          (listener) => this.#listeners.push(listener),
          (error: unknown) => {
            if (!isTroupeError(error, "udp-unavailable")) throw error;
          },
        );
      }
      this.#endpoints = advertise(this.#listeners.map(({ endpoint }) => endpoint));
      await this.#seat.join();
    } catch (error) {
      await this.close({ graceMs: 0 });
      throw error;
    }
    return this;
  }

  /** The number of a new publisher or subscriber. */
  #nextEnd(): number {
    if (this.#closing !== undefined) throw new PubSubError("closed", "this participant is closed");
    if (this.#ends.size >= ENDS_MAX) {
      throw new PubSubError("ends-exceeded", `a program has at most ${ENDS_MAX} publishers and subscribers`);
    }
    return ++this.#lastEnd;
  }

  // What this program says of itself.

  #joined(participant: string): void {
    this.#participant = participant;
    this.#emitter.emit({ type: "joined", participant, isHost: this.isHost });
    this.#announce();
  }

  #record(): ProgramRecord {
    const { id, name } = this.#parts;
    const { announced: ends } = this.#ends;
    return { id, participant: this.#participant, name, endpoints: this.#endpoints, ends, version: this.#version };
  }

  /** Tells what there is now, once for everything that changes in one turn. */
  #announce(): void {
    if (this.#isAnnouncing) return;
    this.#isAnnouncing = true;
    this.#parts.clock.defer(() => {
      this.#isAnnouncing = false;
      if (this.#participant === "" || this.#closing !== undefined) return;
      this.#version++;
      this.#roster.apply(this.#record(), `local:${this.id}`);
      for (const record of this.programs) this.#match(record);
    });
  }

  // Who fits whom.

  #changed(before: ProgramRecord | undefined, now: ProgramRecord | undefined): void {
    if (now === undefined) {
      // A connection that is open goes on: it may be the participant that is gone, and not the program.
      for (const [name, match] of [...this.#matches]) {
        if (match.program.id === before?.id && !match.isFlowing) this.#unmatch(name);
      }
      return;
    }
    for (const match of this.#matches.values()) {
      if (match.program.id !== now.id) continue;
      // A publisher that has ended is not in it any more; its values end by themselves, when the last has come.
      match.program = now;
    }
    this.#match(now);
  }

  #match(record: ProgramRecord): void {
    for (const end of record.ends) {
      for (const own of this.#ends.of(end.topic)) {
        if (own.role === "subscriber" && end.role === "publisher") {
          if (this.#fits(end, own.end, record)) this.#begin(record, end, own.end.id, own.subscription);
        } else if (own.role === "publisher" && end.role === "subscriber" && record.id !== this.id) {
          this.#fits(own.end, end, record);
        }
      }
    }
  }

  #fits(publisher: TopicEnd, subscriber: TopicEnd, { id: program }: ProgramRecord): boolean {
    const why = mismatch(publisher, subscriber);
    if (why === undefined) return true;
    const name = `${program} ${publisher.id} ${subscriber.id}`;
    if (!this.#told.has(name)) this.#emitter.emit({ type: "incompatible", topic: publisher.topic, program, why });
    if (this.#told.size < 10_000) this.#told.add(name);
    return false;
  }

  #begin(program: ProgramRecord, end: TopicEnd, id: number, subscription: Subscription<never>): void {
    const name = `${program.id} ${end.id} ${id}`;
    if (this.#matches.has(name)) return;
    const match: Match = new Match(program, end, subscription, {
      clock: this.#parts.clock,
      random: this.#parts.random,
      own: () => (program.id === this.id ? this.#ends.publisher(end.id) : undefined),
      reach: (record) => this.#links.reach(record),
      isKnown: () => this.#roster.get(program.id) !== undefined,
      counted: (by) => {
        subscription.matched += by;
        this.#emitter.emit({ type: "matched", topic: end.topic, role: "subscriber", count: subscription.matched });
      },
      // Another one may have begun by that name meanwhile.
      over: () => void (this.#matches.get(name) === match && this.#matches.delete(name)),
    });
    this.#matches.set(name, match);
    match.start();
  }

  #unmatch(name: string): void {
    this.#matches.get(name)?.end();
    this.#matches.delete(name);
  }

  /** Somebody wants the values of a publisher of this program. */
  #samples({ publisher, topic, after, keep }: SamplesQuery) {
    const found = this.#ends.publisher(publisher);
    if (found?.topic.name !== topic) throw new PubSubError("closed", `there is no such publisher of ${topic}`);
    return found.subscribe(after, keep);
  }

  async #close(graceMs: number): Promise<void> {
    this.#ends.close();
    for (const name of [...this.#matches.keys()]) this.#unmatch(name);
    this.#roster.apply({ gone: this.id }, `local:${this.id}`);
    await Promise.all([
      this.#seat.close(),
      this.#links.close(),
      ...this.#listeners.map((listener) => listener.close({ graceMs })),
    ]);
    this.#roster.close();
    this.#emitter.end();
  }
}

// What the map knows: the newest pose of every robot that can be heard.

import { setTimeout as wait } from "node:timers/promises";
import { ServiceMap } from "@troupe/core";
import type { Participant, TopicSample } from "@troupe/core/network";
import { RobotMap, type Sighting } from "./contract.js";
import { Pose, type PoseValue } from "./pose.js";

const FRAME_MS = 50;
const SECOND_MS = 1000;

interface Seen {
  sighting: Sighting;
  readonly participant: string;
  countedFrom: number;
  count: number;
}

export class Fleet {
  readonly #robots = new Map<string, Seen>();
  readonly #suspected = new Set<string>();

  /** Follows all poses, for as long as the participant is open. */
  constructor(participant: Participant) {
    participant.on("suspected", (event) => this.#suspected.add(event.participant));
    participant.on("lost", (event) => {
      this.#suspected.delete(event.participant);
      for (const [robot, seen] of this.#robots) if (seen.participant === event.participant) this.#robots.delete(robot);
    });
    void this.#follow(participant);
  }

  get sightings(): Sighting[] {
    return [...this.#robots.values()]
      .map(({ sighting, participant }) => ({ ...sighting, isSuspected: this.#suspected.has(participant) }))
      .sort((a, b) => (a.robot < b.robot ? -1 : 1));
  }

  services(): ServiceMap {
    const sightings = (): Sighting[] => this.sightings;
    return new ServiceMap().add(RobotMap, {
      async *watch(_, { signal }) {
        while (!signal.aborted) {
          yield sightings();
          await wait(FRAME_MS, undefined, { signal }).catch(() => {});
        }
      },
    });
  }

  async #follow(participant: Participant): Promise<void> {
    for await (const sample of participant.subscribe(Pose)) this.#see(sample);
  }

  #see({ value, missed, source: { participant } }: TopicSample<PoseValue>): void {
    this.#suspected.delete(participant);
    const now = performance.now();
    const before = this.#robots.get(value.robot);
    const isSame = before?.participant === participant;
    const { countedFrom, count } = isSame ? before : { countedFrom: now, count: 0 };
    const isSecond = now - countedFrom >= SECOND_MS;
    const perSecond = isSecond ? Math.round((count * SECOND_MS) / (now - countedFrom)) : before?.sighting.perSecond;
    this.#robots.set(value.robot, {
      sighting: {
        ...value,
        perSecond: perSecond ?? 0,
        missed: missed + (isSame ? before.sighting.missed : 0),
        participant: participant.slice(0, 8),
        isSuspected: false,
      },
      participant,
      countedFrom: isSecond ? now : countedFrom,
      count: isSecond ? 1 : count + 1,
    });
  }
}

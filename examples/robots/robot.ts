// One robot: a participant of its own, as if it were another machine. It knows of no map, and of no other robot.

import { setInterval as every } from "node:timers/promises";
import { startParticipant, type NodeParticipantOptions } from "@troupe/node";
import { lengthOf, placeOn, TRIPS } from "./floor.js";
import { Pose } from "./pose.js";

const POSE_MS = 50;
const SPEED = 1.4; // metres a second

/** Starts a robot on one of the trips; it drives until the function is called that this resolves with. */
export async function startRobot(
  robot: string,
  number: number,
  options: NodeParticipantOptions,
): Promise<() => Promise<void>> {
  const participant = await startParticipant({ ...options, name: robot });
  const poses = participant.publisher(Pose);
  const trip = TRIPS[number % TRIPS.length] ?? [];
  const [startedAt, begin] = [performance.now(), lengthOf(trip) * ((number * 0.37) % 1)];
  const life = new AbortController();
  const driving = (async () => {
    try {
      for await (const _ of every(POSE_MS, undefined, { signal: life.signal })) {
        const distance = begin + (SPEED * (performance.now() - startedAt)) / 1000;
        await poses.publish({ robot, ...placeOn(trip, distance) });
      }
    } catch (error) {
      if (!life.signal.aborted) throw error;
    }
  })();
  return async () => {
    life.abort();
    await driving;
    await participant.close();
  };
}

// What robots publish. A pose that comes late is worth nothing, so nobody is waited for; who comes late gets the newest.

import { defineTopic, type Topic } from "@troupe/core/network";

export interface PoseValue {
  readonly robot: string;
  /** Metres. */
  readonly x: number;
  readonly y: number;
  /** Radians. */
  readonly heading: number;
}

export const Pose: Topic<PoseValue> = defineTopic<PoseValue>("pose", {
  reliability: "best-effort",
  history: { keep: 1 },
});

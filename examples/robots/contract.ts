// What the map says to a page that shows it.

import { defineService, stream } from "@troupe/core";

/** A robot as the map knows it. */
export interface Sighting {
  readonly robot: string;
  readonly x: number;
  readonly y: number;
  readonly heading: number;
  /** How many poses came in the last second. */
  readonly perSecond: number;
  /** How many did not come. */
  readonly missed: number;
  /** The beginning of its participant's id. */
  readonly participant: string;
  /** Its participant has given no sign of life for a while. */
  readonly isSuspected: boolean;
}

export const RobotMap = defineService("robot-map", {
  /** Where all robots are, again and again, as fast as the page takes it. */
  watch: stream<void, readonly Sighting[]>(),
});

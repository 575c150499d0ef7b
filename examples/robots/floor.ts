// The floor that the robots drive on, in metres: shelves, and a round trip along the aisles for each robot.

export const FLOOR = Object.freeze({ width: 24, height: 14 });

export interface Shelf {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const COLUMNS = [2, 9.5, 17];
const ROWS = [2, 6, 10];

export const SHELVES: readonly Shelf[] = COLUMNS.flatMap((x) => ROWS.map((y) => ({ x, y, width: 5, height: 2 })));

export type Corner = readonly [x: number, y: number];

/** Corners of round trips; each ends where it began. */
export const TRIPS: readonly (readonly Corner[])[] = [
  around(1, 1.4, 23, 13),
  around(8.2, 5, 15.8, 9),
  around(0.9, 4.8, 8.4, 13.1),
  around(15.8, 1.2, 23.1, 9.2),
  around(8.4, 1.05, 22.8, 5.2).reverse(),
];

/** How far it is around a trip. */
export function lengthOf(trip: readonly Corner[]): number {
  return legsOf(trip).reduce((sum, { length }) => sum + length, 0);
}

/** Where on a trip somebody is who has driven a distance, and in which direction, in radians. */
export function placeOn(trip: readonly Corner[], distance: number): { x: number; y: number; heading: number } {
  let left = distance % lengthOf(trip);
  for (const { from, to, length } of legsOf(trip)) {
    if (left <= length) {
      const part = left / length;
      const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
      return { x: from[0] + part * dx, y: from[1] + part * dy, heading: Math.atan2(dy, dx) };
    }
    left -= length;
  }
  throw new RangeError("a distance is not negative");
}

function legsOf(trip: readonly Corner[]): { from: Corner; to: Corner; length: number }[] {
  return trip.map((from, index) => {
    const to = trip[(index + 1) % trip.length] as Corner;
    return { from, to, length: Math.hypot(to[0] - from[0], to[1] - from[1]) };
  });
}

function around(left: number, top: number, right: number, bottom: number): Corner[] {
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
}

// Ways to keep a subject busy for a while, shared by benchmarks that differ only in what they repeat.

import { setTimeout as delay } from "node:timers/promises";
import type { Effort } from "./benchmark.js";

/**
 * Keeps `count` loops going, each of which awaits `once` and begins again, and returns how many were completed per
 * second. Resolves when nothing is in flight any more.
 */
export async function loopsPerSecond(count: number, once: () => Promise<unknown>, effort: Effort): Promise<number> {
  let completed = 0;
  let isOver = false;
  const loop = async (): Promise<void> => {
    while (!isOver) {
      await once();
      completed++;
    }
  };
  const loops = Promise.all(Array.from({ length: count }, loop));
  // The race is only lost to the delay, unless a loop fails.
  await Promise.race([delay(effort.warmUpMs), loops]);
  const before = completed;
  const start = performance.now();
  await Promise.race([delay(effort.measureMs), loops]);
  const rate = perSecond(completed - before, performance.now() - start);
  isOver = true;
  await loops;
  return rate;
}

export function perSecond(count: number, elapsedMs: number): number {
  return (count * 1000) / elapsedMs;
}

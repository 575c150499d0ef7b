// A thousand links and one server that is gone for ten minutes: they must not come back as one wave.

import { expect, test } from "vitest";
import { listen, ServiceMap, type Listener } from "../../src/peer/index.js";
import { SeededRandom, VirtualClock } from "../../src/testing/index.js";
import { Road, SERVER } from "./stage.js";
import { BACKOFF_DEFAULTS, link, type Link } from "../../src/link/index.js";

const LINKS = 1000;
const OUTAGE_MS = 600_000;
const BUCKET_MS = 2000;
const { maxMs } = BACKOFF_DEFAULTS;

test(
  `${LINKS} links whose server is gone for ten minutes spread their attempts, and are all back within 2 × maxMs`,
  { timeout: 60_000 },
  async () => {
    const clock = new VirtualClock();
    const road = new Road(clock);
    // Heartbeats are not the subject, and would be most of the work.
    const options = { transports: [road], clock, heartbeatMs: 2 * OUTAGE_MS };
    const serve = (): Promise<Listener> => listen(SERVER, { ...options, services: new ServiceMap() });
    const random = new SeededRandom(41);

    let listener = await serve();
    const links: Link[] = Array.from({ length: LINKS }, () => link(SERVER, { ...options, random }));
    await clock.advance(6000);
    expect(links.filter(({ state }) => state === "up").length).toBe(LINKS);

    road.dials.length = 0;
    const backAt: number[] = [];
    const outOfBounds: number[] = [];
    for (const each of links) {
      each.on("up", () => backAt.push(clock.now()));
      each.on("retrying", ({ attempt, delayMs }) => {
        const limitMs = Math.min(maxMs, BACKOFF_DEFAULTS.minMs * 2 ** (attempt - 1));
        if (!(delayMs >= 0 && delayMs < limitMs)) outOfBounds.push(delayMs);
      });
    }
    const lostAt = clock.now();
    const gone = listener.abort();
    await clock.advance(OUTAGE_MS);
    await gone;
    expect(links.filter(({ state }) => state === "up").length).toBe(0);

    const returnAt = clock.now();
    const duringOutage = road.dials.length;
    listener = await serve();
    await clock.advance(2 * maxMs);
    expect(links.filter(({ state }) => state === "up").length).toBe(LINKS);
    expect(listener.peers.length).toBe(LINKS);
    expect(backAt.length).toBe(LINKS);

    expect(outOfBounds).toEqual([]);
    // The first delays are short on purpose, so what counts is the time in which the limit has reached its maximum.
    const steady = road.dials.slice(0, duringOutage).filter((at) => at >= lostAt + 4 * maxMs);
    expectSpread(steady, lostAt + 4 * maxMs, returnAt);
    expectSpread(backAt, returnAt, returnAt + maxMs);
    // One link makes an attempt each maxMs / 2 on average.
    expect(duringOutage).toBeLessThan(LINKS * (OUTAGE_MS / (maxMs / 2)) * 1.5);

    const closed = Promise.all([...links.map((each) => each.close()), listener.close()]);
    await clock.advance(0);
    await closed;
    await clock.flush();
    expect(clock.pending).toBe(0);
  },
);

/** No bucket holds more than three times the mean. */
function expectSpread(times: readonly number[], from: number, until: number): void {
  const buckets = new Array<number>(Math.ceil((until - from) / BUCKET_MS)).fill(0);
  for (const at of times) (buckets[Math.min(buckets.length - 1, Math.floor((at - from) / BUCKET_MS))] as number)++;
  const mean = times.length / buckets.length;
  expect(mean).toBeGreaterThan(10);
  expect(Math.max(...buckets)).toBeLessThanOrEqual(3 * mean);
}

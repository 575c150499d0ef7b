// The statecharts of peers and links, run by xstate and by this package's own `Statechart` with the same events at the
// same times: both are in the same state and have done the same, always.

import { describe, expect, test } from "vitest";
import { createActor, createMachine, SimulatedClock } from "xstate";
import { SeededRandom, VirtualClock } from "@troupe/core/testing";
import { Statechart, type StatechartConfig } from "../src/base/index.js";
import { LINK_LIFECYCLE_CHART } from "../src/link/lifecycle.js";
import { LIFECYCLE_CHART } from "../src/peer/lifecycle.js";

const SEEDS = 200;
const STEPS = 30;
const DELAYS: Readonly<Record<string, number>> = { handshake: 5, grace: 3, leaving: 7, finish: 2, backoff: 4 };

/** Whatever is said in a chart, in one list. */
function namesIn({ on = {}, states }: StatechartConfig): { events: string[]; actions: string[] } {
  const all = Object.values(states);
  const transitions = [on, ...all.map((state) => state.on ?? {}), ...all.map((state) => state.after ?? {})];
  const events = new Set(transitions.slice(0, all.length + 1).flatMap((each) => Object.keys(each)));
  const actions = new Set<string>();
  for (const transition of transitions.flatMap((each) => Object.values(each))) {
    if (typeof transition === "object" && transition.actions !== undefined) actions.add(transition.actions);
  }
  for (const { entry } of all) if (entry !== undefined) actions.add(entry);
  return { events: [...events], actions: [...actions] };
}

describe.each([
  ["a peer", LIFECYCLE_CHART],
  ["a link", LINK_LIFECYCLE_CHART],
])("the life of %s", (_, chart) => {
  test(`is the same with xstate, in ${SEEDS} lives of ${STEPS} events and pauses`, async () => {
    const { events, actions } = namesIn(chart);
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new SeededRandom(seed);
      const theirs: string[] = [];
      const implementations = Object.fromEntries(actions.map((name) => [name, () => void theirs.push(name)]));
      const machine = createMachine(chart as Parameters<typeof createMachine>[0], {
        actions: implementations,
        delays: DELAYS,
      });
      const theirClock = new SimulatedClock();
      const actor = createActor(machine, { clock: theirClock });
      actor.start();

      const ours: string[] = [];
      const ourClock = new VirtualClock();
      const statechart = new Statechart(
        chart,
        ourClock,
        (name) => void ours.push(name),
        (name) => DELAYS[name] as number,
      );

      const story: string[] = [];
      for (let step = 0; step < STEPS; step++) {
        const pick = Math.floor(random.next() * (events.length + 2));
        const type = events[pick];
        if (type === undefined) {
          theirClock.increment(1);
          await ourClock.advance(1);
        } else {
          actor.send({ type });
          statechart.send({ type });
        }
        story.push(type ?? "1 ms");
        const context = `seed ${seed}: ${story.join(", ")}`;
        expect({ state: statechart.state, done: ours }, context).toEqual({
          state: actor.getSnapshot().value,
          done: theirs,
        });
      }
      actor.stop();
    }
  });
});

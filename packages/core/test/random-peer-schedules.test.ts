// Two peers under random schedules: calls, sends, cancels, timeouts, slow and stubborn handlers, withdrawals, cuts and
// closes, on virtual time. Whatever happens, the promises hold. A failing seed is in the name of its test.

import { expect, test } from "vitest";
import { call, defineService, Semaphore, send, ServiceMap, type Peer } from "@troupe/core";
import { peers, SeededRandom, type Harness } from "@troupe/core/testing";

const SEEDS = 200;
const STEPS = 150;

const Work = defineService("work", { do: call<number, number>(), tell: send<number>() });

interface Outcome {
  settled: number;
  readonly isCall: boolean;
  code: string;
  maybeExecuted: boolean;
}

/** One run: what was asked, by id, and how often each was executed. */
class Run {
  readonly random: SeededRandom;
  readonly outcomes: Outcome[] = [];
  readonly executed = new Map<number, number>();
  readonly order: number[] = [];
  readonly controllers: AbortController[] = [];
  readonly pending = new Set<Promise<unknown>>();
  running = 0;
  runningMax = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  services(harness: () => Harness): ServiceMap {
    const begin = (id: number): void => void this.executed.set(id, (this.executed.get(id) ?? 0) + 1);
    return new ServiceMap().add(Work, {
      do: (id, { signal }) => {
        begin(id);
        const kind = this.random.integer(6);
        if (kind === 0) return id;
        if (kind === 1) throw new Error("it failed");
        this.running++;
        this.runningMax = Math.max(this.runningMax, this.running);
        return new Promise((resolve, reject) => {
          const done = (end: () => void) => () => {
            this.running--;
            end();
          };
          const ms = this.random.integer(400);
          // One kind never looks at its signal, and lasts longer than it is given.
          const cancel = harness().clock.schedule(
            kind === 2 ? 1000 + ms : ms,
            done(() => resolve(id)),
          );
          if (kind === 2) return;
          signal.addEventListener("abort", () => {
            cancel();
            done(() => reject(signal.reason as Error))();
          });
        });
      },
      tell: (id) => {
        begin(id);
        this.order.push(id);
        const ms = this.random.integer(50);
        return new Promise((resolve) => void harness().clock.schedule(ms, resolve));
      },
    });
  }

  ask(peer: Peer): void {
    const id = this.outcomes.length;
    const isCall = this.random.next() < 0.7;
    const outcome: Outcome = { settled: 0, isCall, code: "", maybeExecuted: false };
    this.outcomes.push(outcome);
    const controller = new AbortController();
    this.controllers.push(controller);
    const { signal } = controller;
    const timeoutMs = 1 + this.random.integer(800);
    const work = peer.address(Work);
    const asked: Promise<unknown> = isCall
      ? work.call("do", id, { signal, timeoutMs })
      : work.send("tell", id, { signal });
    const settled = asked.then(
      () => {
        outcome.settled++;
        outcome.code = "ok";
      },
      (error: { code: string; maybeExecuted?: boolean; name: string }) => {
        outcome.settled++;
        outcome.code = error.name === "RemoteError" ? "remote" : error.code;
        outcome.maybeExecuted = error.name === "RemoteError" || error.maybeExecuted === true;
      },
    );
    this.pending.add(settled);
    void settled.then(() => this.pending.delete(settled));
  }
}

async function act(run: Run, harness: Harness, services: ServiceMap): Promise<void> {
  const { random } = run;
  const roll = random.next();
  if (roll < 0.6) run.ask(harness.left);
  else if (roll < 0.75) run.controllers[random.integer(run.controllers.length + 1)]?.abort();
  else if (roll < 0.95) await harness.advance(random.integer(120));
  else if (roll < 0.97) harness.right.withdraw(Work);
  else harness.right.provide(services);
}

for (const group of Array.from({ length: 10 }, (_, i) => i)) {
  const perGroup = SEEDS / 10;
  const [first, last] = [group * perGroup + 1, (group + 1) * perGroup];
  test(`seeds ${first} to ${last}: each call settles once, is executed at most once, tells the truth, and gives all back`, async () => {
    for (let seed = first; seed <= last; seed++) await once(seed);
  });
}

async function once(seed: number): Promise<void> {
  const run = new Run(seed);
  const { random } = run;
  const permits = random.next() < 0.5 ? new Semaphore(1 + random.integer(4)) : undefined;
  const made: { harness?: Harness } = {};
  const services = run.services(() => made.harness as Harness);
  const limits = {
    callsMax: 1 + random.integer(20),
    sendsMax: 1 + random.integer(10),
    sendBytesMax: 1 + random.integer(500),
  };
  const chunk = random.next() < 0.3 ? { chunk: (bytes: number) => 1 + random.integer(bytes) } : {};
  const pipe = { bufferBytes: 1 + random.integer(2000), ...chunk };
  await using harness = await peers({ right: { services, limits, ...(permits && { backpressure: permits }) }, pipe });
  made.harness = harness;
  for (let step = 0; step < STEPS; step++) await act(run, harness, services);
  const end = random.integer(4);
  if (end === 0) harness.cut();
  else if (end === 1) void harness.left.close({ graceMs: random.integer(300) });
  else if (end === 2) void harness.right.close({ graceMs: random.integer(300) });
  await harness.advance(5000);

  const label = `seed ${seed}`;
  expect(run.pending.size, label).toBe(0);
  run.outcomes.forEach(({ settled, isCall, code, maybeExecuted }, id) => {
    const executed = run.executed.get(id) ?? 0;
    expect(settled, `${label}: ${id} settled`).toBe(1);
    expect(executed, `${label}: ${id} executed`).toBeLessThanOrEqual(1);
    if (isCall && code === "ok") expect(executed, `${label}: ${id} was answered`).toBe(1);
    if (code !== "ok" && !maybeExecuted) expect(executed, `${label}: ${id} ended with ${code}`).toBe(0);
  });
  expect(run.order, label).toEqual(run.order.toSorted((a, b) => a - b));
  expect(run.running, label).toBe(0);
  if (permits) expect(permits.available, label).toBe(permits.permits);
}

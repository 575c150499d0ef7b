// Two greeted peers for one test, and the demand that nothing of it is left when the test is over: no call, no task, no
// waiting message, no timer. Time is virtual, and bytes travel by themselves.

import { reportUncaught, systemClock, type CancelTimer, type Clock } from "../base/index.js";
import { connect, listen, Peer, type PeerOptions } from "../peer/index.js";
import { memoryPair, type Connection, type MemoryPairOptions } from "../transport/index.js";
import { demand } from "./conformance-case.js";
import type { TransportSubject } from "./transport-conformance/stage.js";
import { VirtualClock } from "./virtual-clock.js";

/** What the two peers of a harness are like. */
export interface PeersOptions {
  /** Of the side that dialled, if anybody did. */
  readonly left?: PeerOptions;
  readonly right?: PeerOptions;
  /** What time passes on; one of the harness's own unless given. Only for the memory pair. */
  readonly clock?: VirtualClock;
  /** How the memory pair behaves. */
  readonly pipe?: Omit<MemoryPairOptions, "clock">;
  /** A transport to dial over instead; then time is real, and `clock` stands still. */
  readonly subject?: TransportSubject;
}

/** Two peers that are each other's other side. Made by `peers`. */
export class Harness implements AsyncDisposable {
  readonly left: Peer;
  readonly right: Peer;
  readonly clock: VirtualClock;
  readonly #connections: readonly Connection[];
  readonly #end: () => Promise<void>;

  /** For `peers` only. */
  constructor(
    left: Peer,
    right: Peer,
    clock: VirtualClock,
    connections: readonly Connection[],
    end: () => Promise<void>,
  ) {
    this.left = left;
    this.right = right;
    this.clock = clock;
    this.#connections = connections;
    this.#end = end;
  }

  /** Resolves when nothing is on its way any more and no time has passed. */
  flush(): Promise<void> {
    return this.clock.flush();
  }

  /** Lets time pass, and all that follows from it happen. */
  advance(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Cuts the line below the peers, as a network would: both sides are told of a reset. Memory only. */
  cut(reason?: unknown): void {
    for (const connection of this.#connections) connection.abort(reason);
  }

  /** Ends the half of the left side without a word of goodbye, as a crashed program's system does. Memory only. */
  endLeft(): void {
    this.#connections[0]?.close();
  }

  /** Throws unless no side has a call, a task, a waiting message or an unwritten byte. */
  demandIdle(): void {
    const left = [...leftovers("left", this.left), ...leftovers("right", this.right)];
    demand(left.length === 0, `left behind: ${left.join(", ")}`);
  }

  /** Closes both sides; rejects if anything was left behind before or is left behind then. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    const before = [...leftovers("left", this.left), ...leftovers("right", this.right)];
    const closing = Promise.all([this.left.close(), this.right.close()]);
    // A task that does not end takes the whole grace, and one that ignores its signal takes its time as well.
    if (before.length > 0) await this.advance(60_000);
    await closing;
    await this.#end();
    await this.flush();
    const after = [...leftovers("left", this.left), ...leftovers("right", this.right)];
    for (const [side, peer] of [
      ["left", this.left],
      ["right", this.right],
    ] as const) {
      if (peer.stats.timers > 0) after.push(`${side} has ${peer.stats.timers} deadlines`);
    }
    if (this.clock.pending > 0) after.push(`the clock has ${this.clock.pending} timers`);
    demand(before.length === 0, `left behind: ${before.join(", ")}`);
    demand(after.length === 0, `left behind after both sides were closed: ${after.join(", ")}`);
  }
}

/**
 * Makes two peers that have greeted each other. What is awaited happens by itself; time passes only in `advance`.
 *
 * @example
 * await using harness = await peers({ right: { services } });
 * await harness.left.address(Calculator).call("add", { a: 1, b: 2 });
 */
export async function peers(options: PeersOptions = {}): Promise<Harness> {
  if (options.subject !== undefined) return dialled(options, options.subject);
  const virtual = options.clock ?? new VirtualClock();
  const clock = new SelfDrivenClock(virtual);
  const pair = memoryPair({ ...options.pipe, clock });
  const left = new Peer(pair[0], { clock, ...options.left });
  const right = new Peer(pair[1], { clock, ...options.right });
  await Promise.all([left.opened, right.opened]);
  await virtual.flush();
  return new Harness(left, right, virtual, pair, async () => {});
}

async function dialled(
  { left, right }: PeersOptions,
  { transport, endpoint, dispose }: TransportSubject,
): Promise<Harness> {
  const transports = [transport];
  const listener = await listen(endpoint, { ...right, transports });
  const accepted = listener[Symbol.asyncIterator]().next();
  const dialler = await connect(listener.endpoint, { ...left, transports });
  const { value } = (await accepted) as IteratorYieldResult<Peer>;
  return new Harness(dialler, value, new VirtualClock(), [], async () => {
    await listener.close();
    await dispose?.();
  });
}

/** Virtual time, with yields that are served without anybody asking: what is on its way arrives. */
export class SelfDrivenClock implements Clock {
  readonly #virtual: VirtualClock;
  #isDue = false;

  constructor(virtual: VirtualClock) {
    this.#virtual = virtual;
  }

  now(): number {
    return this.#virtual.now();
  }

  schedule(delayMs: number, callback: () => void): CancelTimer {
    return this.#virtual.schedule(delayMs, callback);
  }

  defer(callback: () => void): void {
    this.#virtual.defer(callback);
  }

  yield(callback: () => void): void {
    this.#virtual.yield(callback);
    if (this.#isDue) return;
    this.#isDue = true;
    systemClock.yield(() => {
      this.#isDue = false;
      this.#virtual.flush().catch(reportUncaught);
    });
  }
}

function leftovers(side: string, { stats }: Peer): string[] {
  const counts = [
    [stats.callsInFlight, "calls"],
    [stats.streamsInFlight, "streams"],
    [stats.waiting, "waiting messages"],
    [stats.running, "tasks"],
    [stats.bytesPending, "unwritten bytes"],
  ] as const;
  return counts.flatMap(([count, what]) => (count > 0 ? [`${side} has ${count} ${what}`] : []));
}

// A server that comes and goes and links to it, in virtual time: what is on its way arrives by itself, and time passes
// in `advance` only. When the stage is left, nothing of it may be left.

import { expect } from "vitest";
import { call, defineService, send, type Service } from "../../src/actor/index.js";
import type { Clock } from "../../src/base/index.js";
import { link, type Link, type LinkOptions } from "../../src/link/index.js";
import { listen, ServiceMap, type Listener, type ListenOptions } from "../../src/peer/index.js";
import { SeededRandom, SelfDrivenClock, VirtualClock } from "../../src/testing/index.js";
import { memory, type Connection, type Transport, type TransportConnectOptions } from "../../src/transport/index.js";

export const SERVER = "memory://server";

export const Echo = defineService("echo", {
  back: call<string, string>(),
  remaining: call<void, number>(),
  hold: call<void, string>(),
  tell: send<string>(),
}) satisfies Service;

/** Tells what the events of a link were, in order. */
export function record(of: Link): string[] {
  const seen: string[] = [];
  of.on("up", () => seen.push("up"));
  of.on("down", ({ reason }) => seen.push(`down ${reason.by} ${reason.code}`));
  of.on("retrying", ({ attempt, error }) =>
    seen.push(`retrying ${attempt} ${(error as { code?: string })?.code ?? ""}`),
  );
  of.on("closed", () => seen.push("closed"));
  return seen;
}

/** The memory transport, observed, and with a way to lead its dials elsewhere. */
export class Road implements Transport {
  readonly schemes: readonly string[] = ["memory"];
  readonly #memory: Transport;
  readonly #clock: Clock;
  /** When somebody dialled. */
  readonly dials: number[] = [];
  /** What came of it, open or not any more. */
  readonly connections: Connection[] = [];
  underWay = 0;
  mostUnderWay = 0;
  /** Answers dials instead of the memory transport. */
  detour: ((endpoint: string, options: TransportConnectOptions) => Promise<Connection>) | undefined;

  constructor(clock: Clock) {
    this.#memory = memory({ isPrivate: true, clock });
    this.#clock = clock;
  }

  async connect(endpoint: string, options: TransportConnectOptions = {}): Promise<Connection> {
    this.dials.push(this.#clock.now());
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    try {
      const connection = await (this.detour ?? this.#memory.connect.bind(this.#memory))(endpoint, options);
      this.connections.push(connection);
      return connection;
    } finally {
      this.underWay--;
    }
  }

  listen: Transport["listen"] = (...rest) => this.#memory.listen(...rest);

  /** Cuts all lines, as a network would. */
  cut(): void {
    for (const connection of this.connections.splice(0)) connection.abort();
  }
}

/** A dial that nobody answers, until it is given up. */
export function unanswered(_: string, { signal }: TransportConnectOptions): Promise<Connection> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

export class LinkStage implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly drivenClock = new SelfDrivenClock(this.clock);
  readonly road = new Road(this.drivenClock);
  readonly random = new SeededRandom(41);
  /** What `tell` was sent, in order, to any server of this stage. */
  readonly told: string[] = [];
  readonly #links: Link[] = [];
  readonly #listeners: Listener[] = [];

  /** The services of the server. `hold` is answered when the test ends the wait. */
  services(hold: () => Promise<unknown> = async () => {}): ServiceMap {
    return new ServiceMap().add(Echo, {
      back: (input) => input,
      remaining: (_, { remainingMs }) => remainingMs,
      hold: async () => {
        await hold();
        return "held";
      },
      tell: (line) => void this.told.push(line),
    });
  }

  async serve(options: Partial<ListenOptions> = {}): Promise<Listener> {
    const listener = await listen(SERVER, {
      transports: [this.road],
      clock: this.drivenClock,
      services: this.services(),
      ...options,
    });
    this.#listeners.push(listener);
    return listener;
  }

  /** A link whose attempts, unless said otherwise, come within a second. */
  link(options: Partial<LinkOptions> = {}): Link {
    const made = link(SERVER, {
      transports: [this.road],
      clock: this.drivenClock,
      random: this.random,
      ...options,
      backoff: { minMs: 1000, maxMs: 1000, ...options.backoff },
    });
    this.#links.push(made);
    return made;
  }

  advance(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  flush(): Promise<void> {
    return this.clock.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#links.map((each) => each.close({ graceMs: 0 })));
    await Promise.all(this.#listeners.map((each) => each.close({ graceMs: 0 })));
    await this.flush();
    expect(this.clock.pending, "timers that are left").toBe(0);
    expect(this.road.underWay, "dials that are left").toBe(0);
  }
}

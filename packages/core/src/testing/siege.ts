// A listener that raw peers attack while a witness, an honest peer on a connection of its own, goes on using it. When
// the siege is over the witness must still be answered, and nothing of the attackers may be left. Time is virtual.

import { call, defineService } from "../actor/index.js";
import {
  connect,
  listen,
  ServiceMap,
  type Listener,
  type ListenOptions,
  type Peer,
  type PeerEvent,
} from "../peer/index.js";
import { memory, type MemoryPairOptions, type Transport } from "../transport/index.js";
import { FrameKind } from "../wire/index.js";
import { demand } from "./conformance-case.js";
import { SelfDrivenClock } from "./harness.js";
import { RawPeer, type RawService } from "./raw-peer.js";
import { VirtualClock } from "./virtual-clock.js";

/** What the listener is told. Its services get slots from 0 up, in the order of the map. */
export interface SiegeOptions extends Omit<ListenOptions, "clock" | "transports"> {
  /** How the memory transport behaves. */
  readonly pipe?: Omit<MemoryPairOptions, "clock">;
}

/** An attacker that has greeted, and the peer that it attacks. */
export interface Attack {
  readonly raw: RawPeer;
  readonly victim: Peer;
  /** What the victim has emitted so far. */
  readonly events: readonly PeerEvent[];
  /** What the victim said of itself. */
  readonly hello: Readonly<Record<string, unknown>>;
}

const ENDPOINT = "memory://besieged";
const Witness = defineService("witness", { echo: call<number, number>() });

/** Made by `siege`. */
export class Siege implements AsyncDisposable {
  readonly clock: VirtualClock;
  readonly listener: Listener;
  readonly witness: Peer;
  /** Why greetings came to nothing. */
  readonly failures: Error[] = [];
  readonly #transport: Transport;
  readonly #attackers: RawPeer[] = [];
  readonly #victims: Peer[] = [];

  /** For `siege` only. */
  constructor(clock: VirtualClock, transport: Transport, listener: Listener, witness: Peer) {
    this.clock = clock;
    this.#transport = transport;
    this.listener = listener;
    this.witness = witness;
    listener.on("failed", ({ error }) => this.failures.push(error));
    listener.on("peer", ({ peer }) => this.#victims.push(peer));
  }

  /** Connects, and says nothing yet. */
  async approach(): Promise<RawPeer> {
    const raw = new RawPeer(await this.#transport.connect(ENDPOINT));
    this.#attackers.push(raw);
    return raw;
  }

  /** Connects, and greets in order. */
  async attack(services: readonly RawService[] = [], changes: Readonly<Record<string, unknown>> = {}): Promise<Attack> {
    const raw = await this.approach();
    const hello = await raw.greet(services, changes);
    await this.flush();
    const victim = this.#victims.at(-1);
    demand(victim !== undefined, "the greeting came to nothing");
    const events: PeerEvent[] = [];
    for (const type of [
      "provided",
      "withdrawn",
      "refused",
      "failed",
      "abandoned",
      "fault",
      "closing",
      "closed",
    ] as const) {
      victim.on(type, (event) => events.push(event));
    }
    raw.take(FrameKind.provide);
    return { raw, victim, events, hello };
  }

  /** Resolves when nothing is on its way any more and no time has passed. */
  flush(): Promise<void> {
    return this.clock.flush();
  }

  /** Lets time pass, while `alive` shows a sign of life every second. */
  async advance(ms: number, ...alive: readonly RawPeer[]): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      for (const raw of alive) raw.write({ kind: FrameKind.ping, id: 1 });
      await this.clock.advance(Math.min(left, 1000));
    }
  }

  /** Rejects unless the witness is answered. */
  async demandWitness(): Promise<void> {
    const answer = await this.witness.address(Witness).call("echo", 7, { timeoutMs: 1000 });
    demand(answer === 7, `the witness was answered ${answer}`);
  }

  /** Demands that the witness is unharmed, ends the siege, and demands that nothing is left of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.demandWitness();
    for (const raw of this.#attackers) raw.abort();
    await this.flush();
    // A handler that ignores its signal keeps its place for a moment after its connection is gone.
    await this.clock.advance(1000);
    const left = this.#victims.filter((victim) => victim !== this.witness).flatMap(leftovers);
    demand(left.length === 0, `left behind: ${left.join(", ")}`);
    await Promise.all([this.witness.close(), this.listener.close()]);
    await this.flush();
    demand(this.clock.pending === 0, `the clock has ${this.clock.pending} timers`);
  }
}

/** Opens a listener with a witness. */
export async function siege({ pipe, services = new ServiceMap(), ...options }: SiegeOptions = {}): Promise<Siege> {
  const virtual = new VirtualClock();
  const clock = new SelfDrivenClock(virtual);
  const transport = memory({ ...pipe, clock, isPrivate: true });
  services.add(Witness, { echo: (n) => n });
  const listener = await listen(ENDPOINT, { ...options, services, clock, transports: [transport] });
  const witness = await connect(ENDPOINT, { clock, transports: [transport] });
  await virtual.flush();
  return new Siege(virtual, transport, listener, witness);
}

function leftovers({ stats, state }: Peer): string[] {
  const counts = [
    [stats.callsInFlight, "calls"],
    [stats.waiting, "waiting messages"],
    [stats.running, "tasks"],
    [stats.bytesPending, "unwritten bytes"],
    [stats.timers, "deadlines"],
  ] as const;
  const found = counts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));
  return state === "closed" ? found : [...found, `a peer that is ${state}`];
}

// The participant of a host: beacons out, beacons in, one connection to every other participant, and the programs of this host
// on a socket of their own. It passes on who publishes and who subscribes; values go past it, from program to program.

import type { CancelTimer, Clock, Random } from "../base/index.js";
import { connect, listen, ServiceMap, type Listener, type Peer, type PeerOptions } from "../peer/index.js";
import { formatEndpoint, parseEndpoint, type Transport } from "../transport/index.js";
import { BEACON_BURST, BEACON_BURST_MS, BEACON_MS, encodeBeacon, parseBeacon, type Beacon } from "./beacon.js";
import { PubSubError } from "./error.js";
import { ParticipantProtocol, type Introduction } from "./protocol.js";
import { readRoster } from "./roster-news.js";
import type { Roster } from "./roster.js";

/** How many participants are connected at most, and how many are being dialled. */
export const PARTICIPANTS_MAX = 1024;
/** How many participants are being dialled at once. */
export const PARTICIPANTS_DIALLED_MAX = 16;
/** How long a participant may be silent before it is suspected, and before it is gone, in milliseconds. */
export const PARTICIPANT_SUSPECTED_MS = 2500;
/** How long a participant may be silent before it is gone, in milliseconds. */
export const PARTICIPANT_DEAD_MS = 5000;
/** How often one address is dialled because of beacons, at most, in milliseconds: whoever forges them gets no more than that. */
const DIALS_APART_MS = 1000;
const ALIVE_MS = 500;
/** How long the side with the smaller id leaves dialling to the other one, in milliseconds. */
const YIELD_MS = 60;
const INTRODUCTION_MS = 2000;
/** How long a participant may take to say that it is still there, when somebody comes by its name, in milliseconds. */
const TWIN_MS = 500;

/** Where beacons go, and where they come from. */
export interface BeaconPort {
  /** Sends one to everybody who can hear it; it may be lost. */
  send(beacon: Uint8Array): void;
  /** Calls back for every datagram. */
  open(received: (bytes: Uint8Array, host: string) => void): void;
  close(): void;
}

/** What can be observed of other participants. */
export type ParticipantEvent =
  | { readonly type: "found"; readonly participant: string; readonly endpoint: string }
  | { readonly type: "suspected"; readonly participant: string }
  | { readonly type: "lost"; readonly participant: string; readonly reason: string }
  /** Something that a participant or a program of this host says makes no sense, or is too much; it was left out. */
  | { readonly type: "refused"; readonly participant: string; readonly error: Error }
  /** The participant of this host is gone, and this program cannot take its place; that is tried again. */
  | { readonly type: "joinFailed"; readonly error: Error };

/** What a participant of a host is made of. */
export interface ParticipantHostParts {
  readonly id: string;
  readonly domain: number;
  readonly roster: Roster;
  readonly transports: readonly Transport[];
  /** Where the programs of this host find it, if there may be others. */
  readonly localEndpoint: string | undefined;
  /** Where other participants dial it, such as `tcp://0.0.0.0:0`; nowhere if there are none. */
  readonly adminEndpoint: string | undefined;
  readonly beacons: BeaconPort | undefined;
  /** Participants to dial without having heard of them. */
  readonly known: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: (event: ParticipantEvent) => void;
}

interface Other {
  readonly peer: Peer;
  readonly isDialler: boolean;
  seenAt: number;
  isSuspected: boolean;
  cancel: CancelTimer;
}

export class ParticipantHost {
  readonly #parts: ParticipantHostParts;
  readonly #others = new Map<string, Other>();
  readonly #programs = new Map<Peer, string>();
  readonly #introducedBefore = new WeakSet<Peer>();
  readonly #dialling = new Set<string>();
  readonly #dialledAt = new Map<string, number>();
  readonly #listeners: Listener[] = [];
  readonly #cancels = new Set<CancelTimer>();
  #isClosed = false;

  constructor(parts: ParticipantHostParts) {
    this.#parts = parts;
  }

  /** The ids of the other participants. */
  get participants(): string[] {
    return [...this.#others.keys()];
  }

  /** Where other participants dial it; undefined if nowhere. */
  get endpoint(): string | undefined {
    return this.#listeners.find(({ endpoint }) => endpoint !== this.#parts.localEndpoint)?.endpoint;
  }

  /** @throws TransportError `address-in-use` if there is a participant on this host already. */
  async open(): Promise<void> {
    const { localEndpoint, adminEndpoint, beacons, known } = this.#parts;
    try {
      if (localEndpoint !== undefined) await this.#listen(localEndpoint);
      if (adminEndpoint !== undefined) await this.#listen(adminEndpoint);
    } catch (error) {
      await this.close();
      throw error;
    }
    beacons?.open((bytes, host) => this.#heard(bytes, host));
    if (beacons !== undefined && adminEndpoint !== undefined) this.#beacon(1);
    for (const endpoint of known) this.#keepDialling(endpoint);
  }

  /** Says goodbye to all, and ends every connection. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { beacons } = this.#parts;
    if (beacons !== undefined && this.endpoint !== undefined) beacons.send(this.#own(true));
    for (const cancel of this.#cancels) cancel();
    for (const { cancel } of this.#others.values()) cancel();
    const peers = [...[...this.#others.values()].map(({ peer }) => peer), ...this.#programs.keys()];
    await Promise.all([
      ...peers.map((peer) => peer.close({ graceMs: 0 })),
      ...this.#listeners.map((listener) => listener.close({ graceMs: 0 })),
    ]);
    beacons?.close();
  }

  /** Programs are those of this host: nobody else comes by its socket. */
  #peerOptions(role: Introduction["role"]): PeerOptions {
    const { clock, random } = this.#parts;
    const services = new ServiceMap().add(ParticipantProtocol, {
      introduce: (introduction, { peer }) => this.#introduced(peer, introduction, role),
      roster: (scope: "own" | "all") =>
        this.#parts.roster.watch((source) => scope === "all" || source.startsWith("local:")) as never,
      alive: () => {},
    });
    return { clock, random, services, name: "participant" };
  }

  async #listen(endpoint: string): Promise<void> {
    const { transports } = this.#parts;
    const role = endpoint === this.#parts.localEndpoint ? "program" : "participant";
    this.#listeners.push(
      await listen(endpoint, { ...this.#peerOptions(role), transports, connectionsMax: 2 * PARTICIPANTS_MAX }),
    );
  }

  // Beacons.

  #own(isLeaving: boolean): Uint8Array {
    const port = this.endpoint === undefined ? 0 : (parseEndpoint(this.endpoint).port ?? 0);
    return encodeBeacon({ id: this.#parts.id, port, domain: this.#parts.domain, isLeaving });
  }

  #beacon(count: number): void {
    this.#parts.beacons?.send(this.#own(false));
    this.#later(count < BEACON_BURST ? BEACON_BURST_MS : BEACON_MS, () => this.#beacon(count + 1));
  }

  #heard(bytes: Uint8Array, host: string): void {
    const beacon = parseBeacon(bytes);
    const { id, domain } = this.#parts;
    if (this.#isClosed || beacon === undefined || beacon.domain !== domain || beacon.id === id) return;
    // A goodbye is believed when the connection ends as well: anybody could send one.
    if (beacon.isLeaving || this.#others.has(beacon.id)) return;
    if (id > beacon.id) this.#answer(beacon, host);
    else this.#later(YIELD_MS, () => this.#answer(beacon, host));
  }

  #answer(beacon: Beacon, host: string): void {
    const now = this.#parts.clock.now();
    if (this.#others.has(beacon.id) || this.#dialling.size >= PARTICIPANTS_DIALLED_MAX) return;
    if (now - (this.#dialledAt.get(host) ?? -Infinity) < DIALS_APART_MS / PARTICIPANTS_DIALLED_MAX) return;
    const endpoint = formatEndpoint({ scheme: "tcp", host, port: beacon.port, path: "" });
    if (this.#dialling.has(endpoint)) return;
    if (this.#dialledAt.size > PARTICIPANTS_MAX) this.#dialledAt.clear();
    this.#dialledAt.set(host, now);
    this.#dial(endpoint).catch(() => {});
  }

  /** One that was named is dialled until it is there, and again when it is lost, whoever had dialled. */
  #keepDialling(endpoint: string): void {
    const { id: own, random } = this.#parts;
    const again = (): void => this.#later(BEACON_MS * (0.5 + random.next()), () => this.#keepDialling(endpoint));
    this.#dial(endpoint).then((id) => {
      const connected = this.#others.get(id)?.peer.closed;
      if (connected !== undefined) void connected.then(again);
      else if (id !== own) again();
    }, again);
  }

  /** Resolves with who is there, connected or not. */
  async #dial(endpoint: string): Promise<string> {
    const { transports, id, domain } = this.#parts;
    this.#dialling.add(endpoint);
    try {
      const peer = await connect(endpoint, {
        ...this.#peerOptions("participant"),
        transports,
        handshakeMs: INTRODUCTION_MS,
      });
      this.#introducedBefore.add(peer);
      const other = await peer
        .address(ParticipantProtocol)
        .call("introduce", { id, role: "participant", domain }, { timeoutMs: INTRODUCTION_MS })
        .catch((error: unknown) => {
          peer.abort(error);
          throw error;
        });
      this.#met(peer, other, true);
      return other;
    } finally {
      this.#dialling.delete(endpoint);
    }
  }

  // Who is met.

  #introduced(peer: Peer, { id, role, domain }: Introduction, expected: Introduction["role"]): string {
    if (!/^[0-9a-f]{32}$/.test(id) || domain !== this.#parts.domain) {
      throw new PubSubError("participant-away", "this is another domain");
    }
    if (role !== expected || this.#introducedBefore.has(peer)) {
      throw new PubSubError("announcement-invalid", "this is no way to introduce oneself");
    }
    this.#introducedBefore.add(peer);
    if (role === "program") this.#program(peer, id);
    else if (this.#others.get(id)?.isDialler === false) void this.#demandGone(peer, id);
    else this.#met(peer, id, false);
    return this.#parts.id;
  }

  /** Somebody comes by the name of one who is there: it takes that place only if nobody answers from it. */
  async #demandGone(peer: Peer, id: string): Promise<void> {
    const before = this.#others.get(id)?.peer;
    const isThere = await before
      ?.address(ParticipantProtocol)
      .call("alive", undefined, { timeoutMs: TWIN_MS })
      .then(
        () => true,
        () => false,
      );
    if (isThere === true) void peer.close({ graceMs: 0 });
    else if (peer.state === "open") this.#met(peer, id, false);
  }

  /** One connection per pair: of two that were dialled at once, that of the greater id stays. */
  #met(peer: Peer, id: string, isDialler: boolean): void {
    const { id: own, clock, emit } = this.#parts;
    const before = this.#others.get(id);
    const isWanted = before === undefined || before.isDialler === isDialler || isDialler === own > id;
    if (id === own || !isWanted || this.#isClosed || this.#others.size >= PARTICIPANTS_MAX) {
      clock.yield(() => void peer.close({ graceMs: 0 }));
      return;
    }
    before?.cancel();
    const other: Other = { peer, isDialler, seenAt: clock.now(), isSuspected: false, cancel: () => {} };
    this.#others.set(id, other);
    void peer.closed.then(({ code }) => this.#gone(id, other, code));
    if (before === undefined) emit({ type: "found", participant: id, endpoint: peer.remote.endpoint });
    else void before.peer.close({ graceMs: 0 });
    this.#watch(id, other);
    this.#follow(peer, `participant:${id}`);
  }

  #program(peer: Peer, id: string): void {
    this.#programs.set(peer, id);
    void peer.closed.then(() => {
      this.#programs.delete(peer);
      this.#parts.roster.dropSource(`local:${id}`);
    });
    this.#follow(peer, `local:${id}`);
  }

  /** Takes over what the other side says of itself, as long as it is there. */
  #follow(peer: Peer, source: string): void {
    const { roster, emit } = this.#parts;
    const participant = source.slice(source.indexOf(":") + 1);
    void readRoster(peer, "own", {
      take: (change) => roster.apply(change, source),
      refused: (error) => emit({ type: "refused", participant, error }),
    });
  }

  /** Asks for signs of life: whoever gives none is suspected, and then gone. */
  #watch(id: string, other: Other): void {
    const { clock, emit } = this.#parts;
    const ask = (): void => {
      const { peer } = other;
      peer
        .address(ParticipantProtocol)
        .call("alive", undefined, { timeoutMs: PARTICIPANT_DEAD_MS })
        .then(
          () => {
            other.seenAt = clock.now();
            other.isSuspected = false;
          },
          () => {},
        );
      const limitMs = other.isSuspected ? PARTICIPANT_DEAD_MS : PARTICIPANT_SUSPECTED_MS;
      const leftMs = limitMs - (clock.now() - other.seenAt);
      other.cancel = clock.schedule(Math.min(ALIVE_MS, Math.max(1, leftMs)), () => {
        const silentMs = clock.now() - other.seenAt;
        if (silentMs >= PARTICIPANT_DEAD_MS) {
          return peer.abort(new PubSubError("participant-away", "no sign of life"));
        }
        if (silentMs >= PARTICIPANT_SUSPECTED_MS && !other.isSuspected) {
          other.isSuspected = true;
          emit({ type: "suspected", participant: id });
        }
        ask();
      });
    };
    ask();
  }

  #gone(id: string, other: Other, reason: string): void {
    other.cancel();
    if (this.#others.get(id) !== other) return;
    this.#others.delete(id);
    this.#parts.roster.dropSource(`participant:${id}`);
    if (!this.#isClosed) this.#parts.emit({ type: "lost", participant: id, reason });
  }

  #later(delayMs: number, run: () => void): void {
    if (this.#isClosed) return;
    const cancel = this.#parts.clock.schedule(delayMs, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
  }
}

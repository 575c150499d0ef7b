// Both halves of the introduction, over peers: strangers are asked who they are, and have so long to prove it.

import type { CancelTimer, Clock, Random } from "../base/index.js";
import { RemoteError } from "../actor/index.js";
import { parsePacket, type MemberRecord, type Packet } from "../discovery/index.js";
import { ServiceMap, type Peer } from "../peer/index.js";
import { NetworkError } from "./error.js";
import {
  checkProof,
  NodeProtocol,
  NONCE_BYTES,
  prove,
  readIntroduction,
  type Credentials,
  type Exchange,
  type Introduce,
  type Introduced,
  type Proof,
} from "./introduction.js";

/** How long a stranger may take to prove who it is, in milliseconds. */
export const INTRODUCTION_MS = 5000;

/** Whom a doorkeeper works for. */
export interface House {
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly random: Random;
  readonly own: () => MemberRecord;
  /** Offers everything to somebody who has proved who it is. */
  readonly offer: (peer: Peer) => void;
  /** Somebody has proved who it is. Throws, or rejects, if it is not wanted all the same. */
  readonly welcome: (peer: Peer, record: MemberRecord, isDialler: boolean) => Promise<void>;
  readonly packet: (from: string, packet: Packet) => void;
}

interface Stranger {
  readonly exchange: Exchange;
  readonly record: MemberRecord;
}

export class Doorkeeper {
  /** What strangers see. */
  readonly services: ServiceMap;
  readonly #house: House;
  readonly #strangers = new WeakMap<Peer, Stranger>();
  readonly #known = new WeakMap<Peer, string>();
  readonly #timers = new Map<Peer, CancelTimer>();

  constructor(house: House) {
    this.#house = house;
    this.services = new ServiceMap().add(NodeProtocol, {
      introduce: (first, { peer }) => this.#introduced(peer, first),
      confirm: (proof, { peer }) => this.#confirmed(peer, proof),
      packet: (packet, { peer }) => house.packet(this.#demandKnown(peer), parsePacket(packet)),
      alive: (_input, { peer }) => {
        this.#demandKnown(peer);
        return house.own().instance;
      },
    });
  }

  /** Somebody has connected: it has some time to say who it is. */
  watch(peer: Peer): void {
    const cancel = this.#house.clock.schedule(INTRODUCTION_MS, () => {
      peer.abort(new NetworkError("introduction-late", `no introduction within ${INTRODUCTION_MS} ms`));
    });
    this.#timers.set(peer, cancel);
    void peer.closed.then(() => this.#settle(peer));
  }

  /** Introduces this side, which has dialled; resolves with who the other side is, once both are sure. */
  async greet(peer: Peer, signal?: AbortSignal): Promise<MemberRecord> {
    const { credentials, random, own, welcome } = this.#house;
    const options = { timeoutMs: INTRODUCTION_MS, ...(signal && { signal }) };
    const other = peer.address(NodeProtocol);
    const first: Introduce = { record: own().signed, nonce: random.bytes(NONCE_BYTES) };
    try {
      const second: Introduced = await other.call("introduce", first, options);
      const record = readIntroduction(credentials, second);
      const exchange = { dialler: first, listener: second };
      checkProof(credentials, exchange, false, record, second.proof ?? ({} as Proof));
      // Ahead of the last word: whoever hears that may call at once.
      this.#house.offer(peer);
      await other.call("confirm", prove(credentials, exchange, true), options);
      this.#known.set(peer, record.id);
      await welcome(peer, record, true);
      return record;
    } catch (error) {
      peer.abort(error);
      // What the other side refuses for has the same name here.
      if (error instanceof RemoteError) throw new NetworkError(error.code, error.message, { cause: error });
      throw error;
    }
  }

  close(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #introduced(peer: Peer, first: Introduce): Introduced {
    const { credentials, random, own } = this.#house;
    try {
      if (this.#known.has(peer) || this.#strangers.has(peer))
        throw new NetworkError("proof-invalid", "introduced twice");
      const record = readIntroduction(credentials, first);
      const second: Introduce = { record: own().signed, nonce: random.bytes(NONCE_BYTES) };
      const exchange = { dialler: first, listener: second };
      this.#strangers.set(peer, { exchange, record });
      return { ...second, proof: prove(credentials, exchange, false) };
    } catch (error) {
      throw this.#turnAway(peer, error);
    }
  }

  async #confirmed(peer: Peer, proof: Proof): Promise<void> {
    const stranger = this.#strangers.get(peer);
    try {
      if (stranger === undefined) throw new NetworkError("proof-invalid", "a proof without an introduction");
      const { exchange, record } = stranger;
      checkProof(this.#house.credentials, exchange, true, record, proof ?? ({} as Proof));
      this.#strangers.delete(peer);
      this.#known.set(peer, record.id);
      this.#settle(peer);
      await this.#house.welcome(peer, record, false);
    } catch (error) {
      throw this.#turnAway(peer, error);
    }
  }

  /** It is told why, and then the connection ends. */
  #turnAway(peer: Peer, error: unknown): unknown {
    this.#house.clock.yield(() => void peer.close({ graceMs: 100 }));
    return error;
  }

  #demandKnown(peer: Peer): string {
    const id = this.#known.get(peer);
    if (id === undefined) throw new NetworkError("not-introduced", "the other side has not said who it is");
    return id;
  }

  #settle(peer: Peer): void {
    this.#timers.get(peer)?.();
    this.#timers.delete(peer);
  }
}

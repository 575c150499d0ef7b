// Who speaks for this host: the first program that takes the seat, and when it is gone, another. Everybody else follows.

import { RemoteError } from "../actor/index.js";
import type { Clock, Random } from "../base/index.js";
import { connect, ServiceMap, type Peer } from "../peer/index.js";
import { TransportError } from "../transport/index.js";
import { PubSubError } from "./error.js";
import { ParticipantHost, type ParticipantHostParts, type BeaconPort } from "./participant-host.js";
import { ParticipantProtocol } from "./protocol.js";
import { readRoster } from "./roster-news.js";
import { HOST } from "./roster.js";

/** How long until somebody who has lost its participant looks for one again, in milliseconds, at most. */
const REJOIN_MS = 200;
/** How long until it tries again when that has failed, in milliseconds, at most. */
const REJOIN_LATE_MS = 1000;

/** How long a program tries to join whoever speaks for its host, in milliseconds, about. */
export const PARTICIPANT_JOIN_MS = 10_000;
/** How long one that is asked may take to answer, in milliseconds. */
const ANSWER_MS = 2000;

/** What a seat uses and tells. */
export interface HostSeatParts extends Omit<ParticipantHostParts, "beacons"> {
  readonly name: string;
  /** Made when this program speaks for its host. */
  readonly beacons: () => Promise<BeaconPort | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  /** There is a participant: this program, or another one. */
  readonly joined: (participant: string) => void;
}

export class HostSeat {
  readonly #parts: HostSeatParts;
  readonly #life = new AbortController();
  host: ParticipantHost | undefined;
  #peer: Peer | undefined;

  constructor(parts: HostSeatParts) {
    this.#parts = parts;
  }

  /** Resolves when there is a participant. Rejects with PubSubError `closed` or `participant-away`, or when this program cannot listen. */
  async join(): Promise<void> {
    const { clock } = this.#parts;
    const endsAt = clock.now() + PARTICIPANT_JOIN_MS;
    for (;;) {
      if (this.#life.signal.aborted) throw closed();
      if (await this.#take()) return;
      if (await this.#follow()) return;
      if (clock.now() >= endsAt) {
        throw new PubSubError("participant-away", "whoever speaks for this host is there, and does not answer");
      }
      await this.#pause(REJOIN_MS);
    }
  }

  async close(): Promise<void> {
    this.#life.abort();
    await this.#peer?.close({ graceMs: 0 });
    await this.host?.close();
  }

  /** False if somebody has the seat. */
  async #take(): Promise<boolean> {
    const host = new ParticipantHost({ ...this.#parts, beacons: await this.#parts.beacons() });
    try {
      await host.open();
    } catch (error) {
      const isTaken = error instanceof TransportError && error.code === "address-in-use";
      if (isTaken && error.endpoint === this.#parts.localEndpoint) return false;
      throw error;
    }
    if (this.#life.signal.aborted) {
      await host.close();
      throw closed();
    }
    this.host = host;
    this.#parts.joined(this.#parts.id);
    return true;
  }

  /** False if whoever has the seat does not answer. */
  async #follow(): Promise<boolean> {
    const { localEndpoint = "", transports, clock, random, domain, name, id, roster } = this.#parts;
    const services = new ServiceMap().add(ParticipantProtocol, {
      introduce: () => id,
      roster: () => roster.watch((source) => source === `local:${id}`) as never,
      alive: () => {},
    });
    let peer: Peer | undefined;
    try {
      const options = { transports, clock, random, name, services, signal: this.#life.signal };
      peer = await connect(localEndpoint, { ...options, handshakeMs: ANSWER_MS });
      const introduction = { id, role: "program", domain } as const;
      const participant = await peer
        .address(ParticipantProtocol)
        .call("introduce", introduction, { timeoutMs: ANSWER_MS });
      this.#peer = peer;
      this.#parts.joined(participant);
      void this.#takeOver(peer, participant);
      return true;
    } catch (error) {
      peer?.abort();
      // Whoever has the seat is of another domain: there is no place for this one here.
      if (error instanceof RemoteError && error.code === "participant-away") throw error;
      return false;
    }
  }

  /** Takes over what the participant knows, until it is gone; then somebody else has to be it. */
  async #takeOver(peer: Peer, participant: string): Promise<void> {
    const { id, roster, random, emit } = this.#parts;
    await readRoster(peer, "all", {
      take: (change) => ("gone" in change || change.id !== id) && roster.apply(change, HOST),
      refused: (error) => emit({ type: "refused", participant, error }),
    });
    peer.abort();
    if (this.#life.signal.aborted) return;
    this.#peer = undefined;
    roster.dropSource(HOST);
    await this.#rejoin(REJOIN_MS * random.next());
  }

  /** Somebody has to be it: what is in the way, such as a port that is taken, may be gone the next time. */
  async #rejoin(delayMs: number): Promise<void> {
    const { random, emit } = this.#parts;
    for (let waitMs = delayMs; ; waitMs = REJOIN_LATE_MS * (0.5 + random.next() / 2)) {
      try {
        await this.#pause(waitMs);
        return await this.join();
      } catch (error) {
        if (this.#life.signal.aborted) return;
        emit({ type: "joinFailed", error: error as Error });
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        cancel();
        reject(closed());
      };
      const { signal } = this.#life;
      const cancel = this.#parts.clock.schedule(ms, () => {
        signal.removeEventListener("abort", stop);
        resolve();
      });
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
  }
}

function closed(): PubSubError {
  return new PubSubError("closed", "this participant is closed");
}

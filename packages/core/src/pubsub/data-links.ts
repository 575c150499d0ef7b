// The connections over which this program gets the values of others: one for each program, by the best way that goes through.

import { parseEndpoint, type Transport } from "../transport/index.js";
import { connect, type Peer, type PeerOptions } from "../peer/index.js";
import type { ProgramRecord } from "./announcement.js";
import { PubSubError } from "./error.js";

/** How long one way may take to go through before the next is tried, in milliseconds. */
export const DATA_DIAL_MS = 1500;

/** The ways from the best to the last: on one host, and between hosts. */
const LOCAL_WAYS = ["memory", "unix", "tcp"];
const REMOTE_WAYS = ["udp", "tcp", "tls", "ws", "memory"];

/** One way did not go through, and another one did. */
export interface FellBack {
  readonly program: string;
  readonly from: string;
  readonly to: string;
  readonly error: Error;
}

/** What links use and tell. */
export interface DataLinksParts {
  readonly transports: readonly Transport[];
  readonly peer: PeerOptions;
  /** The participant of this program. */
  readonly participant: () => string;
  readonly fellBack: (event: FellBack) => void;
}

export class DataLinks {
  readonly #parts: DataLinksParts;
  readonly #links = new Map<string, Promise<Peer>>();
  readonly #life = new AbortController();

  constructor(parts: DataLinksParts) {
    this.#parts = parts;
  }

  /** Resolves with the connection to a program, which is made if there is none. */
  reach(program: ProgramRecord): Promise<Peer> {
    let link = this.#links.get(program.id);
    if (link === undefined) {
      link = this.#dial(program);
      const made = link;
      this.#links.set(program.id, made);
      const forget = (): void => {
        if (this.#links.get(program.id) === made) this.#links.delete(program.id);
      };
      made.then((peer) => void peer.closed.then(forget), forget);
    }
    return link;
  }

  /** The scheme of the connection to a program that is open. */
  async schemeOf(program: string): Promise<string | undefined> {
    const peer = await this.#links.get(program)?.catch(() => undefined);
    return peer === undefined ? undefined : parseEndpoint(peer.remote.endpoint).scheme;
  }

  /** Ends all connections at once: what comes over them, nobody takes any more. */
  async close(): Promise<void> {
    this.#life.abort();
    const left = (peer: Peer): Promise<unknown> => {
      peer.abort("the participant is closed");
      return peer.closed;
    };
    await Promise.all([...this.#links.values()].map((link) => link.then(left, () => {})));
  }

  async #dial(program: ProgramRecord): Promise<Peer> {
    const ways = program.participant === this.#parts.participant() ? LOCAL_WAYS : REMOTE_WAYS;
    const schemes = new Set(this.#parts.transports.flatMap((transport) => transport.schemes));
    const endpoints = ways
      .filter((scheme) => schemes.has(scheme))
      .flatMap((scheme) => program.endpoints.filter((endpoint) => endpoint.startsWith(`${scheme}:`)));
    let failed: { readonly endpoint: string; readonly error: Error } | undefined;
    for (const endpoint of endpoints) {
      try {
        const { transports, peer: options } = this.#parts;
        const peer = await connect(endpoint, {
          ...options,
          transports,
          handshakeMs: DATA_DIAL_MS,
          signal: this.#life.signal,
        });
        if (failed !== undefined) {
          this.#parts.fellBack({ program: program.id, from: failed.endpoint, to: endpoint, error: failed.error });
        }
        return peer;
      } catch (error) {
        failed ??= { endpoint, error: error as Error };
      }
    }
    throw failed?.error ?? new PubSubError("participant-away", `${program.name} has no endpoint that can be dialled`);
  }
}

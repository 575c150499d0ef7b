// A path between two ends of `udp://` that loses and delays: what the kernel here cannot do. It stands in front of a listener,
// and puts itself in the place of the port that the listener's answer names.

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { systemClock } from "@troupe/core";
import { SeededRandom } from "@troupe/core/testing";
import { encodeHandshake, HandshakeKind, parseHandshake } from "../src/udp-handshake.js";

export interface LossyPath {
  /** The share of datagrams that are lost, from 0 to 1, each way. */
  readonly loss: number;
  /** How long each takes, in milliseconds. */
  readonly delayMs: number;
}

export class LossyRelay {
  readonly #path: LossyPath;
  readonly #random = new SeededRandom(20_261_127);
  readonly #sockets: Socket[] = [];
  #port = 0;
  passed = 0;
  lost = 0;

  constructor(path: LossyPath) {
    this.#path = path;
  }

  get endpoint(): string {
    return `udp://127.0.0.1:${this.#port}`;
  }

  /** Begins to pass on what is for a port of this machine. */
  async open(port: number): Promise<this> {
    this.#port = await this.#between(port);
    return this;
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  /** Returns the port in the place of `target`. */
  async #between(target: number): Promise<number> {
    const front = createSocket("udp4");
    this.#sockets.push(front);
    const backs = new Map<number, Socket>();
    front.on("message", (bytes: Buffer, from: RemoteInfo) => {
      let back = backs.get(from.port);
      if (back === undefined) {
        back = createSocket("udp4");
        this.#sockets.push(back);
        backs.set(from.port, back);
        back.on("message", (answer: Buffer) => void this.#back(answer, front, from.port));
      }
      this.#pass(() => back.send(bytes, target, "127.0.0.1"));
    });
    front.bind(0, "127.0.0.1");
    await once(front, "listening");
    return front.address().port;
  }

  async #back(answer: Buffer, front: Socket, to: number): Promise<void> {
    const handshake = parseHandshake(answer);
    const isAccepted = handshake?.kind === HandshakeKind.accept;
    const bytes = isAccepted ? encodeHandshake({ ...handshake, port: await this.#between(handshake.port) }) : answer;
    this.#pass(() => front.send(bytes, to, "127.0.0.1"));
  }

  #pass(send: () => void): void {
    if (this.#random.next() < this.#path.loss) {
      this.lost++;
      return;
    }
    this.passed++;
    systemClock.schedule(this.#path.delayMs, () => {
      try {
        send();
      } catch {
        // It was closed meanwhile.
      }
    });
  }
}

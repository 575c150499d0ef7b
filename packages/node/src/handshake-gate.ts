// The sockets that are not connections yet, because a handshake above them is under way: each has its time, and there
// are only so many. Those who drip a byte a second keep nobody else out.

import type { Socket } from "node:net";
import { systemClock, TransportError, type CancelTimer, type Clock, type TransportListenOptions } from "@troupe/core";
import { endpointOf } from "./socket-dial.js";

/** How long a handshake may take, and how many may be under way, unless whoever listens says otherwise. */
export const HANDSHAKE_DEFAULTS: { readonly handshakeMs: number; readonly handshakesMax: number } = Object.freeze({
  handshakeMs: 10_000,
  handshakesMax: 1000,
});

export class HandshakeGate {
  readonly #scheme: string;
  readonly #clock: Clock;
  readonly #options: TransportListenOptions;
  /** Oldest first. */
  readonly #pending = new Map<Socket, CancelTimer>();
  readonly #byPort = new Map<string, Socket>();

  constructor(scheme: string, options: TransportListenOptions, clock: Clock = systemClock) {
    this.#scheme = scheme;
    this.#options = options;
    this.#clock = clock;
  }

  /** The handshake of a socket begins. */
  enter(socket: Socket): void {
    const { handshakesMax = HANDSHAKE_DEFAULTS.handshakesMax, handshakeMs = HANDSHAKE_DEFAULTS.handshakeMs } =
      this.#options;
    if (this.#pending.size >= handshakesMax) {
      const [oldest] = this.#pending.keys();
      if (oldest !== undefined) this.refuse(oldest, "handshakes-full", `${handshakesMax} others are under way`);
    }
    const late = (): void => this.refuse(socket, "handshake-late", `it was not complete within ${handshakeMs} ms`);
    this.#byPort.set(portOf(socket), socket);
    this.#pending.set(socket, this.#clock.schedule(handshakeMs, late));
    socket.once("close", () => this.leave(socket));
    // What the other side does during the handshake is no error of ours.
    socket.on("error", () => {});
  }

  /** The socket below one that is made of it: no two that are open come from the same port. */
  of(above: Socket): Socket | undefined {
    return this.#byPort.get(portOf(above));
  }

  /** The handshake is over, one way or the other. False if the socket was not in it any more. */
  leave(socket: Socket): boolean {
    const cancel = this.#pending.get(socket);
    if (cancel === undefined) return false;
    cancel();
    this.#byPort.delete(portOf(socket));
    return this.#pending.delete(socket);
  }

  /** Ends a socket whose handshake comes to nothing, and tells whoever listens. */
  refuse(socket: Socket, code: string, why: string): void {
    if (!this.leave(socket)) return;
    const endpoint = endpointOf(this.#scheme, socket.remoteAddress, socket.remotePort);
    this.failed(new TransportError(code, `the handshake with ${endpoint} failed: ${why}`, endpoint));
    socket.destroy();
  }

  failed(error: TransportError): void {
    this.#options.onError?.(error);
  }

  /** Nobody is awaited any more. */
  close(): void {
    for (const [socket, cancel] of [...this.#pending]) {
      cancel();
      socket.destroy();
    }
    this.#pending.clear();
    this.#byPort.clear();
  }
}

function portOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

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

interface Pending {
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly cancel: CancelTimer;
}

export class HandshakeGate {
  readonly #scheme: string;
  readonly #clock: Clock;
  readonly #options: TransportListenOptions;
  /** Oldest first. */
  readonly #pending = new Map<Socket, Pending>();
  readonly #byPort = new Map<string, Socket>();
  #closedLast: Socket | undefined;

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
    // A socket that is no more does not say where it came from.
    const { remoteAddress: address, remotePort: port } = socket;
    this.#byPort.set(portOf(address, port), socket);
    this.#pending.set(socket, { address, port, cancel: this.#clock.schedule(handshakeMs, late) });
    socket.once("close", () => this.#closed(socket));
    // What the other side does during the handshake is no error of ours.
    socket.on("error", () => {});
  }

  /**
   * The socket below one that is made of it: no two that are open come from the same port, and one that is no more does
   * not say from which it came, but has just been closed.
   */
  of(above: Socket): Socket | undefined {
    if (above.remotePort === undefined) return this.#closedLast;
    return this.#byPort.get(portOf(above.remoteAddress, above.remotePort));
  }

  /** The handshake is over, one way or the other. False if the socket was not in it any more. */
  leave(socket: Socket): boolean {
    const pending = this.#pending.get(socket);
    if (pending === undefined) return false;
    pending.cancel();
    this.#byPort.delete(portOf(pending.address, pending.port));
    return this.#pending.delete(socket);
  }

  /** Whoever knows better why it ended says so in the same turn. */
  #closed(socket: Socket): void {
    this.#closedLast = socket;
    this.#clock.yield(() => this.refuse(socket, "handshake-failed", "the other side ended it"));
  }

  /** Ends a socket whose handshake comes to nothing, and tells whoever listens. */
  refuse(socket: Socket, code: string, why: string): void {
    const endpoint = this.endpointOf(socket);
    if (!this.leave(socket)) return;
    this.failed(new TransportError(code, `the handshake with ${endpoint} failed: ${why}`, endpoint));
    socket.destroy();
  }

  /** The endpoint of a socket that is in it. */
  endpointOf(socket: Socket): string {
    const { address, port } = this.#pending.get(socket) ?? {};
    return endpointOf(this.#scheme, address, port);
  }

  failed(error: TransportError): void {
    this.#options.onError?.(error);
  }

  /** Nobody is awaited any more. */
  close(): void {
    for (const socket of [...this.#pending.keys()]) {
      this.leave(socket);
      socket.destroy();
    }
  }
}

function portOf(address: string | undefined, port: number | undefined): string {
  return `${address} ${port}`;
}

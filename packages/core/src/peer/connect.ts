// Opens a connection and makes a peer of it.

import { systemClock } from "../base/index.js";
import { findTransport, TransportError, type Connection, type Transport } from "../transport/index.js";
import { PEER_TIMES } from "./limits.js";
import { Peer, type PeerOptions } from "./peer.js";

/** How to dial, and what the peer is and provides. */
export interface DialOptions extends PeerOptions {
  /** What may be dialled; the scheme of the endpoint chooses. */
  readonly transports: readonly Transport[];
  /** Aborting it gives up, with code `cancelled`. */
  readonly signal?: AbortSignal;
}

/**
 * Dials `endpoint` and resolves with a peer whose greeting is complete: what the other side provides is known. The
 * whole may take `handshakeMs`.
 *
 * @throws TransportError naming the endpoint: `scheme-unknown`, `connect-refused`, `connect-timeout`, `cancelled` …;
 * PeerError when the greeting fails, such as `version-mismatch`.
 */
export async function connect(endpoint: string, options: DialOptions): Promise<Peer> {
  const transport = findTransport(options.transports, endpoint);
  const clock = options.clock ?? systemClock;
  const startedAt = clock.now();
  const budgetMs = options.handshakeMs ?? PEER_TIMES.handshakeMs;
  const connection = await dial(transport, endpoint, options, budgetMs);
  const handshakeMs = Math.max(1, budgetMs - (clock.now() - startedAt));
  const peer = new Peer(connection, { ...options, handshakeMs });
  const giveUp = (): void => peer.abort(cancelled(endpoint, options.signal));
  options.signal?.addEventListener("abort", giveUp, { once: true });
  try {
    await peer.opened;
  } finally {
    options.signal?.removeEventListener("abort", giveUp);
  }
  return peer;
}

async function dial(transport: Transport, endpoint: string, options: DialOptions, budgetMs: number): Promise<Connection> {
  const { signal, clock = systemClock } = options;
  if (signal?.aborted === true) throw cancelled(endpoint, signal);
  const controller = new AbortController();
  const giveUp = (): void => controller.abort(cancelled(endpoint, signal));
  signal?.addEventListener("abort", giveUp, { once: true });
  const cancelTimer = clock.schedule(budgetMs, () => {
    controller.abort(new TransportError("connect-timeout", `${endpoint} did not answer within ${budgetMs} ms`, endpoint));
  });
  try {
    return await transport.connect(endpoint, { signal: controller.signal });
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    cancelTimer();
    signal?.removeEventListener("abort", giveUp);
  }
}

function cancelled(endpoint: string, signal: AbortSignal | undefined): TransportError {
  return new TransportError("cancelled", `connecting to ${endpoint} was cancelled`, endpoint, { cause: signal?.reason });
}

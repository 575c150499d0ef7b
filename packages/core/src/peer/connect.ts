// Opens a connection and makes a peer of it.

import { oneShot, systemClock } from "../base/index.js";
import { dialCancelled, findTransport, TransportError, type Connection, type Transport } from "../transport/index.js";
import { PEER_TIMES } from "./limits.js";
import { checkOptions } from "./options.js";
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
  checkOptions(options);
  const { clock = systemClock, signal } = options;
  const budgetMs = options.handshakeMs ?? PEER_TIMES.handshakeMs;
  const startedAt = clock.now();
  throwIfCancelled(endpoint, signal);
  const connection = await dial(transport, endpoint, options, budgetMs);
  const handshakeMs = Math.max(1, budgetMs - (clock.now() - startedAt));
  const peer = greet(connection, { ...options, handshakeMs });
  const giveUp = (): void => peer.abort(dialCancelled(endpoint, signal));
  signal?.addEventListener("abort", giveUp, { once: true });
  // The signal may have been aborted since the dial was answered; below, since the greeting was complete.
  if (signal?.aborted === true) giveUp();
  const forget = (): void => signal?.removeEventListener("abort", giveUp);
  try {
    await peer.opened;
  } catch (error) {
    // It still says why, and ends in order: until then it can be given up.
    void peer.closed.then(forget);
    throw error;
  }
  forget();
  throwIfCancelled(endpoint, signal);
  return peer;
}

/** A connection that no peer can be made of is of no use to anybody. */
function greet(connection: Connection, options: PeerOptions): Peer {
  try {
    return new Peer(connection, options);
  } catch (error) {
    connection.abort(error);
    throw error;
  }
}

/** Gives up on time even if the transport does not; a connection that comes too late is aborted. */
async function dial(
  transport: Transport,
  endpoint: string,
  options: DialOptions,
  budgetMs: number,
): Promise<Connection> {
  const { signal, clock = systemClock } = options;
  const controller = new AbortController();
  const givenUp = oneShot<never>();
  const giveUp = (reason: TransportError): void => {
    givenUp.reject(reason);
    controller.abort(reason);
  };
  const cancel = (): void => giveUp(dialCancelled(endpoint, signal));
  signal?.addEventListener("abort", cancel, { once: true });
  const cancelTimer = clock.schedule(budgetMs, () => {
    giveUp(new TransportError("connect-timeout", `${endpoint} did not answer within ${budgetMs} ms`, endpoint));
  });
  const dialling = transport.connect(endpoint, { signal: controller.signal });
  try {
    return await Promise.race([givenUp.promise, dialling]);
  } catch (error) {
    dialling.then(
      (late) => late.abort(error),
      () => {},
    );
    throw error;
  } finally {
    cancelTimer();
    signal?.removeEventListener("abort", cancel);
  }
}

function throwIfCancelled(endpoint: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw dialCancelled(endpoint, signal);
}

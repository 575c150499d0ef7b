// The transport within one process, for tests and for parts of one program that should not notice that they are.

import { oneShot, reportUncaught, systemClock, type Clock } from "../base/index.js";
import {
  dialCancelled,
  TransportError,
  type Connection,
  type TransportConnectOptions,
  type Transport,
  type TransportListener,
  type TransportListenOptions,
} from "./connection.js";
import { endpointInvalid, formatEndpoint, parseEndpoint } from "./endpoint.js";
import { pairMemory, type MemoryPairOptions } from "./memory-connection.js";

/** What connections within one process are like. */
export interface MemoryOptions extends MemoryPairOptions {
  /** Whether its names are its own. Otherwise all memory transports of the process meet under the same names. */
  readonly isPrivate?: boolean;
}

interface MemoryNamespace {
  readonly listeners: Map<string, MemoryListener>;
  /** How many have dialled: each dialler goes by a name of its own. */
  dialled: number;
}

let shared: MemoryNamespace | undefined;

/** Makes a transport whose endpoints are `memory://name`. */
export function memory(options: MemoryOptions = {}): Transport {
  const own: MemoryNamespace = { listeners: new Map(), dialled: 0 };
  return new MemoryTransport(options, options.isPrivate === true ? own : (shared ??= own));
}

class MemoryTransport implements Transport {
  readonly schemes: readonly string[] = ["memory"];
  readonly #options: MemoryOptions;
  readonly #namespace: MemoryNamespace;

  constructor(options: MemoryOptions, namespace: MemoryNamespace) {
    this.#options = options;
    this.#namespace = namespace;
  }

  async connect(endpoint: string, { signal }: TransportConnectOptions = {}): Promise<Connection> {
    const name = nameOf(endpoint);
    await turn(this.#options.clock ?? systemClock, endpoint, signal);
    const listener = this.#namespace.listeners.get(name);
    if (listener === undefined) {
      throw new TransportError("connect-refused", `nobody listens on ${endpoint}`, endpoint);
    }
    return listener.accept(`memory://dialler-${++this.#namespace.dialled}`, this.#options);
  }

  async listen(
    endpoint: string,
    accept: (connection: Connection) => void,
    options: TransportListenOptions = {},
  ): Promise<TransportListener> {
    const name = nameOf(endpoint);
    const { listeners } = this.#namespace;
    if (listeners.has(name)) {
      throw new TransportError("address-in-use", `somebody listens on ${endpoint} already`, endpoint);
    }
    const { connectionsMax = Infinity } = options;
    const canonical = formatEndpoint({ scheme: "memory", host: name, port: undefined, path: "" });
    const listener = new MemoryListener(canonical, accept, connectionsMax, () => {
      if (listeners.get(name) === listener) listeners.delete(name);
    });
    listeners.set(name, listener);
    return listener;
  }
}

class MemoryListener implements TransportListener {
  readonly endpoint: string;
  readonly #accept: (connection: Connection) => void;
  readonly #connectionsMax: number;
  readonly #onClose: () => void;
  #connections = 0;

  constructor(endpoint: string, accept: (connection: Connection) => void, connectionsMax: number, onClose: () => void) {
    this.endpoint = endpoint;
    this.#accept = accept;
    this.#connectionsMax = connectionsMax;
    this.#onClose = onClose;
  }

  /** Makes a connection and returns the dialler's end of it. */
  accept(dialler: string, options: MemoryPairOptions): Connection {
    const [far, near] = pairMemory(dialler, this.endpoint, options, () => this.#connections--);
    if (++this.#connections > this.#connectionsMax) {
      near.abort();
      return far;
    }
    try {
      this.#accept(near);
    } catch (error) {
      near.abort(error);
      reportUncaught(error);
    }
    return far;
  }

  async close(): Promise<void> {
    this.#onClose();
  }
}

function nameOf(endpoint: string): string {
  const { scheme, host, port, path } = parseEndpoint(endpoint);
  if (scheme !== "memory" || host === "") throw endpointInvalid(endpoint, "it should look like memory://name");
  if (port !== undefined || path !== "") throw endpointInvalid(endpoint, "a name in memory has no port and no path");
  return host;
}

/** Resolves in the clock's next turn, or rejects as soon as `signal` is aborted. */
function turn(clock: Clock, endpoint: string, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = oneShot<void>();
  const cancel = (): void => {
    reject(dialCancelled(endpoint, signal));
  };
  if (signal?.aborted === true) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  clock.yield(() => {
    signal?.removeEventListener("abort", cancel);
    resolve();
  });
  return promise;
}

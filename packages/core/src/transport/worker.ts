// Workers: endpoints are `worker://name`. Each connection is a message channel of its own, one end of which is posted to
// the other side through what both have: the worker as its owner sees it, and the scope within it. Either may listen.
//
//   { troupe: "dial", name }, with a port    please; the answer, through the port: "accepted" or "refused"

import { oneShot, reportUncaught, type Clock } from "../base/index.js";
import {
  dialCancelled,
  TransportError,
  type Connection,
  type TransportConnectOptions,
  type Transport,
  type TransportListener,
  type TransportListenOptions,
} from "./connection.js";
import { endpointInvalid, parseEndpoint } from "./endpoint.js";
import { messagePortConnection } from "./message-port-connection.js";
import { listenTo, post, type PostTarget } from "./message-port.js";

/** What connections to workers are like. */
export interface WorkerOptions {
  /** See `PORT_WINDOW_BYTES`. */
  readonly windowBytes?: number;
  readonly clock?: Clock;
}

/**
 * Makes the transport whose endpoints are `worker://name`, over a `Worker`, a `SharedWorker`'s port, any `MessagePort`, or,
 * within a worker, its own scope (`self`, or `parentPort` on Node). Whatever else is posted over that is left alone.
 *
 * @example
 * const transports = [worker(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }))];
 * const peer = await connect("worker://calculator", { transports });
 *
 * @example
 * await listen("worker://calculator", { services, transports: [worker(self)] });
 */
export function worker(target: PostTarget, options: WorkerOptions = {}): Transport {
  return new WorkerTransport(target, options);
}

/** What a dialler posts, beside the port. */
interface Dial {
  readonly troupe: "dial";
  readonly name: string;
  readonly port: PostTarget;
}

class WorkerTransport implements Transport {
  readonly schemes: readonly string[] = ["worker", "message-port"];
  readonly #target: PostTarget;
  readonly #options: WorkerOptions;

  constructor(target: PostTarget, options: WorkerOptions) {
    this.#target = target;
    this.#options = options;
  }

  async connect(endpoint: string, { signal }: TransportConnectOptions = {}): Promise<Connection> {
    const name = nameOf(endpoint);
    if (signal?.aborted === true) throw dialCancelled(endpoint, signal);
    const { port1, port2 } = new MessageChannel();
    const port = port1 as unknown as PostTarget;
    await this.#dial(endpoint, name, port, port2 as unknown as PostTarget, signal).catch((error: unknown) => {
      port1.close();
      throw error;
    });
    const { windowBytes, clock } = this.#options;
    return messagePortConnection(port, { remoteEndpoint: endpoint, localEndpoint: endpoint, windowBytes, clock });
  }

  async listen(
    endpoint: string,
    accept: (connection: Connection) => void,
    options: TransportListenOptions = {},
  ): Promise<TransportListener> {
    const name = nameOf(endpoint);
    return switchboardOf(this.#target).listen(name, endpoint, accept, options, this.#options);
  }

  /** Resolves when the other side has accepted. */
  #dial(
    endpoint: string,
    name: string,
    own: PostTarget,
    given: PostTarget,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { promise, resolve, reject } = oneShot<void>();
    const gone = (cause: unknown): void => {
      reject(new TransportError("connect-failed", `${endpoint} is gone`, endpoint, { cause }));
    };
    const stops = [
      listenTo(own, {
        message: (answer) => {
          if (answer === "accepted") return resolve();
          reject(new TransportError("connect-refused", `nobody listens on ${endpoint}, or it is full`, endpoint));
        },
        unreadable: () => {},
        gone,
      }),
      listenTo(this.#target, { message: () => {}, unreadable: () => {}, gone }),
    ];
    const cancel = (): void => reject(dialCancelled(endpoint, signal));
    signal?.addEventListener("abort", cancel, { once: true });
    post(this.#target, { troupe: "dial", name, port: given } satisfies Dial, [given]);
    return promise.finally(() => {
      signal?.removeEventListener("abort", cancel);
      for (const stop of stops) stop();
    });
  }
}

/** Who listens behind one target, by name. There is one for each target, whatever the number of transports. */
class Switchboard {
  readonly #target: PostTarget;
  readonly #listeners = new Map<string, (port: PostTarget) => void>();
  #isListening = false;

  constructor(target: PostTarget) {
    this.#target = target;
  }

  listen(
    name: string,
    endpoint: string,
    accept: (connection: Connection) => void,
    { connectionsMax = Infinity }: TransportListenOptions,
    { windowBytes, clock }: WorkerOptions,
  ): TransportListener {
    if (this.#listeners.has(name)) {
      throw new TransportError("address-in-use", `somebody listens on ${endpoint} already`, endpoint);
    }
    let connections = 0;
    this.#listeners.set(name, (port) => {
      if (connections >= connectionsMax) return refuse(port);
      connections++;
      post(port, "accepted");
      const ends = { remoteEndpoint: endpoint, localEndpoint: endpoint, windowBytes, clock };
      const connection = messagePortConnection(port, { ...ends, onClosed: () => connections-- });
      try {
        accept(connection);
      } catch (error) {
        connection.abort(error);
        reportUncaught(error);
      }
    });
    this.#begin();
    return { endpoint, close: async () => this.#leave(name) };
  }

  /** It goes on saying that nobody listens, but a program need not go on for that. */
  #leave(name: string): void {
    this.#listeners.delete(name);
    if (this.#listeners.size === 0) this.#target.unref?.();
  }

  #begin(): void {
    if (this.#listeners.size === 1) this.#target.ref?.();
    if (this.#isListening) return;
    this.#isListening = true;
    const listening = { unreadable: (): void => {}, gone: (): void => {} };
    listenTo(this.#target, { ...listening, message: (data) => this.#dialled(data) });
    // The scope of a shared worker posts nothing itself: it is given a port by each page.
    if ("onconnect" in this.#target) {
      this.#target.addEventListener?.("connect", (({ ports }: { ports: readonly PostTarget[] }) => {
        for (const port of ports) listenTo(port, { ...listening, message: (data) => this.#dialled(data) });
      }) as never);
    }
  }

  #dialled(data: unknown): void {
    const { troupe, name, port } = (typeof data === "object" && data !== null ? data : {}) as Partial<Dial>;
    if (troupe !== "dial" || typeof name !== "string" || typeof port?.postMessage !== "function") return;
    const listener = this.#listeners.get(name);
    if (listener === undefined) refuse(port);
    else listener(port);
  }
}

let switchboards: WeakMap<PostTarget, Switchboard> | undefined;

function switchboardOf(target: PostTarget): Switchboard {
  switchboards ??= new WeakMap();
  let board = switchboards.get(target);
  if (board === undefined) switchboards.set(target, (board = new Switchboard(target)));
  return board;
}

function refuse(port: PostTarget): void {
  post(port, "refused");
  port.close?.();
}

function nameOf(endpoint: string): string {
  const { scheme, host, port, path } = parseEndpoint(endpoint);
  const isKnown = scheme === "worker" || scheme === "message-port";
  if (!isKnown || host === "" || port !== undefined || path !== "") {
    throw endpointInvalid(endpoint, "it should look like worker://name");
  }
  return host;
}

// `connect`, `listen` and `link` of core, with the transports of Node: a developer changes a URL, not code.

import { isMainThread, parentPort, type MessagePort, type Worker } from "node:worker_threads";
import * as core from "@troupe/core";
import { tcp } from "./tcp.js";
import { tls } from "./tls.js";
import { type TlsOptions } from "./tls-credentials.js";
import { udp } from "./udp.js";
import { unix, type UnixOptions } from "./unix.js";
import { webSocket, type NodeWebSocketOptions } from "./web-socket.js";

/** What the transports of Node are given, each its own. */
export interface NodeTransportOptions {
  /** What is dialled or listened on, in place of the transports of Node. */
  readonly transports?: readonly core.Transport[];
  /** Keys and certificates of `tls://` and `wss://`. */
  readonly tls?: TlsOptions;
  readonly unix?: UnixOptions;
  readonly webSocket?: Omit<NodeWebSocketOptions, "tls">;
  /** The worker that `worker://` is about, or a port to it. Within a worker it is the way to who started it. */
  readonly worker?: Worker | MessagePort;
}

/** Like core's options, with the transports filled in. */
export type NodeConnectOptions = Omit<core.DialOptions, "transports"> & NodeTransportOptions;
/** Like core's options, with the transports filled in. */
export type NodeListenOptions = Omit<core.ListenOptions, "transports"> & NodeTransportOptions;
/** Like core's options, with the transports filled in. */
export type NodeLinkOptions = Omit<core.LinkOptions, "transports"> & NodeTransportOptions;

/**
 * Dials `tcp://host:port`, `tls://host:port`, `unix:///path`, `ws://host:port/path`, `wss://host:port/path`,
 * `worker://name` or `memory://name`, and resolves with a peer whose greeting is complete.
 *
 * @throws TransportError naming the endpoint, or PeerError when the greeting fails.
 *
 * @example
 * const peer = await connect("tcp://127.0.0.1:7000");
 * await peer.address(Calculator).call("add", { a: 1, b: 2 });
 */
export async function connect(endpoint: string, options: NodeConnectOptions = {}): Promise<core.Peer> {
  return await core.connect(endpoint, { ...options, transports: transportsOf(endpoint, options) });
}

/**
 * Accepts connections on any of the same; port 0 takes a free one, see `listener.endpoint`.
 *
 * @throws TransportError naming the endpoint, such as `address-in-use`.
 *
 * @example
 * const listener = await listen("tcp://127.0.0.1:0", { services });
 */
export async function listen(endpoint: string, options: NodeListenOptions = {}): Promise<core.Listener> {
  return await core.listen(endpoint, { ...options, transports: transportsOf(endpoint, options) });
}

/**
 * Keeps a connection to any of the same, made again whenever it breaks; its addresses stay valid.
 *
 * @throws TransportError `scheme-unknown` or `endpoint-invalid`, naming the endpoint.
 *
 * @example
 * const up = link("tcp://127.0.0.1:7000");
 * await up.address(Calculator).call("add", { a: 1, b: 2 });
 */
export function link(endpoint: string, options: NodeLinkOptions = {}): core.Link {
  return core.link(endpoint, { ...options, transports: transportsOf(endpoint, options) });
}

/** The transport that an endpoint needs, and what the others are called, for whoever mistypes one. */
function transportsOf(endpoint: string, options: NodeTransportOptions): readonly core.Transport[] {
  if (options.transports !== undefined) return options.transports;
  const scheme =
    typeof endpoint === "string" ? endpoint.slice(0, Math.max(0, endpoint.indexOf(":"))).toLowerCase() : "";
  return FACTORIES.map(({ schemes, make }) => (schemes.includes(scheme) ? make(options) : unused(schemes)));
}

/** Every transport, for whoever meets endpoints of any kind; workers only if there is one. */
export function allTransports(options: NodeTransportOptions): readonly core.Transport[] {
  if (options.transports !== undefined) return options.transports;
  return FACTORIES.filter(({ schemes }) => options.worker !== undefined || !schemes.includes("worker")).map(
    ({ make }) => make(options),
  );
}

interface Factory {
  readonly schemes: readonly string[];
  make(options: NodeTransportOptions): core.Transport;
}

const FACTORIES: readonly Factory[] = [
  { schemes: ["tcp"], make: () => tcp() },
  { schemes: ["tls"], make: (options) => tls(options.tls) },
  { schemes: ["unix"], make: (options) => unix(options.unix) },
  { schemes: ["ws", "wss"], make: (options) => webSocket({ ...options.webSocket, tls: options.tls }) },
  { schemes: ["worker", "message-port"], make: (options) => core.worker(workerOf(options)) },
  { schemes: ["udp"], make: () => udp() },
  { schemes: ["memory"], make: () => core.memory() },
];

function workerOf({ worker }: NodeTransportOptions): core.PostTarget {
  const target = worker ?? (isMainThread ? undefined : parentPort);
  if (target === undefined || target === null) {
    const message = "worker:// needs a worker: give one as { worker }, or listen within one";
    throw new core.TransportError("option-invalid", message, "worker://");
  }
  return target;
}

function unused(schemes: readonly string[]): core.Transport {
  const never = (): never => {
    throw new Error(`no transport was made for ${schemes.join(", ")}`);
  };
  return { schemes, connect: never, listen: never };
}

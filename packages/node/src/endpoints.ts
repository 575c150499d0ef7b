// `connect` and `listen` of core, with the transports of Node: a developer changes a URL, not code.

import * as core from "@troupe/core";
import { tcp } from "./tcp.js";

/** Like core's options, with the transports filled in. */
export type NodeConnectOptions = Omit<core.DialOptions, "transports"> & Partial<Pick<core.DialOptions, "transports">>;
/** Like core's options, with the transports filled in. */
export type NodeListenOptions = Omit<core.ListenOptions, "transports"> &
  Partial<Pick<core.ListenOptions, "transports">>;

let registered: readonly core.Transport[] | undefined;

function transports(): readonly core.Transport[] {
  registered ??= [tcp(), core.memory()];
  return registered;
}

/**
 * Dials `tcp://host:port` or `memory://name` and resolves with a peer whose greeting is complete.
 *
 * @throws TransportError naming the endpoint, or PeerError when the greeting fails.
 *
 * @example
 * const peer = await connect("tcp://127.0.0.1:7000");
 * await peer.address(Calculator).call("add", { a: 1, b: 2 });
 */
export function connect(endpoint: string, options: NodeConnectOptions = {}): Promise<core.Peer> {
  return core.connect(endpoint, { transports: transports(), ...options });
}

/**
 * Accepts connections on `tcp://host:port` or `memory://name`; port 0 takes a free one, see `listener.endpoint`.
 *
 * @throws TransportError naming the endpoint, such as `address-in-use`.
 *
 * @example
 * const listener = await listen("tcp://127.0.0.1:0", { services });
 */
export function listen(endpoint: string, options: NodeListenOptions = {}): Promise<core.Listener> {
  return core.listen(endpoint, { transports: transports(), ...options });
}

/** Like core's options, with the transports filled in. */
export type NodeLinkOptions = Omit<core.LinkOptions, "transports"> & Partial<Pick<core.LinkOptions, "transports">>;

/**
 * Keeps a connection to `tcp://host:port` or `memory://name`, made again whenever it breaks; its addresses stay valid.
 *
 * @throws TransportError `scheme-unknown` or `endpoint-invalid`, naming the endpoint.
 *
 * @example
 * const up = link("tcp://127.0.0.1:7000");
 * await up.address(Calculator).call("add", { a: 1, b: 2 });
 */
export function link(endpoint: string, options: NodeLinkOptions = {}): core.Link {
  return core.link(endpoint, { transports: transports(), ...options });
}

// Nodes of a network with the transports of Node.

import { networkInterfaces } from "node:os";
import * as core from "@troupe/core";
import * as network from "@troupe/core/network";
import { allTransports, type NodeTransportOptions } from "./endpoints.js";
import { identityFile, nodeSigning } from "./identity.js";

/** Like core's options, with the transports filled in, and the key in a file if that is wanted. */
export type NetworkNodeOptions = Omit<network.NodeOptions, "transports" | "identity"> &
  NodeTransportOptions & {
    /** A key, or the path of the file that holds it: see `identityFile`. A new one unless given. */
    readonly identity?: network.Identity | string;
  };

/**
 * Starts a node of a network that listens and dials over any transport of Node.
 *
 * @throws as `createNode` of core.
 *
 * @example
 * const node = await createNode({ network: "home", listen: ["tcp://127.0.0.1:0"], bootstrap: ["tcp://127.0.0.1:7000"], services });
 * node.on("joined", ({ member }) => console.log(member.name));
 */
export async function createNode(options: NetworkNodeOptions): Promise<network.NetworkNode> {
  const { identity, tls: _tls, unix: _unix, webSocket: _ws, worker: _worker, ...rest } = options;
  return network.createNode({
    signing: nodeSigning,
    advertise: reachable,
    ...rest,
    transports: allTransports(options),
    ...(identity !== undefined && { identity: typeof identity === "string" ? await identityFile(identity) : identity }),
  });
}

/** As many as the record of a member may have. */
const ENDPOINTS_MAX = 8;

/**
 * Where a node can be dialled that listens on all addresses of its machine: at each of them. On a machine with many, each endpoint
 * gets its share of what may be said.
 */
export function reachable(
  endpoints: readonly string[],
  interfaces: typeof networkInterfaces = networkInterfaces,
): string[] {
  const each = endpoints.map((endpoint) => addressesOf(endpoint, interfaces));
  const longest = Math.max(0, ...each.map(({ length }) => length));
  const inTurn = Array.from({ length: longest }, (_, at) => each.flatMap((all) => all.slice(at, at + 1))).flat();
  const said = new Set(inTurn.slice(0, ENDPOINTS_MAX));
  return each.flat().filter((endpoint) => said.has(endpoint));
}

function addressesOf(endpoint: string, interfaces: typeof networkInterfaces): string[] {
  const parts = core.parseEndpoint(endpoint);
  if (parts.host !== "0.0.0.0" && parts.host !== "::") return [endpoint];
  const family = parts.host === "::" ? undefined : "IPv4";
  const addresses = Object.values(interfaces())
    .flatMap((each) => each ?? [])
    .filter(
      (each) => !each.internal && (family === undefined || each.family === family) && !/^fe80/i.test(each.address),
    );
  const hosts = addresses.length === 0 ? ["127.0.0.1"] : addresses.map(({ address }) => address);
  return hosts.map((host) => core.formatEndpoint({ ...parts, host }));
}

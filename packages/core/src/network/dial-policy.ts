// Which endpoints of others are dialled. They are hearsay: whoever may join a network could otherwise make all of it knock
// on any door.

import { parseEndpoint, type Transport } from "../transport/index.js";

/** Whether an endpoint that was learned from another node may be dialled. */
export type MayDial = (endpoint: string) => boolean;

/** Ports below this belong to the system's services; a node has no business there. */
const PORT_MIN = 1024;

/**
 * What is dialled unless `mayDial` says otherwise: the schemes of this node's transports, at ports from 1024 on; this machine only if the
 * node itself is to be found there, and never link-local addresses or names, since a name may mean any machine.
 */
export function cautious(transports: readonly Transport[], own: readonly string[]): MayDial {
  const isLocal = own.some((endpoint) => isLoopback(hostOf(endpoint)));
  return (endpoint) => {
    try {
      const { scheme, host, port } = parseEndpoint(endpoint);
      if (!transports.some((transport) => transport.schemes.includes(scheme))) return false;
      if (scheme === "memory") return true;
      if (scheme === "unix") return isLocal || own.some((each) => each.startsWith("unix:"));
      if (port === undefined || port < PORT_MIN) return false;
      if (isLoopback(host)) return isLocal;
      return isAddress(host) && !isReserved(host);
    } catch {
      return false;
    }
  };
}

function hostOf(endpoint: string): string {
  try {
    const { scheme, host } = parseEndpoint(endpoint);
    return scheme === "unix" || scheme === "memory" ? "localhost" : host;
  } catch {
    return "";
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Only in the one way in which everybody writes it: systems read others as well, with octal parts among them. */
function isAddress(host: string): boolean {
  if (host.includes(":")) return isIPv6(host);
  const part = "(?:0|[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-5])";
  return new RegExp(`^${part}(?:\\.${part}){3}$`).test(host);
}

/** In its shortest form, so that `::1` has one name. */
function isIPv6(host: string): boolean {
  try {
    return new URL(`http://[${host}]/`).hostname === `[${host.toLowerCase()}]`;
  } catch {
    return false;
  }
}

/** Link-local (where clouds keep their metadata), unspecified, multicast, broadcast, and IPv4 in the clothes of IPv6. */
function isReserved(host: string): boolean {
  if (host.includes(":")) return /^(::|fe[89ab][0-9a-f]:|ff[0-9a-f]{2}:|::ffff:|64:ff9b:)/i.test(host);
  return /^(0|169\.254|2(2[4-9]|[345]\d))\./.test(host);
}

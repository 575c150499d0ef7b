// Endpoints as text: `scheme://host:port/path`. Parsed by hand, because `URL` treats schemes that it does not know in
// ways of its own and differs between hosts. It knows no scheme's meaning: which parts are needed is for the transport.

import { TransportError, type Transport } from "./connection.js";

/** A longer endpoint is refused unread: they also arrive from other hosts. */
export const ENDPOINT_LENGTH_MAX = 1024;

/** The parts of an endpoint. */
export interface Endpoint {
  /** In lower case, without `://`. */
  readonly scheme: string;
  /** As written, except that an IPv6 address has no brackets. May be empty, as in `unix:///run/a.sock`. */
  readonly host: string;
  /** Undefined when none is given. */
  readonly port: number | undefined;
  /** From the first `/` after the host, with the query if there is one; empty when there is none. */
  readonly path: string;
}

/** Splits an endpoint. Throws a `TransportError` with code `endpoint-invalid` that names it and says what is wrong. */
export function parseEndpoint(endpoint: string): Endpoint {
  const scheme = schemeOf(endpoint);
  const rest = endpoint.slice(scheme.length + "://".length);
  if (/[\s\p{Cc}]/u.test(rest)) throw endpointInvalid(endpoint, "it has blanks or control characters in it");
  const slash = rest.search(/[/?]/);
  const authority = slash === -1 ? rest : rest.slice(0, slash);
  const path = slash === -1 ? "" : rest.slice(slash);
  if (authority.includes("@")) throw endpointInvalid(endpoint, "user names and passwords have no place in it");
  const bracketed = /^\[([^[\]]*)\](.*)$/.exec(authority);
  if (bracketed === null) {
    const colon = authority.indexOf(":");
    const host = colon === -1 ? authority : authority.slice(0, colon);
    if (/[[\]]/.test(host)) throw endpointInvalid(endpoint, "its brackets do not match");
    return { scheme, host, port: portOf(endpoint, colon === -1 ? "" : authority.slice(colon)), path };
  }
  const [, host = "", port = ""] = bracketed;
  if (!/^[0-9a-f:.]*:[0-9a-f:.]*(%[\w.-]+)?$/i.test(host))
    throw endpointInvalid(endpoint, "what is in brackets is no IPv6 address");
  return { scheme, host, port: portOf(endpoint, port), path };
}

/** Puts an endpoint together again, with brackets where the host needs them. */
export function formatEndpoint({ scheme, host, port, path }: Endpoint): string {
  const authority = host.includes(":") ? `[${host}]` : host;
  return `${scheme}://${authority}${port === undefined ? "" : `:${port}`}${path}`;
}

/** The scheme of an endpoint, in lower case. Throws a `TransportError` with code `endpoint-invalid` if it has none. */
export function schemeOf(endpoint: string): string {
  if (typeof endpoint !== "string") throw endpointInvalid(String(endpoint), "it is no text");
  if (endpoint.length > ENDPOINT_LENGTH_MAX) {
    throw endpointInvalid(endpoint, `it is longer than ${ENDPOINT_LENGTH_MAX}`);
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(endpoint)?.[1];
  if (scheme === undefined) throw endpointInvalid(endpoint, "it does not begin with a scheme, such as tcp://");
  return scheme.toLowerCase();
}

/** The first transport that takes `endpoint`. Throws a `TransportError` with code `scheme-unknown` if none does. */
export function findTransport(transports: readonly Transport[], endpoint: string): Transport {
  const scheme = schemeOf(endpoint);
  const transport = transports.find(({ schemes }) => schemes.includes(scheme));
  if (transport !== undefined) return transport;
  const known = transports.flatMap(({ schemes }) => schemes);
  const instead = known.length === 0 ? "no transport was given" : `known are ${known.join(", ")}`;
  throw new TransportError("scheme-unknown", `no transport takes ${endpoint}: ${instead}`, endpoint);
}

/** The error for an endpoint that a transport cannot use; `why` completes the sentence "… cannot be used: …". */
export function endpointInvalid(endpoint: string, why: string): TransportError {
  const named = endpoint.length > ENDPOINT_LENGTH_MAX ? `${endpoint.slice(0, ENDPOINT_LENGTH_MAX)}…` : endpoint;
  return new TransportError("endpoint-invalid", `the endpoint "${named}" cannot be used: ${why}`, named);
}

function portOf(endpoint: string, text: string): number | undefined {
  if (text === "") return undefined;
  const port = /^:\d{1,5}$/.test(text) ? Number(text.slice(1)) : Infinity;
  if (port > 65_535) throw endpointInvalid(endpoint, "its port is not a number from 0 to 65535");
  return port;
}

// Which pages may open a WebSocket. Browsers let any page dial any address, and say in `Origin` which page it is; what
// is no browser says nothing.

import { TransportError } from "@troupe/core";

/** Origins as browsers send them, such as `https://app.example`, and `null` for pages without one; or everybody. */
export type Origins = readonly string[] | "any";

/** @throws TransportError `option-invalid` for what is no origin. */
export function originCheck(origins: Origins = []): (origin: string | undefined) => boolean {
  if (origins === "any") return () => true;
  const listed = new Set(origins.map(demandOrigin));
  return (origin) => origin === undefined || listed.has(origin);
}

function demandOrigin(origin: string): string {
  if (origin === "null") return origin;
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  // As it would be sent: another spelling would never match.
  const isOrigin =
    url !== undefined && url.origin !== "null" && url.pathname === "/" && url.search === "" && url.hash === "";
  if (!isOrigin || url.hostname.includes("*") || url.username !== "" || url.password !== "") {
    const message = `origins must look like https://app.example, not ${JSON.stringify(origin)}`;
    throw new TransportError("option-invalid", message, "ws://");
  }
  return url.origin;
}

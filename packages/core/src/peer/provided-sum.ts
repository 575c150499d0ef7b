// What all services of one side come to. Both sides add up the same: one so as not to be filled, the other so as not to
// be cut off.

import { PeerError } from "./error.js";
import { PEER_LIMITS, type PeerLimits } from "./limits.js";

const NAMES = ["servicesMax", "providedMessagesMax", "providedBytesMax"] as const;

/** How much may be provided at once. */
export type ProvidedLimits = Pick<PeerLimits, (typeof NAMES)[number]>;

/** What a service, or all of one side, make the other side hold; bytes of names are in UTF-8. */
export type ProvidedSum = readonly [services: number, messages: number, nameBytes: number];

export const NOTHING_PROVIDED: ProvidedSum = Object.freeze([0, 0, 0]);

export function sumOfService(name: string, messages: readonly string[]): ProvidedSum {
  return [1, messages.length, messages.reduce((sum, message) => sum + utf8Length(message), utf8Length(name))];
}

export function plus(sum: ProvidedSum, other: ProvidedSum): ProvidedSum {
  return [sum[0] + other[0], sum[1] + other[1], sum[2] + other[2]];
}

export function minus(sum: ProvidedSum, other: ProvidedSum): ProvidedSum {
  return [sum[0] - other[0], sum[1] - other[1], sum[2] - other[2]];
}

/** Which limit `sum` is beyond, with its value; undefined if it is within all. */
export function excessOf(sum: ProvidedSum, limits: ProvidedLimits): string | undefined {
  const name = NAMES.find((each, index) => (sum[index] as number) > limits[each]);
  return name && `more services than ${name} (${limits[name]}) allows`;
}

/**
 * The same for what this side provides. The other side does not say what it takes, so that the defaults count, or this
 * side's own limits where they are higher: whoever raises them must do so on both sides.
 */
export function excessOfProvided(
  provided: readonly { readonly sum: ProvidedSum }[],
  own: ProvidedLimits,
): string | undefined {
  const limits = NAMES.map((name) => [name, Math.max(own[name], PEER_LIMITS[name])]);
  return excessOf(
    provided.reduce((sum, service) => plus(sum, service.sum), NOTHING_PROVIDED),
    Object.fromEntries(limits) as ProvidedLimits,
  );
}

/** @throws PeerError `services-too-large` when the other side would not take all of these at once. */
export function demandProvidable(provided: readonly { readonly sum: ProvidedSum }[], own: ProvidedLimits): void {
  const excess = excessOfProvided(provided, own);
  if (excess !== undefined) throw new PeerError("services-too-large", excess);
}

function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Each half of a surrogate pair stands for two of its four bytes.
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}

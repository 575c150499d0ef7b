// Whether this side's contract and the other side's are about the same thing: what they differ in makes those messages
// unusable, and no others. It knows what was announced, and nothing of connections.

import { misfit, parseShape, shapeTextOf, type AnyService, type Message, type Misfit } from "../actor/index.js";
import { fingerprintOf, type Announcement } from "./announcement.js";
import { PeerError } from "./error.js";

/** Why messages of `service` cannot be used as they are announced, by their names; undefined if all can. */
export function disagreements(
  service: AnyService,
  announcement: Announcement,
): ReadonlyMap<string, PeerError> | undefined {
  if (announcement.fingerprint === fingerprintOf(service)) return undefined;
  const found = new Map<string, PeerError>();
  const index = new Map(announcement.names.map((name, i) => [name, i]));
  for (const [name, message] of Object.entries(service.messages)) {
    const i = index.get(name);
    if (i === undefined) continue;
    const why = difference(service, message, announcement, i);
    if (why !== undefined) found.set(name, new PeerError("contract-mismatch", `${service.name}.${name}: ${why}`));
  }
  return found.size === 0 ? undefined : found;
}

function difference(service: AnyService, message: Message, theirs: Announcement, index: number): string | undefined {
  if (theirs.version !== service.version) {
    return `this side has version ${service.version} of the contract, the other side version ${theirs.version}`;
  }
  const kind = theirs.kinds[index];
  if (kind !== undefined && kind !== message.kind)
    return `it is a ${message.kind} here and a ${kind} on the other side`;
  const [theirText, ourText] = [theirs.shapes[index], shapeTextOf(message)];
  if (theirText === undefined || ourText === undefined || theirText === ourText) return undefined;
  const [our, their] = [parseShape(ourText), parseShape(theirText)];
  const inward = misfit(their.input, our.input, "input") ?? misfit(their.inputs, our.inputs, "inputs[]");
  if (inward !== undefined) return sentence(inward, "the other side", "this side's contract");
  const outward = misfit(our.output, their.output, "output");
  return outward === undefined ? undefined : sentence(outward, "this side", "the other side's contract");
}

function sentence({ place, given, wanted }: Misfit, who: string, where: string): string {
  if (given === undefined) return `${place} is required by ${who}, and is not in ${where}`;
  return `${place} has to be ${wanted} for ${who}, and is ${given} in ${where}`;
}

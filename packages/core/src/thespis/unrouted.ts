// The format apart from any connection: with nobody's contracts, slots and messages are the two halves of a service id.

import { ThespisCalls } from "./thespis-calls.js";
import { ThespisReader } from "./thespis-reader.js";
import { ThespisRoutes, type ProvidedPair, type RemoteRoute } from "./thespis-routes.js";
import type { WireLimits } from "../wire/index.js";

/** Zero is the id of errors. */
const FIRST_ID = 1n;

/** A service id that says which slot and message it stands for. */
export class UnroutedIds extends ThespisRoutes {
  override provided(serviceId: bigint): ProvidedPair {
    const number = Number((serviceId - FIRST_ID) & 0xffff_ffffn);
    const route = { slot: number & 0xffff, message: number >>> 16, input: undefined, output: undefined };
    return { call: route, send: route };
  }

  override remote(slot: number, message: number): RemoteRoute {
    const serviceId = FIRST_ID + BigInt(slot) + (BigInt(message) << 16n);
    return { name: "", serviceId, input: undefined, output: undefined };
  }
}

/** Every call keeps its ConnID, and every answer is taken. */
class UnroutedCalls extends ThespisCalls {
  override hasRoom(): boolean {
    return true;
  }

  override received({ connId = 0n }: Parameters<ThespisCalls["received"]>[0]): number {
    return Number(connId & 0xffff_ffffn);
  }

  override isAwaited(): boolean {
    return true;
  }
}

/** Reads frames as they come, from the first byte on. */
export function unroutedReader(limits: WireLimits): ThespisReader {
  const all = { callsMax: Infinity, callBytesMax: Infinity, sendsMax: Infinity, sendBytesMax: Infinity };
  const reader = new ThespisReader({ ...limits, ...all }, new UnroutedIds(), new UnroutedCalls());
  reader.standIn.take();
  reader.isOpen = true;
  return reader;
}

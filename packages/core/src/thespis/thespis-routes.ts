// Which message of which contract a service id of thespis_remote stands for, on either side of one connection.

import type { AnyService, Message, RustType } from "../actor/index.js";
import { WireError } from "../wire/index.js";
import { serviceIdOf } from "./service-id.js";

/** A message that this side provides. */
export interface ProvidedRoute {
  readonly slot: number;
  readonly message: number;
  readonly input: RustType | undefined;
  readonly output: RustType | undefined;
}

/** A message of the other side. */
export interface RemoteRoute {
  readonly name: string;
  readonly serviceId: bigint | undefined;
  readonly input: RustType | undefined;
  readonly output: RustType | undefined;
}

/** What one id reaches: the same type may be called and be sent. */
export interface ProvidedPair {
  readonly call?: ProvidedRoute;
  readonly send?: ProvidedRoute;
}

export class ThespisRoutes {
  readonly #provided = new Map<bigint, ProvidedPair>();
  readonly #remote: (readonly RemoteRoute[])[] = [];

  /** This side provides a service under a slot. @throws WireError `thespis-unmapped` for an id that is taken. */
  provide(slot: number, { name, messages }: AnyService): void {
    const added = new Map<bigint, ProvidedPair>();
    Object.entries(messages).forEach(([key, { kind, thespis }]: [string, Message], message) => {
      if (thespis === undefined || kind === "stream") return;
      const id = serviceIdOf(thespis);
      const pair = added.get(id) ?? this.#provided.get(id);
      if (pair?.[kind] !== undefined) {
        throw new WireError(
          "thespis-unmapped",
          `${name}.${key}: ${thespis.type} of ${thespis.namespace} is provided twice`,
        );
      }
      added.set(id, { ...pair, [kind]: { slot, message, input: thespis.input, output: thespis.output } });
    });
    for (const [id, pair] of added) this.#provided.set(id, pair);
  }

  withdraw(slot: number): void {
    for (const [id, { call, send }] of [...this.#provided]) {
      const kept = {
        ...(call !== undefined && call.slot !== slot && { call }),
        ...(send !== undefined && send.slot !== slot && { send }),
      };
      if (kept.call === undefined && kept.send === undefined) this.#provided.delete(id);
      else this.#provided.set(id, kept);
    }
  }

  provided(serviceId: bigint): ProvidedPair | undefined {
    return this.#provided.get(serviceId);
  }

  /** The other side is taken to provide a service; returns the slot that it has here. */
  assume({ name, messages }: AnyService): number {
    const routes = Object.entries(messages).map(([key, { thespis }]: [string, Message]) => ({
      name: `${name}.${key}`,
      serviceId: thespis && serviceIdOf(thespis),
      input: thespis?.input,
      output: thespis?.output,
    }));
    return this.#remote.push(routes) - 1;
  }

  remote(slot: number, message: number): RemoteRoute | undefined {
    return this.#remote[slot]?.[message];
  }
}

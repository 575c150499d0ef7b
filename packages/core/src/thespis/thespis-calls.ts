// The calls of one connection in both directions: which ConnID is whose. Theirs have 64 bits and ours 32, and theirs may
// be the same twice.

import type { RustType } from "../actor/index.js";
import type { ErrorSubject } from "./connection-error.js";

/** A call of the other side that was not answered yet. */
export interface IncomingCall extends ErrorSubject {
  readonly output: RustType | undefined;
  readonly bytes: number;
  /** It was sent, and not called: nobody waits for the answer. */
  readonly isSilent: boolean;
  readonly isSendAlone: boolean;
}

/** How much of the other side's calls there is room for. */
export interface CallRoom {
  readonly callsMax: number;
  readonly callBytesMax: number;
}

export class ThespisCalls {
  readonly #incoming = new Map<number, IncomingCall>();
  readonly #outgoing = new Map<number, RustType | undefined>();
  #bytes = 0;
  #lastId = 0;

  hasRoom({ callsMax, callBytesMax }: CallRoom): boolean {
    return this.#incoming.size < callsMax && this.#bytes < callBytesMax;
  }

  /** Returns the id that it has here. */
  received(call: IncomingCall): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#lastId === 0 || this.#incoming.has(this.#lastId));
    this.#incoming.set(this.#lastId, call);
    this.#bytes += call.bytes;
    return this.#lastId;
  }

  incoming(id: number): IncomingCall | undefined {
    return this.#incoming.get(id);
  }

  answered(id: number): void {
    this.#bytes -= this.#incoming.get(id)?.bytes ?? 0;
    this.#incoming.delete(id);
  }

  /** This side has called, and waits for a result of that type. */
  called(id: number, output: RustType | undefined): void {
    this.#outgoing.set(id, output);
  }

  /** Nobody waits any more. Returns false if nobody has. */
  settled(id: number): boolean {
    return this.#outgoing.delete(id);
  }

  isAwaited(connId: bigint): boolean {
    return connId <= 0xffff_ffffn && this.#outgoing.has(Number(connId));
  }

  outputOf(id: number): RustType | undefined {
    return this.#outgoing.get(id);
  }
}

// Parts of what a mesh can do, to be given to parts of a program.

import type { Unsubscribe } from "../base/index.js";
import type { Connection } from "../transport/index.js";
import type { Envelope } from "./error.js";
import type { MeshEvent } from "./events.js";
import type { IncomingQueue, ReceiveOptions } from "./incoming-queue.js";
import type { Mesh } from "./mesh.js";
import type { MeshStats } from "./mesh-connection.js";

/** The right to receive, and nothing else. */
export interface MeshIncoming extends AsyncIterable<Envelope> {
  readonly length: number;
  readonly bytes: number;
  recv(options?: ReceiveOptions): Promise<Envelope>;
}

/** The right to send to one connection, and nothing else. */
export interface MeshOutgoing {
  readonly id: string;
  readonly stats: MeshStats | undefined;
  /** As `Mesh.send`. */
  send(payload: Uint8Array): void;
}

/** The right to say which connections there are, and nothing else. */
export interface MeshControl {
  readonly ids: readonly string[];
  add(connection: Connection, id?: string): string;
  remove(id: string): Connection;
  on<T extends MeshEvent["type"]>(type: T, listener: (event: Extract<MeshEvent, { type: T }>) => void): Unsubscribe;
}

export function rightToReceive(mesh: Mesh, queue: IncomingQueue): MeshIncoming {
  return {
    get length() {
      return queue.length;
    },
    get bytes() {
      return queue.bytes;
    },
    recv: (options) => mesh.recv(options),
    [Symbol.asyncIterator]: () => mesh[Symbol.asyncIterator](),
  };
}

export function rightToSend(mesh: Mesh, id: string): MeshOutgoing {
  return {
    id,
    get stats() {
      return mesh.stats(id);
    },
    send: (payload) => mesh.send({ id, payload }),
  };
}

export function rightToControl(mesh: Mesh): MeshControl {
  return {
    get ids() {
      return mesh.ids;
    },
    add: (connection, id) => mesh.add(connection, id),
    remove: (id) => mesh.remove(id),
    on: (type, listener) => mesh.on(type, listener),
  };
}

// The contract of a subject, one system under measurement, and the list of them. The list loads a subject only when it
// is asked for, so that a process holds the code of the one that it measures and of no other.

import type { Payload } from "./payload.js";

/** The serving end, in a process of its own. */
export interface Server {
  /** What `client` needs to reach it. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** The calling end: one connection. */
export interface Client {
  /** Resolves with what the server gave back, decoded. */
  call(payload: Payload): Promise<Payload>;
  echoBytes(bytes: Uint8Array): Promise<Uint8Array>;
  /** One message without an answer; a promise when there is a backpressure to wait for. Absent where there is no such thing. */
  send?(payload: Payload): Promise<void> | void;
  /** Takes `count` payloads out of one stream of the server's, one after the other; resolves with how many came. */
  items?(count: number): Promise<number>;
  /** The same with 64 KiB each; resolves with how many bytes came. */
  blocks?(count: number): Promise<number>;
  /** Takes one block of a stream that never ends, and no other. */
  stall?(): Promise<Stall>;
  /** How many sent messages the server has received so far, from all clients. */
  received?(): Promise<number>;
  close(): Promise<void>;
}

/** A stream whose consumer stands still. */
export interface Stall {
  /** How many blocks the producer has got rid of. */
  made(): Promise<number>;
  end(): Promise<void>;
}

export interface Subject {
  server(): Promise<Server>;
  /** Resolves when the connection is open. */
  client(endpoint: string): Promise<Client>;
}

export const SUBJECTS: Readonly<Record<string, () => Promise<Subject>>> = {
  raw: async () => (await import("./subjects/raw.js")).raw,
  troupe: async () => (await import("./subjects/troupe.js")).troupe,
  birpc: async () => (await import("./subjects/birpc.js")).birpc,
  capnweb: async () => (await import("./subjects/capnweb.js")).capnweb,
  "socket.io": async () => (await import("./subjects/socket-io.js")).socketIo,
  "effect-rpc": async () => (await import("./subjects/effect-rpc.js")).effectRpc,
  "grpc-js": async () => (await import("./subjects/grpc-js.js")).grpcJs,
};

/** For benchmarks that name them: Troupe over each transport, beside the transport alone, and a mesh beside a bare socket. */
export const NAMED_SUBJECTS: Readonly<Record<string, () => Promise<Subject>>> = {
  "bare net": async () => (await import("./subjects/mesh.js")).bare,
  "troupe relay": async () => (await import("./subjects/relay.js")).relay,
  "troupe mesh": async () => (await import("./subjects/mesh.js")).mesh,
  ...transportSubjects(),
};

function transportSubjects(): Record<string, () => Promise<Subject>> {
  return Object.fromEntries(
    (["tcp", "tls", "unix", "ws", "wss", "worker"] as const).flatMap((scheme) => [
      [`troupe ${scheme}`, async () => (await import("./subjects/transports.js")).troupeOver(scheme)],
      [`raw ${scheme}`, async () => (await import("./subjects/transports.js")).rawOver(scheme)],
    ]),
  );
}

/** The subject that the goals are about. */
export const OURS = "troupe";

/** The floors: what the machine and Node can do with nothing on top, over a socket and in one process. */
const FLOORS: readonly string[] = ["raw", "plain function"];

export function isFloor(subject: string): boolean {
  return FLOORS.includes(subject) || subject.startsWith("raw ") || subject === "bare net";
}

// Every transport that Node has, each with something to listen on: what holds over one has to hold over all.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memory, worker, type Transport } from "@troupe/core";
import type { TransportSubject } from "@troupe/core/testing";
import { tcp, tls, udp, unix, webSocket } from "@troupe/node";
import { Authority, type Pair } from "./certificates.js";

/** How large the buffers in the process are, where a transport lets that be chosen. */
export interface SubjectOptions {
  readonly bufferBytes?: number;
}

export type SubjectFactory = (options?: SubjectOptions) => Promise<TransportSubject>;

let certificates: Promise<{ readonly ca: string; readonly pair: Pair }> | undefined;

/** One authority, and a certificate that is good for both ends. */
export function testCertificates(): Promise<{ readonly ca: string; readonly pair: Pair }> {
  certificates ??= Authority.create().then(async (authority) => ({ ca: authority.ca, pair: await authority.issue() }));
  return certificates;
}

export const EVERY_TRANSPORT: Readonly<Record<string, SubjectFactory>> = {
  memory: async (options) => ({ transport: memory({ ...options, isPrivate: true }), endpoint: "memory://test" }),
  tcp: async (options) => ({ transport: tcp(options), endpoint: "tcp://127.0.0.1:0" }),
  async tls(options) {
    const { ca, pair } = await testCertificates();
    return { transport: tls({ ...pair, ca, ...options }), endpoint: "tls://127.0.0.1:0" };
  },
  async unix(options) {
    const folder = await mkdtemp(join(tmpdir(), "troupe-"));
    const dispose = (): Promise<void> => rm(folder, { recursive: true });
    return { transport: unix(options), endpoint: `unix://${folder}/test.sock`, dispose };
  },
  udp: async () => ({ transport: udp(), endpoint: "udp://127.0.0.1:0" }),
  ws: async (options) => ({ transport: webSocket(options), endpoint: "ws://127.0.0.1:0/test" }),
  async wss(options) {
    const { ca, pair } = await testCertificates();
    return { transport: webSocket({ tls: { ...pair, ca }, ...options }), endpoint: "wss://127.0.0.1:0" };
  },
  async worker({ bufferBytes } = {}) {
    const { port1, port2 } = new MessageChannel();
    const options = bufferBytes === undefined ? {} : { windowBytes: bufferBytes };
    const dialling = worker(port1, options);
    const listening = worker(port2, options);
    const transport: Transport = {
      schemes: dialling.schemes,
      connect: (endpoint, given) => dialling.connect(endpoint, given),
      listen: (endpoint, accept, given) => listening.listen(endpoint, accept, given),
    };
    return { transport, endpoint: "worker://test", dispose: () => port1.close() };
  },
};

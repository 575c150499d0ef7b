// Troupe over each of its transports, and what each can do with nothing on top: the bytes of the same message, echoed as
// they come, through the same transport. A worker runs in the client's process, so its server's process has nothing to do.

import { Worker } from "node:worker_threads";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "cbor-x";
import { worker, type Connection, type Transport } from "@troupe/core";
import { connect, listen, tcp, tls, unix, webSocket, type TlsOptions } from "@troupe/node";
import { certificate } from "../certificate.js";
import { PAYLOAD, type Payload } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";
import { echoClient, echoServices } from "./troupe.js";

/** The schemes, as subjects are called after them. */
export type Scheme = "tcp" | "tls" | "unix" | "ws" | "wss" | "worker";

const message = Uint8Array.from(encode(PAYLOAD));

/** Troupe over one of them. */
export function troupeOver(scheme: Scheme): Subject {
  return {
    async server() {
      if (scheme === "worker") return ofWorker;
      const { endpoint, options, remove } = await place(scheme);
      const listener = await listen(endpoint, { services: echoServices(), tls: options });
      return {
        endpoint: located(listener.endpoint, options),
        async stop() {
          await listener.close();
          remove();
        },
      };
    },
    async client(location) {
      const { endpoint, options } = locationOf(location);
      if (scheme !== "worker") return echoClient(await connect(endpoint, { tls: options }));
      const thread = started("troupe");
      const client = echoClient(await connect("worker://echo", { worker: thread }));
      return { ...client, close: () => ended(client, thread) };
    },
  };
}

/** The transport alone. */
export function rawOver(scheme: Scheme): Subject {
  return {
    async server() {
      if (scheme === "worker") return ofWorker;
      const { endpoint, options, remove } = await place(scheme);
      const listener = await transportOf(scheme, options).listen(endpoint, echoBytes);
      return {
        endpoint: located(listener.endpoint, options),
        async stop() {
          await listener.close();
          remove();
        },
      };
    },
    async client(location) {
      const { endpoint, options } = locationOf(location);
      if (scheme !== "worker") return rawClient(await transportOf(scheme, options).connect(endpoint));
      const thread = started("raw");
      const transport = worker(thread);
      const client = rawClient(await transport.connect("worker://echo"));
      return { ...client, close: () => ended(client, thread) };
    },
  };
}

/** Writes back whatever comes. */
export function echoBytes(connection: Connection): void {
  connection.open({
    received: (bytes) => void connection.write(bytes),
    drained: () => {},
    ended: () => connection.close(),
    closed: () => {},
  });
}

function rawClient(connection: Connection): Client {
  const waiting: (() => void)[] = [];
  let first = 0;
  let bytesHere = 0;
  connection.open({
    received(bytes) {
      bytesHere += bytes.length;
      for (; bytesHere >= message.length; bytesHere -= message.length) waiting[first++]?.();
      if (first === waiting.length) first = waiting.length = 0;
    },
    drained: () => {},
    ended: () => {},
    closed: () => {},
  });
  return {
    call: (payload: Payload) =>
      new Promise((resolve) => {
        waiting.push(() => resolve(payload));
        connection.write(message);
      }),
    echoBytes: () => Promise.reject(new Error("of no use here")),
    close: async () => connection.abort(),
  };
}

const ofWorker: Server = { endpoint: "worker://echo", stop: async () => {} };

function started(kind: "troupe" | "raw"): Worker {
  return new Worker(new URL("./echo-thread.js", import.meta.url), { workerData: kind });
}

async function ended(client: Client, thread: Worker): Promise<void> {
  await client.close();
  await thread.terminate();
}

function transportOf(scheme: Scheme, options: TlsOptions): Transport {
  if (scheme === "tcp") return tcp();
  if (scheme === "tls") return tls(options);
  return scheme === "unix" ? unix() : webSocket({ tls: options });
}

/** Where to listen, and with what. */
async function place(scheme: Scheme): Promise<{ endpoint: string; options: TlsOptions; remove: () => void }> {
  if (scheme === "unix") {
    const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
    const remove = (): void => rmSync(folder, { recursive: true, force: true });
    return { endpoint: `unix://${folder}/echo.sock`, options: {}, remove };
  }
  const options = scheme === "tls" || scheme === "wss" ? await certificate() : {};
  return { endpoint: `${scheme}://127.0.0.1:0`, options, remove: () => {} };
}

/** The endpoint, and whom to trust there, in one text. */
function located(endpoint: string, { cert }: TlsOptions): string {
  return JSON.stringify({ endpoint, options: cert === undefined ? {} : { ca: cert } });
}

function locationOf(location: string): { endpoint: string; options: TlsOptions } {
  if (!location.startsWith("{")) return { endpoint: location, options: {} };
  return JSON.parse(location) as { endpoint: string; options: TlsOptions };
}

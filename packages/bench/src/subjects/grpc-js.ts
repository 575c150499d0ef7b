// grpc-js with a protobuf message of the same five fields, loaded with the options that its documentation shows.
// Unary calls and streams over one HTTP/2 connection without TLS. It has no message without an answer.

import { once } from "node:events";
import { fileURLToPath } from "node:url";
import {
  credentials,
  loadPackageDefinition,
  Server as GrpcServer,
  ServerCredentials,
  type Client as GrpcClient,
  type ClientReadableStream,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type requestCallback,
  type ServerWritableStream,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { largeBytes, PAYLOAD, type Payload } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";

interface Count {
  readonly count: number;
}

interface Blob {
  readonly content: Uint8Array;
}

type Unary<T> = (request: T, callback: requestCallback<T>) => unknown;
type Streaming<T> = (request: Count) => ClientReadableStream<T>;
type EchoClient = GrpcClient & {
  call: Unary<Payload>;
  echoBytes: Unary<Blob>;
  items: Streaming<Payload>;
  blocks: Streaming<Blob>;
  made: Unary<Count>;
};

const OPEN_TIMEOUT_MS = 10_000;

export const grpcJs: Subject = { server, client };

async function server(): Promise<Server> {
  const grpc = new GrpcServer();
  const call: handleUnaryCall<Payload, Payload> = ({ request }, answer) => answer(null, request);
  const echoBytes: handleUnaryCall<Blob, Blob> = ({ request }, answer) => answer(null, request);
  let made = 0;
  const block: Blob = { content: largeBytes() };
  const items: handleServerStreamingCall<Count, Payload> = (stream) => void writeAll(stream, () => PAYLOAD);
  const blocks: handleServerStreamingCall<Count, Blob> = (stream) => {
    made = 0;
    void writeAll(stream, () => {
      made++;
      return block;
    });
  };
  const tellMade: handleUnaryCall<Count, Count> = (_, answer) => answer(null, { count: made });
  grpc.addService(echoService().service, { call, echoBytes, items, blocks, made: tellMade });
  const port = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { endpoint: `127.0.0.1:${port}`, stop: async () => grpc.forceShutdown() };
}

/** Writes as long as there is room, and goes on when there is room again. */
async function writeAll<T>(stream: ServerWritableStream<Count, T>, make: () => T): Promise<void> {
  for (let left = stream.request.count; left > 0 && !stream.cancelled; left--) {
    if (!stream.write(make())) await Promise.race([once(stream, "drain"), once(stream, "cancelled")]);
  }
  stream.end();
}

let service: ServiceClientConstructor | undefined;

/** Read from the definition once, then shared by every client of this process. */
function echoService(): ServiceClientConstructor {
  if (service === undefined) {
    const path = fileURLToPath(new URL("../../src/subjects/echo.proto", import.meta.url));
    const definition = loadSync(path, { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true });
    const loaded = loadPackageDefinition(definition) as unknown as {
      troupe: { bench: { Echo: ServiceClientConstructor } };
    };
    service = loaded.troupe.bench.Echo;
  }
  return service;
}

async function client(endpoint: string): Promise<Client> {
  // Without a pool of its own, every client of one process would share one connection.
  const grpc = new (echoService())(endpoint, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  }) as unknown as EchoClient;
  await new Promise<void>((resolve, reject) => {
    grpc.waitForReady(Date.now() + OPEN_TIMEOUT_MS, (error) => (error ? reject(error) : resolve()));
  });
  return {
    call: (payload) =>
      new Promise((resolve, reject) => {
        grpc.call(payload, (error, answer) => (error ? reject(error) : resolve(answer as Payload)));
      }),
    echoBytes: (bytes) =>
      new Promise((resolve, reject) => {
        grpc.echoBytes({ content: bytes }, (error, answer) =>
          error ? reject(error) : resolve((answer as Blob).content),
        );
      }),
    async items(count) {
      let items = 0;
      for await (const _ of grpc.items({ count })) items++;
      return items;
    },
    async blocks(count) {
      let bytes = 0;
      for await (const { content } of grpc.blocks({ count }) as AsyncIterable<Blob>) bytes += content.length;
      return bytes;
    },
    async stall() {
      const blocks = grpc.blocks({ count: 1_000_000 });
      blocks.on("error", () => {});
      await once(blocks, "readable");
      blocks.read();
      return {
        made: () =>
          new Promise((resolve, reject) => {
            grpc.made({ count: 0 }, (error, answer) => (error ? reject(error) : resolve((answer as Count).count)));
          }),
        end: async () => blocks.cancel(),
      };
    },
    close: async () => grpc.close(),
  };
}

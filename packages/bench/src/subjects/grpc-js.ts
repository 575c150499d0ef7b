// grpc-js with a protobuf message of the same five fields, loaded with the options that its documentation shows.
// Unary calls over one HTTP/2 connection without TLS. It has no message without an answer.

import { fileURLToPath } from "node:url";
import {
  credentials,
  loadPackageDefinition,
  Server as GrpcServer,
  ServerCredentials,
  type Client as GrpcClient,
  type handleUnaryCall,
  type requestCallback,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { Payload } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";

interface Blob {
  readonly content: Uint8Array;
}

type Unary<T> = (request: T, callback: requestCallback<T>) => unknown;
type EchoClient = GrpcClient & { call: Unary<Payload>; echoBytes: Unary<Blob> };

const OPEN_TIMEOUT_MS = 10_000;

export const grpcJs: Subject = { server, client };

async function server(): Promise<Server> {
  const grpc = new GrpcServer();
  const call: handleUnaryCall<Payload, Payload> = ({ request }, answer) => answer(null, request);
  const echoBytes: handleUnaryCall<Blob, Blob> = ({ request }, answer) => answer(null, request);
  grpc.addService(echoService().service, { call, echoBytes });
  const port = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { endpoint: `127.0.0.1:${port}`, stop: async () => grpc.forceShutdown() };
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
    close: async () => grpc.close(),
  };
}

// Effect RPC over TCP with its binary serialization, each end in a scope of its own. Its schemas check what travels, as they
// always do. Spans are left out, as its options allow, since nobody here collects them.

import * as NodeSocket from "@effect/platform-node/NodeSocket";
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer";
import { Effect, Exit, Layer, Schema, Scope, Stream } from "effect";
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc";
import { SocketServer } from "effect/socket";
import { largeBytes, PAYLOAD } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";

const Fields = Schema.Struct({
  id: Schema.Number,
  from: Schema.String,
  amount: Schema.Number,
  urgent: Schema.Boolean,
  text: Schema.String,
});

const Echo = RpcGroup.make(
  Rpc.make("Call", { payload: Fields, success: Fields }),
  Rpc.make("EchoBytes", { payload: Schema.Struct({ bytes: Schema.Uint8Array }), success: Schema.Uint8Array }),
  Rpc.make("Items", { payload: Schema.Struct({ count: Schema.Number }), success: Fields, stream: true }),
  Rpc.make("Blocks", { payload: Schema.Struct({ count: Schema.Number }), success: Schema.Uint8Array, stream: true }),
  Rpc.make("Made", { success: Schema.Number }),
);

export const effectRpc: Subject = { server, client };

async function server(): Promise<Server> {
  let made = 0;
  const block = largeBytes();
  const handlers = Echo.toLayer({
    Call: (payload) => Effect.succeed(payload),
    EchoBytes: ({ bytes }) => Effect.succeed(bytes),
    // Made in chunks, each of which travels as one message: so does whatever a program has at hand.
    Items: ({ count }) => Stream.fromIterable(repeated(count, () => PAYLOAD)),
    Blocks: ({ count }) => {
      made = 0;
      return Stream.fromIterable(
        repeated(count, () => {
          made++;
          return block;
        }),
        { chunkSize: 1 },
      );
    },
    Made: () => Effect.sync(() => made),
  });
  const sockets = NodeSocketServer.layer({ host: "127.0.0.1", port: 0, noDelay: true });
  const protocol = RpcServer.layerProtocolSocketServer.pipe(Layer.provideMerge(sockets));
  const whole = RpcServer.layer(Echo, { disableTracing: true }).pipe(
    Layer.provide(handlers),
    Layer.provideMerge(protocol),
    Layer.provide(RpcSerialization.layerSchemaBinary()),
  );
  const scope = await Effect.runPromise(Scope.make());
  const context = await Effect.runPromise(Layer.buildWithScope(whole, scope));
  const { address } = await Effect.runPromise(
    Effect.provideContext(
      Effect.gen(function* () {
        return yield* SocketServer.SocketServer;
      }),
      context,
    ),
  );
  if (address._tag !== "InetAddressV4") throw new Error("no port");
  return { endpoint: String(address.port), stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) };
}

async function client(endpoint: string): Promise<Client> {
  const protocol = RpcClient.layerProtocolSocket().pipe(
    Layer.provide(NodeSocket.layerNet({ host: "127.0.0.1", port: Number(endpoint), noDelay: true })),
    Layer.provide(RpcSerialization.layerSchemaBinary()),
  );
  const scope = await Effect.runPromise(Scope.make());
  const context = await Effect.runPromise(Layer.buildWithScope(protocol, scope));
  const echo = await Effect.runPromise(
    Effect.provideContext(RpcClient.make(Echo, { disableTracing: true }), context).pipe(Scope.provide(scope)),
  );
  return {
    call: (payload) => Effect.runPromise(echo.Call(payload)),
    echoBytes: (bytes) => Effect.runPromise(echo.EchoBytes({ bytes: bytes })),
    items: (count) => Effect.runPromise(Stream.runCount(echo.Items({ count }))),
    blocks: (count) =>
      Effect.runPromise(
        Stream.runFold(
          echo.Blocks({ count }),
          () => 0,
          (sum, block) => sum + block.length,
        ),
      ),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  };
}

function* repeated<T>(count: number, make: () => T): Generator<T> {
  for (let i = 0; i < count; i++) yield make();
}

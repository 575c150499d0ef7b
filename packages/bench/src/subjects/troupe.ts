// Troupe over TCP with its defaults: nothing is set.

import { call, defineService, send, ServiceMap, stream, type Peer } from "@troupe/core";
import { connect, listen } from "@troupe/node";
import { largeBytes, PAYLOAD, type Payload } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";

const Echo = defineService("echo", {
  echo: call<Payload, Payload>(),
  echoBytes: call<Uint8Array, Uint8Array>(),
  tell: send<Payload>(),
  received: call<void, number>(),
  items: stream<number, Payload>(),
  blocks: stream<number, Uint8Array>(),
  made: call<void, number>(),
});

export const troupe: Subject = { server, client };

/** What the server does. */
export function echoServices(): ServiceMap {
  let received = 0;
  let made = 0;
  const block = largeBytes();
  return new ServiceMap().add(Echo, {
    echo: (payload) => payload,
    echoBytes: (bytes) => bytes,
    tell: () => void received++,
    received: () => received,
    async *items(count) {
      for (let i = 0; i < count; i++) yield PAYLOAD;
    },
    async *blocks(count) {
      made = 0;
      for (let i = 0; i < count; i++) {
        made++;
        yield block;
      }
    },
    made: () => made,
  });
}

async function server(): Promise<Server> {
  const listener = await listen("tcp://127.0.0.1:0", { services: echoServices() });
  return { endpoint: listener.endpoint, stop: () => listener.close() };
}

async function client(endpoint: string): Promise<Client> {
  return echoClient(await connect(endpoint));
}

/** What the client does. */
export function echoClient(peer: Peer): Client {
  const echo = peer.address(Echo);
  return {
    call: (payload) => echo.call("echo", payload),
    echoBytes: (bytes) => echo.call("echoBytes", bytes),
    send: (payload) => echo.send("tell", payload),
    received: () => echo.call("received"),
    async items(count) {
      let items = 0;
      for await (const _ of echo.stream("items", count)) items++;
      return items;
    },
    async blocks(count) {
      let bytes = 0;
      for await (const block of echo.stream("blocks", count)) bytes += block.length;
      return bytes;
    },
    async stall() {
      const blocks = echo.stream("blocks", 1_000_000);
      await blocks.next();
      return { made: () => echo.call("made"), end: async () => void (await blocks.return?.()) };
    },
    close: async () => void (await peer.close()),
  };
}

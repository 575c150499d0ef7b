// Troupe over TCP with its defaults: nothing is set.

import { call, defineService, send, ServiceMap, stream } from "@troupe/core";
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

async function server(): Promise<Server> {
  let received = 0;
  let made = 0;
  const block = largeBytes();
  const services = new ServiceMap().add(Echo, {
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
  const listener = await listen("tcp://127.0.0.1:0", { services });
  return { endpoint: listener.endpoint, stop: () => listener.close() };
}

async function client(endpoint: string): Promise<Client> {
  const peer = await connect(endpoint);
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

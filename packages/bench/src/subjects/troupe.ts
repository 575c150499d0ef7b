// Troupe over TCP with its defaults: nothing is set.

import { call, defineService, send, ServiceMap } from "@troupe/core";
import { connect, listen } from "@troupe/node";
import type { Payload } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";

const Echo = defineService("echo", {
  echo: call<Payload, Payload>(),
  echoBytes: call<Uint8Array, Uint8Array>(),
  tell: send<Payload>(),
  received: call<void, number>(),
});

export const troupe: Subject = { server, client };

async function server(): Promise<Server> {
  let received = 0;
  const services = new ServiceMap().add(Echo, {
    echo: (payload) => payload,
    echoBytes: (bytes) => bytes,
    tell: () => void received++,
    received: () => received,
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
    close: async () => void (await peer.close()),
  };
}

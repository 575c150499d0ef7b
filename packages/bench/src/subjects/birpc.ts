// birpc over ws with JSON, as in its documentation. Bytes travel as base64, since JSON has none. Sends are its events.

import { createBirpc, type BirpcReturn } from "birpc";
import type { Payload } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";
import { closeWebSocket, openWebSocket, serveWebSockets, type WebSocket } from "../web-socket.js";

interface ServerFunctions {
  echo(payload: Payload): Payload;
  echoBytes(base64: string): string;
  tell(payload: Payload): void;
  received(): number;
}

export const birpc: Subject = { server, client };

function server(): Promise<Server> {
  let received = 0;
  const functions: ServerFunctions = {
    echo: (payload) => payload,
    echoBytes: (base64) => Buffer.from(base64, "base64").toString("base64"),
    tell: () => void received++,
    received: () => received,
  };
  return serveWebSockets((socket) => void overSocket<Record<string, never>, ServerFunctions>(functions, socket));
}

async function client(endpoint: string): Promise<Client> {
  const socket = await openWebSocket(endpoint);
  const rpc = overSocket<ServerFunctions, Record<string, never>>({}, socket);
  return {
    call: (payload) => rpc.echo(payload),
    echoBytes: async (bytes) => {
      const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
      return Buffer.from(await rpc.echoBytes(base64), "base64");
    },
    send: (payload) => rpc.tell.asEvent(payload),
    received: () => rpc.received(),
    async close() {
      rpc.$close();
      await closeWebSocket(socket);
    },
  };
}

function overSocket<Remote extends object, Local extends object>(
  functions: Local,
  socket: WebSocket,
): BirpcReturn<Remote, Local> {
  return createBirpc<Remote, Local>(functions, {
    post: (data) => socket.send(data),
    on: (listener) => socket.on("message", listener),
    serialize: (value) => JSON.stringify(value),
    deserialize: (text) => JSON.parse(text),
  });
}

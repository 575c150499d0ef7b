// socket.io over a WebSocket from the start, with acknowledgements as answers. Bytes are attachments. Sends are events
// without an acknowledgement.

import { once } from "node:events";
import { createServer } from "node:http";
import { Server as SocketServer } from "socket.io";
import { io } from "socket.io-client";
import type { Payload } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";

interface ToServer {
  echo(payload: Payload, answer: (payload: Payload) => void): void;
  echoBytes(bytes: Uint8Array, answer: (bytes: Uint8Array) => void): void;
  tell(payload: Payload): void;
  received(answer: (count: number) => void): void;
}

export const socketIo: Subject = { server, client };

async function server(): Promise<Server> {
  let received = 0;
  const http = createServer();
  const sockets = new SocketServer<ToServer>(http, { transports: ["websocket"] });
  sockets.on("connection", (socket) => {
    socket.on("echo", (payload, answer) => answer(payload));
    socket.on("echoBytes", (bytes, answer) => answer(bytes));
    socket.on("tell", () => void received++);
    socket.on("received", (answer) => answer(received));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { endpoint: `http://127.0.0.1:${address.port}`, stop: () => sockets.close() };
}

async function client(endpoint: string): Promise<Client> {
  // `forceNew`: without it, clients of one process share a connection.
  const socket = io(endpoint, { transports: ["websocket"], forceNew: true, reconnection: false });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("connect_error", reject));
  return {
    call: (payload) => socket.emitWithAck("echo", payload),
    echoBytes: (bytes) => socket.emitWithAck("echoBytes", bytes),
    send: (payload) => void socket.emit("tell", payload),
    received: () => socket.emitWithAck("received"),
    async close() {
      socket.disconnect();
    },
  };
}

// capnweb over ws, as in its documentation for Node. Byte arrays are part of its encoding. It has no message without
// an answer.

import { newWebSocketRpcSession, RpcTarget } from "capnweb";
import type { Payload } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";
import { closeWebSocket, openWebSocket, provideGlobalWebSocket, serveWebSockets } from "../web-socket.js";

class Echo extends RpcTarget {
  echo(payload: Payload): Payload {
    return payload;
  }

  echoBytes(bytes: Uint8Array): Uint8Array {
    return bytes;
  }
}

export const capnweb: Subject = { server, client };

function server(): Promise<Server> {
  provideGlobalWebSocket();
  // The cast is the documentation's: the type of ws differs from the standard one in ways that do not matter here.
  return serveWebSockets((socket) => void newWebSocketRpcSession(socket as unknown as WebSocket, new Echo()));
}

async function client(endpoint: string): Promise<Client> {
  provideGlobalWebSocket();
  const socket = await openWebSocket(endpoint);
  const echo = newWebSocketRpcSession<Echo>(socket as unknown as WebSocket);
  return {
    call: async (payload) => await echo.echo(payload),
    echoBytes: async (bytes) => await echo.echoBytes(bytes),
    async close() {
      echo[Symbol.dispose]();
      await closeWebSocket(socket);
    },
  };
}

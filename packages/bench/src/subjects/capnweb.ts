// capnweb over ws, as in its documentation for Node. Byte arrays are part of its encoding. It has no message without
// an answer.

import { newWebSocketRpcSession, RpcTarget } from "capnweb";
import { largeBytes, PAYLOAD, type Payload } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";
import { closeWebSocket, openWebSocket, provideGlobalWebSocket, serveWebSockets } from "../web-socket.js";

const block = largeBytes();
let made = 0;

/** A stream that makes an item whenever it is asked for one. */
function streamOf<T>(count: number, make: () => T): ReadableStream<T> {
  let left = count;
  return new ReadableStream<T>({
    pull(controller) {
      if (left-- > 0) controller.enqueue(make());
      else controller.close();
    },
  });
}

class Echo extends RpcTarget {
  echo(payload: Payload): Payload {
    return payload;
  }

  echoBytes(bytes: Uint8Array): Uint8Array {
    return bytes;
  }

  items(count: number): ReadableStream<Payload> {
    return streamOf(count, () => PAYLOAD);
  }

  blocks(count: number): ReadableStream<Uint8Array> {
    made = 0;
    return streamOf(count, () => {
      made++;
      return block;
    });
  }

  made(): number {
    return made;
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
    async items(count) {
      let items = 0;
      for await (const _ of await echo.items(count)) items++;
      return items;
    },
    async blocks(count) {
      let bytes = 0;
      for await (const each of await echo.blocks(count)) bytes += each.length;
      return bytes;
    },
    async stall() {
      const reader = (await echo.blocks(1_000_000)).getReader();
      await reader.read();
      return { made: async () => await echo.made(), end: () => reader.cancel() };
    },
    async close() {
      echo[Symbol.dispose]();
      await closeWebSocket(socket);
    },
  };
}

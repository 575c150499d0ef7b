// The `ws` package, with its defaults: no compression, no native add-on, `noDelay`.

import { once } from "node:events";
import { WebSocket, WebSocketServer } from "ws";
import type { Server } from "./subject.js";

export type { WebSocket };

/** Serves `connected` on a free port of 127.0.0.1. */
export async function serveWebSockets(connected: (socket: WebSocket) => void): Promise<Server> {
  const listener = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  listener.on("connection", connected);
  await once(listener, "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    endpoint: `ws://127.0.0.1:${address.port}`,
    async stop() {
      for (const socket of listener.clients) socket.terminate();
      listener.close();
      await once(listener, "close");
    },
  };
}

export async function openWebSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  await once(socket, "open");
  return socket;
}

/** For packages that want the standard name for its constants. Node has it only since version 22. */
export function provideGlobalWebSocket(): void {
  globalThis.WebSocket = WebSocket as unknown as typeof globalThis.WebSocket;
}

export async function closeWebSocket(socket: WebSocket): Promise<void> {
  if (socket.readyState === WebSocket.CLOSED) return;
  const closed = once(socket, "close");
  socket.close();
  await closed;
}

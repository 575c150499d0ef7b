// A mesh at both ends, with its defaults, and beside it what a program does that puts a length ahead of each message and
// writes it to a socket of Node: one write for each message, and a reader that hands out each as soon as it is whole.

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { encode } from "cbor-x";
import { Full, Mesh } from "@troupe/core/network";
import { tcp } from "@troupe/node";
import { PAYLOAD, type Payload } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";

/** The same bytes as everybody's, with what to do ahead: echo it, count it, or say how many were counted. */
const ECHO = 0;
const TELL = 1;
const COUNT = 2;
const body = encode(PAYLOAD);

function message(kind: number): Uint8Array {
  return Uint8Array.from([kind, ...body]);
}

const echo = message(ECHO);
const told = message(TELL);
const question = Uint8Array.of(COUNT);

/** What a server does with a message; the answer, if there is one. */
function answerer(): (payload: Uint8Array) => Uint8Array | undefined {
  let received = 0;
  return (payload) => {
    if (payload[0] === ECHO) return payload;
    if (payload[0] === TELL) {
      received++;
      return undefined;
    }
    return new TextEncoder().encode(`${received}`);
  };
}

/** What a client asks, over something that sends and answers in order. */
function asking(
  send: (payload: Uint8Array) => void | Promise<void>,
  close: () => Promise<void>,
): Client & { answered(payload: Uint8Array): void } {
  const waiting: ((payload: Uint8Array) => void)[] = [];
  const ask = (payload: Uint8Array): Promise<Uint8Array> => {
    void send(payload);
    return new Promise((resolve) => waiting.push(resolve));
  };
  return {
    call: async (payload: Payload) => (await ask(echo), payload),
    echoBytes: () => Promise.reject(new Error("of no use here")),
    send: () => send(told),
    received: async () => Number(new TextDecoder().decode(await ask(question))),
    close,
    answered: (payload) => waiting.shift()?.(payload),
  };
}

export const mesh: Subject = {
  async server(): Promise<Server> {
    const server = new Mesh();
    const listener = await tcp().listen("tcp://127.0.0.1:0", (connection) => void server.add(connection));
    const answer = answerer();
    const serve = async (): Promise<void> => {
      for await (const { id, payload } of server) {
        const said = answer(payload);
        if (said !== undefined) server.send({ id, payload: said });
      }
    };
    void serve();
    return {
      endpoint: listener.endpoint,
      async stop() {
        await listener.close();
        await server.close();
      },
    };
  },
  async client(endpoint) {
    const own = new Mesh();
    const id = own.add(await tcp().connect(endpoint));
    const send = (payload: Uint8Array): void | Promise<void> => {
      try {
        own.send({ id, payload });
      } catch (error) {
        if (error instanceof Full) return again(payload);
        throw error;
      }
    };
    const again = async (payload: Uint8Array): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      await send(payload);
    };
    const client = asking(send, () => own.close());
    const read = async (): Promise<void> => {
      for await (const { payload } of own) client.answered(payload);
    };
    void read();
    return client;
  },
};

export const bare: Subject = {
  async server(): Promise<Server> {
    const sockets = new Set<Socket>();
    const listener = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
      const answer = answerer();
      reading(socket, (payload) => {
        const said = answer(payload);
        if (said !== undefined) socket.write(prefixed(said));
      });
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const address = listener.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return {
      endpoint: String(address.port),
      async stop() {
        for (const socket of sockets) socket.destroy();
        listener.close();
        await once(listener, "close");
      },
    };
  },
  async client(endpoint) {
    const socket = connect({ host: "127.0.0.1", port: Number(endpoint), noDelay: true });
    await once(socket, "connect");
    const send = (payload: Uint8Array): void | Promise<void> => {
      if (!socket.write(prefixed(payload))) return once(socket, "drain").then(() => undefined);
    };
    const client = asking(send, async () => void socket.destroy());
    reading(socket, (payload) => client.answered(payload));
    return client;
  },
};

function prefixed(payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(4 + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame.set(payload, 4);
  return frame;
}

function reading(socket: Socket, took: (payload: Uint8Array) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const end = at + 4 + bytes.readUInt32LE(at);
      if (end > bytes.length) break;
      took(bytes.subarray(at + 4, end));
      at = end;
    }
    rest = bytes.subarray(at);
  });
}

// The floor: frames over TCP, echoed without being decoded. A frame is a length in four bytes, whose two highest bits
// say what to do with it, and that many bytes. Answers come in the order of the questions, so that no number has to
// travel. A frame counts when it is whole; frames written in one turn of the event loop leave in one write, and the
// server writes back all whole frames of a chunk at once, from the buffer in which they came.

import { connect, createServer, type Socket } from "node:net";
import { once } from "node:events";
import { encode } from "cbor-x";
import { BYTES_LENGTH, largeBytes, PAYLOAD } from "../payload.js";
import type { Client, Server, Subject } from "../subject.js";

const ECHO = 0;
const SEND = 1;
const COUNT = 2;
const PIPE = 3;

const HEADER_BYTES = 4;
const LENGTH_MASK = 0x3fff_ffff;
const SLAB_BYTES_MIN = 1024;
const SLAB_BYTES_MAX = 256 * 1024;
/** Frames longer than this are handed to the socket as they are instead of being copied into the slab. */
const COPIED_BYTES_MAX = 8 * 1024;
const UNSENT_BYTES_MAX = 1024 * 1024;

const message = Buffer.from(encode(PAYLOAD));
const echo = framed(ECHO, message);
const told = framed(SEND, message);
const question = framed(COUNT, Buffer.alloc(0));

export const raw: Subject = { server, client };

async function server(): Promise<Server> {
  let received = 0;
  const sockets = new Set<Socket>();
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
    const frames = new Frames();
    const found = (kind: number, run: Buffer, count: number): void => {
      if (kind === ECHO) socket.write(run);
      else if (kind === SEND) received += count;
      else if (kind === PIPE) pipe(socket, run.readUInt32BE(HEADER_BYTES));
      else socket.write(framed(ECHO, number(received)));
    };
    socket.on("data", (chunk: Buffer) => frames.read(chunk, found));
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
}

/** Writes so many blocks, as they are, and as fast as they are taken. */
function pipe(socket: Socket, count: number): void {
  const block = largeBytes();
  let left = count;
  const go = (): void => {
    while (left-- > 0) if (!socket.write(block)) return void socket.once("drain", go);
  };
  go();
}

async function client(endpoint: string): Promise<Client> {
  const socket = connect({ host: "127.0.0.1", port: Number(endpoint), noDelay: true });
  await once(socket, "connect");
  const outbox = new Outbox(socket);
  const frames = new Frames();
  const waiting = new Waiting();
  const found = (_kind: number, run: Buffer, count: number): void => {
    for (; count > 0; count--) waiting.shift()?.(run);
  };
  /** Bytes of a pipe that are still to come: they are counted, and not looked at. */
  let piped = 0;
  let pipeOver = (): void => {};
  socket.on("data", (chunk: Buffer) => {
    if (piped === 0) return frames.read(chunk, found);
    piped -= chunk.length;
    if (piped === 0) pipeOver();
  });
  socket.on("error", () => socket.destroy());

  function ask<T>(frame: Uint8Array, answer: (run: Buffer) => T): Promise<T> {
    void outbox.push(frame);
    return new Promise((resolve) => waiting.push((run) => resolve(answer(run))));
  }

  return {
    call: (payload) => ask(echo, () => payload),
    echoBytes: (bytes) => {
      void outbox.push(header(ECHO, bytes.length));
      // Large frames do not share a chunk with others: the run is the frame.
      return ask(bytes, (run) => run.subarray(HEADER_BYTES));
    },
    send: () => outbox.push(told),
    blocks: (count) =>
      new Promise((resolve) => {
        piped = count * BYTES_LENGTH;
        pipeOver = () => resolve(count * BYTES_LENGTH);
        socket.write(framed(PIPE, number(count)));
      }),
    received: () => ask(question, (run) => run.readUInt32BE(HEADER_BYTES)),
    async close() {
      socket.destroy();
      if (!socket.closed) await once(socket, "close");
    },
  };
}

/** Finds the frames in the chunks of a stream. */
class Frames {
  /** The bytes of a header that arrived without its end. */
  #carried: Buffer | undefined;
  /** A frame that arrived without its end, in a buffer of its full length. */
  #started: Buffer | undefined;
  #startedBytes = 0;

  /** Calls `found` with every run of whole frames of one kind, headers included, and how many there are in it. */
  read(arrived: Buffer, found: (kind: number, run: Buffer, count: number) => void): void {
    let chunk = this.#carried === undefined ? arrived : Buffer.concat([this.#carried, arrived]);
    this.#carried = undefined;
    if (this.#started !== undefined) {
      const taken = chunk.copy(this.#started, this.#startedBytes);
      this.#startedBytes += taken;
      if (this.#startedBytes < this.#started.length) return;
      const frame = this.#started;
      this.#started = undefined;
      found(frame.readUInt32BE(0) >>> 30, frame, 1);
      chunk = chunk.subarray(taken);
    }
    let at = 0;
    let runStart = 0;
    let runKind = ECHO;
    let runCount = 0;
    while (chunk.length - at >= HEADER_BYTES) {
      const word = chunk.readUInt32BE(at);
      const kind = word >>> 30;
      const end = at + HEADER_BYTES + (word & LENGTH_MASK);
      if (end > chunk.length) {
        this.#started = Buffer.allocUnsafe(end - at);
        this.#startedBytes = chunk.copy(this.#started, 0, at);
        break;
      }
      if (kind !== runKind && runCount > 0) {
        found(runKind, chunk.subarray(runStart, at), runCount);
        runCount = 0;
        runStart = at;
      }
      runKind = kind;
      runCount++;
      at = end;
    }
    if (runCount > 0) found(runKind, chunk.subarray(runStart, at), runCount);
    if (this.#started === undefined && at < chunk.length) this.#carried = chunk.subarray(at);
  }
}

/** Collects the frames of one turn of the event loop and writes them at once when the turn is over. */
class Outbox {
  readonly #socket: Socket;
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES_MIN);
  #flushed = 0;
  #filled = 0;
  #isScheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  push(frame: Uint8Array): Promise<void> | void {
    if (frame.length > COPIED_BYTES_MAX) {
      this.#socket.cork();
      this.#flush();
      this.#socket.write(frame);
      this.#socket.uncork();
      return;
    }
    if (this.#filled + frame.length > this.#slab.length) {
      this.#flush();
      const length = Math.min(Math.max(this.#slab.length * 2, frame.length), SLAB_BYTES_MAX);
      this.#slab = Buffer.allocUnsafeSlow(length);
      this.#flushed = this.#filled = 0;
    }
    this.#slab.set(frame, this.#filled);
    this.#filled += frame.length;
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      process.nextTick(() => {
        this.#isScheduled = false;
        this.#flush();
      });
    }
    if (this.#socket.writableLength > UNSENT_BYTES_MAX) return this.#drained();
  }

  #flush(): void {
    if (this.#filled === this.#flushed) return;
    this.#socket.write(this.#slab.subarray(this.#flushed, this.#filled));
    this.#flushed = this.#filled;
  }

  async #drained(): Promise<void> {
    await once(this.#socket, "drain");
  }
}

type Settle = (run: Buffer) => void;

/** Who waits for an answer, in the order of the questions. */
class Waiting {
  #slots: (Settle | undefined)[] = new Array<Settle | undefined>(8);
  #first = 0;
  #next = 0;

  push(settle: Settle): void {
    const { length } = this.#slots;
    if (this.#next - this.#first === length) {
      const waiting = Array.from({ length }, (_, i) => this.#slots[(this.#first + i) & (length - 1)]);
      this.#slots = [...waiting, ...new Array<undefined>(length)];
      this.#next = length;
      this.#first = 0;
    }
    this.#slots[this.#next++ & (this.#slots.length - 1)] = settle;
  }

  shift(): Settle | undefined {
    if (this.#first === this.#next) return undefined;
    const slot = this.#first++ & (this.#slots.length - 1);
    const settle = this.#slots[slot];
    this.#slots[slot] = undefined;
    return settle;
  }
}

function header(kind: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES);
  bytes.writeUInt32BE(((kind << 30) | length) >>> 0, 0);
  return bytes;
}

function framed(kind: number, payload: Buffer): Buffer {
  return Buffer.concat([header(kind, payload.length), payload]);
}

function number(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

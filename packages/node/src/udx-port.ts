// A message port over a stream of udx: messages one behind the other, as core's connection over a port posts and takes them.
// Its window is the receive window that udx does not have.
//
//   length (3 bytes, little-endian)  kind  content
//     kind 0  bytes        kind 2  "end"
//     kind 1  a number     kind 3  "abort"

import { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import { messagePortConnection, type Connection, type ConnectionEvents } from "@troupe/core";

/** How many bytes may be on their way before `write` returns false: what 400 Mbit/s hold at 20 ms. */
export const UDP_WINDOW_BYTES = 1_048_576;
/** The longest piece; longer writes are cut. */
const PIECE_BYTES_MAX = 65_536;
const HEAD_BYTES = 4;
const WORDS = ["end", "abort"] as const;

class UdxPort extends EventEmitter {
  readonly #stream: Duplex;
  /** What has come of messages that are not whole, and how many bytes that is. */
  #pieces: Buffer[] = [];
  #held = 0;
  /** How many bytes are needed before there is anything to do. */
  #needed = HEAD_BYTES;
  #isOver = false;

  constructor(stream: Duplex) {
    super();
    this.#stream = stream;
    stream.on("data", (bytes: Buffer) => this.#arrived(bytes));
    stream.on("error", (error: Error) => this.#gone(error));
    stream.on("end", () => this.#gone(undefined));
    stream.on("close", () => this.#gone(undefined));
  }

  postMessage(message: unknown): void {
    if (this.#isOver) return;
    if (message instanceof Uint8Array) {
      for (let at = 0; at < message.length; at += PIECE_BYTES_MAX)
        this.#write(0, message.subarray(at, at + PIECE_BYTES_MAX));
    } else if (typeof message === "number") {
      const count = Buffer.alloc(4);
      count.writeUInt32LE(message);
      this.#write(1, count);
    } else this.#write(message === "end" ? 2 : 3, new Uint8Array(0));
  }

  /** What was written still leaves. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.end();
  }

  #write(kind: number, content: Uint8Array): void {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(content.length | (kind << 24));
    this.#stream.write(head);
    if (content.length > 0) this.#stream.write(content);
  }

  #arrived(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#held += bytes.length;
    if (this.#held < this.#needed) return;
    let rest = this.#pieces.length === 1 ? bytes : Buffer.concat(this.#pieces, this.#held);
    this.#needed = HEAD_BYTES;
    while (rest.length >= HEAD_BYTES && !this.#isOver) {
      const word = rest.readUInt32LE(0);
      const length = word & 0xff_ffff;
      const kind = word >>> 24;
      if (length > PIECE_BYTES_MAX || kind > 3) {
        this.emit("messageerror");
        return;
      }
      if (rest.length < HEAD_BYTES + length) {
        this.#needed = HEAD_BYTES + length;
        break;
      }
      this.#message(kind, rest.subarray(HEAD_BYTES, HEAD_BYTES + length));
      rest = rest.subarray(HEAD_BYTES + length);
    }
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#held = rest.length;
  }

  #message(kind: number, content: Buffer): void {
    if (kind === 0) this.emit("message", new Uint8Array(content));
    else if (kind === 1) this.emit("message", content.length === 4 ? content.readUInt32LE(0) : NaN);
    else this.emit("message", WORDS[kind - 2]);
  }

  #gone(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error === undefined) this.emit("close");
    else this.emit("error", error);
  }
}

/** The ends of a connection. */
export interface UdpEnds {
  readonly remoteEndpoint: string;
  readonly localEndpoint: string;
}

/** A connection over a stream of udx that is connected. `onClosed` is called when it is no more, and whether it was aborted. */
export function udpConnection(
  stream: Duplex,
  ends: UdpEnds,
  windowBytes: number,
  onClosed: (isAborted: boolean) => void,
): Connection {
  const port = new UdxPort(stream);
  return new UdpConnection(
    (closed) => messagePortConnection(port, { ...ends, windowBytes, onClosed: closed }),
    onClosed,
  );
}

/** The same without `give`: the two sides share no memory. */
class UdpConnection implements Connection {
  readonly #inner: Connection;
  #isAborted = false;

  constructor(make: (onClosed: () => void) => Connection, onClosed: (isAborted: boolean) => void) {
    this.#inner = make(() => onClosed(this.#isAborted));
  }

  get remoteEndpoint(): string {
    return this.#inner.remoteEndpoint;
  }

  get localEndpoint(): string {
    return this.#inner.localEndpoint;
  }

  get buffered(): number {
    return this.#inner.buffered;
  }

  open(events: ConnectionEvents): void {
    this.#inner.open(events);
  }

  write(bytes: Uint8Array): boolean {
    return this.#inner.write(bytes);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  close(): void {
    this.#inner.close();
  }

  abort(reason?: unknown): void {
    this.#isAborted = true;
    this.#inner.abort(reason);
  }
}

// The other side of a connection, played by hand, frame by frame: for tests of what a peer does when the other side
// keeps to the protocol, and when it does not. It knows frames and a connection; it keeps no rules of its own, counts no
// credit and answers nothing by itself.

import { oneShot, type OneShot } from "../base/index.js";
import { type Connection } from "../transport/index.js";
import {
  FrameBuffer,
  FrameKind,
  troupeCbor,
  WIRE_LIMITS,
  wholeUpTo,
  type FrameHeader,
  type FrameReader,
  type WireFormat,
} from "../wire/index.js";

/** The header of a frame to write. What is left out is 0. */
export type RawHeader = Pick<FrameHeader, "kind"> & Partial<FrameHeader>;

/** A frame that came. */
export interface RawFrame extends Readonly<FrameHeader> {
  /** The undecoded payload, empty if there is none. */
  readonly payload: Uint8Array;
  /** The payload, decoded; undefined if there is none. */
  readonly value: unknown;
}

/** A service as a raw peer announces it: its messages in the order of their numbers. */
export interface RawService {
  readonly name: string;
  readonly messages: readonly (readonly [name: string, kind: string])[];
  /** 16 zeros unless given. */
  readonly fingerprint?: string;
}

/** What a hand-driven peer says of itself. */
export interface RawPeerOptions {
  readonly wireFormat?: WireFormat;
}

const FRAME_BYTES_MAX = 0xff_ffff;
const SIZES = wholeUpTo(FRAME_BYTES_MAX);

/** The fields of a hello that every peer accepts; `changes` replace some, and those that are undefined are left out. */
export function rawHello(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const hello = {
    protocol: "troupe",
    versions: [1],
    minor: 0,
    id: "0123456789abcdef0123456789abcdef",
    name: "raw",
    heartbeatMs: 5000,
    limits: {
      frameBytesMax: 1024 * 1024,
      callsMax: 1024,
      callBytesMax: 4 * 1024 * 1024,
      sendsMax: 1024,
      sendBytesMax: 4 * 1024 * 1024,
      watchesMax: 1024,
      streamsMax: 256,
      streamItems: 256,
      streamBytes: 128 * 1024,
      metadataBytesMax: 8192,
    },
    services: 0,
    ...changes,
  };
  return Object.fromEntries(Object.entries(hello).filter(([, value]) => value !== undefined));
}

/**
 * Speaks the protocol by hand.
 *
 * @example
 * const [near, far] = memoryPair();
 * const peer = new Peer(near, { services });
 * const raw = new RawPeer(far);
 * await raw.greet();
 * raw.write({ kind: FrameKind.call, id: 1, service: 0, message: 0, amount: 1000 }, { a: 1, b: 2 });
 * const { value } = await raw.next(FrameKind.reply);
 */
export class RawPeer {
  readonly #connection: Connection;
  readonly #format: WireFormat;
  readonly #reader: FrameReader;
  readonly #buffer = new FrameBuffer();
  readonly #frames: RawFrame[] = [];
  readonly #closing = oneShot<Error | undefined>();
  #arrival: OneShot<void> = oneShot();
  #hasEnded = false;
  #isClosed = false;

  /** Takes over an open connection. Nothing is said until `greet` or `write`. */
  constructor(connection: Connection, { wireFormat = troupeCbor }: RawPeerOptions = {}) {
    this.#connection = connection;
    this.#format = wireFormat;
    this.#reader = wireFormat.reader({ ...WIRE_LIMITS, frameBytesMax: FRAME_BYTES_MAX });
    connection.open({
      received: (bytes) => this.#received(bytes),
      drained: () => {},
      ended: () => {
        this.#hasEnded = true;
        this.#arrived();
      },
      closed: (error) => {
        this.#isClosed = true;
        this.#closing.resolve(error);
        this.#arrived();
      },
    });
  }

  /** Frames that have come and were not taken by `next`, oldest first. */
  get frames(): readonly RawFrame[] {
    return this.#frames;
  }

  /** Whether the other side has ended its half of the connection. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when the connection is no more: with the error, or undefined for an orderly end. */
  get closed(): Promise<Error | undefined> {
    return this.#closing.promise;
  }

  /** Takes the oldest frame, of `kind` if that is given; frames before it stay. Rejects if none comes any more. */
  async next(kind?: number): Promise<RawFrame> {
    for (;;) {
      const index = this.#frames.findIndex((frame) => kind === undefined || frame.kind === kind);
      if (index !== -1) return this.#frames.splice(index, 1)[0] as RawFrame;
      if (this.#hasEnded || this.#isClosed) throw new Error(`no frame of kind ${kind ?? "any"} came before the end`);
      await this.#arrival.promise;
    }
  }

  /** Takes all frames of `kind` that have come, without waiting. */
  take(kind: number): RawFrame[] {
    const taken = this.#frames.filter((frame) => frame.kind === kind);
    const kept = this.#frames.filter((frame) => frame.kind !== kind);
    this.#frames.splice(0, this.#frames.length, ...kept);
    return taken;
  }

  /** Says hello and announces services, in that order; then takes the other side's hello and returns its fields. */
  async greet(
    services: readonly RawService[] = [],
    changes: Readonly<Record<string, unknown>> = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    this.write({ kind: FrameKind.hello }, rawHello({ services: services.length, ...changes }));
    for (const [slot, service] of services.entries()) this.provide(slot, service);
    const { value } = await this.next(FrameKind.hello);
    return value as Readonly<Record<string, unknown>>;
  }

  /** Announces a service under a slot. */
  provide(slot: number, { name, messages, fingerprint = "0".repeat(16) }: RawService): void {
    this.write({ kind: FrameKind.provide, id: slot }, [name, fingerprint, messages]);
  }

  /** A value as bytes of the wire format, such as metadata. */
  encode(value: unknown): Uint8Array {
    return this.#format.encode(value);
  }

  /** Writes one frame. */
  write(header: RawHeader, payload?: unknown): void {
    this.#format.write(this.#buffer, whole(header), payload, SIZES);
    this.writeBytes(this.#buffer.take());
  }

  /** Writes one frame with an encoded payload, whatever that is. */
  forward(header: RawHeader, payload: Uint8Array): void {
    this.#format.forward(this.#buffer, whole(header), payload, SIZES);
    this.writeBytes(this.#buffer.take());
  }

  /** Writes bytes, which need not be frames. */
  writeBytes(bytes: Uint8Array): void {
    this.#connection.write(bytes);
  }

  /** Stops reading, so that the other side is slowed. */
  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  /** Ends its half of the connection, without a word. */
  end(): void {
    this.#connection.close();
  }

  abort(reason?: unknown): void {
    this.#connection.abort(reason);
  }

  #received(bytes: Uint8Array): void {
    this.#reader.push(bytes);
    while (this.#reader.next()) {
      const payload = this.#reader.copyPayload();
      const value = this.#reader.hasPayload ? this.#reader.value() : undefined;
      this.#frames.push({ ...this.#reader.frame, payload, value });
    }
    this.#arrived();
  }

  #arrived(): void {
    this.#arrival.resolve();
    this.#arrival = oneShot();
  }
}

function whole(header: RawHeader): FrameHeader {
  return { id: 0, service: 0, message: 0, amount: 0, ...header };
}

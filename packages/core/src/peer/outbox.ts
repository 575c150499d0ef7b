// Bytes on their way to the connection: frames are put together in a slab, and leave it in one write for each turn.
//
// A slab that the transport has let go of is filled again from its beginning, so that a busy connection writes from
// the same few kilobytes of warm memory. Between turns the slab goes back to a pool: an idle connection has none. How
// large a slab is follows what the connection lately wrote in a turn, since a program may speak on a thousand
// connections in one turn.

import type { Connection } from "../transport/index.js";
import { FrameWriter } from "../wire/index.js";

const SLAB_BYTES_MIN = 4 * 1024;
const SLAB_BYTES_MAX = 256 * 1024;
const SLAB_GROWTH = 4;
/** Leave early, so that the other side can begin while this one still produces. */
const EARLY_BYTES = 128 * 1024;
/** A quarter of what is in flight, but at least this many frames, leave early: see docs/decisions/0005-early-flush.md. */
const EARLY_FRAMES_MIN = 16;
/** How many bytes the pool keeps of each size. */
const SPARE_BYTES_MAX = 1024 * 1024;

interface Slab {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const spareSlabs = new Map<number, Slab[]>();

/** The writing end of a peer. It never waits: what the connection does not take is kept here, bounded by the caller. */
export class Outbox extends FrameWriter {
  readonly #connection: Connection;
  #slab: Slab | undefined;
  #slabBytes = SLAB_BYTES_MIN;
  /** The most that one slab has held since it was taken. */
  #filled = 0;
  #isBlocked = false;
  #frames = 0;
  /** Bytes handed to the connection so far. */
  #handedOver = 0;

  constructor(connection: Connection) {
    super();
    this.#connection = connection;
  }

  /** Bytes that the operating system has not taken yet. */
  get pendingBytes(): number {
    return this.end - this.start + this.#connection.buffered;
  }

  /**
   * Whether more may be written. A connection that takes what it is given has room, however much it buffers, and will
   * not say when that is gone; one that is behind will.
   */
  hasRoom(bytesMax: number): boolean {
    return !this.#isBlocked || this.pendingBytes < bytesMax;
  }

  /** Bytes that the operating system has taken so far: it grows as long as the other side reads. */
  get deliveredBytes(): number {
    return this.#handedOver - this.#connection.buffered;
  }

  /** To be called after each frame. The more messages are in flight, the more frames leave together. */
  frameWritten(inFlight: number): void {
    this.#frames++;
    if (this.#isBlocked) return;
    if (this.#frames >= Math.max(EARLY_FRAMES_MIN, inFlight >> 2) || this.end - this.start >= EARLY_BYTES) {
      this.flush();
    }
  }

  /** Writes what there is, unless the connection is behind. */
  flush(): void {
    if (this.#isBlocked || this.end === this.start) return;
    this.#handOver();
    this.#recycle();
  }

  /** Hands over what there is even if the connection is behind: nothing more will come. */
  flushAll(): void {
    if (this.end > this.start) this.#handOver();
  }

  /** To be called when the connection says so. */
  drained(): void {
    this.#isBlocked = false;
    if (this.end > this.start) this.flush();
    else this.#recycle();
  }

  /** To be called when the connection is no more: what was not written never will be. */
  close(): void {
    this.start = this.end;
    this.#recycle();
  }

  protected override makeRoom(count: number): void {
    if (this.#slab !== undefined) this.#slabBytes = Math.min(this.#slabBytes * SLAB_GROWTH, SLAB_BYTES_MAX);
    while (this.#slabBytes < count && this.#slabBytes < SLAB_BYTES_MAX) this.#slabBytes *= SLAB_GROWTH;
    if (this.end > this.start) this.#handOver();
    if (this.#slab !== undefined && this.#connection.buffered === 0) giveSlab(this.#slab);
    this.#slab = takeSlab(Math.max(count, this.#slabBytes));
    this.bytes = this.#slab.bytes;
    this.view = this.#slab.view;
    this.start = this.end = this.#filled = 0;
  }

  #handOver(): void {
    this.#handedOver += this.end - this.start;
    this.#frames = 0;
    this.#filled = Math.max(this.#filled, this.end);
    this.#isBlocked = !this.#connection.write(this.bytes.subarray(this.start, this.end));
    this.start = this.end;
  }

  /** Gives the slab back if nobody looks at it any more. */
  #recycle(): void {
    if (this.#connection.buffered > 0 || this.#slab === undefined) return;
    if (this.#filled * SLAB_GROWTH * 2 < this.#slabBytes) this.#slabBytes /= SLAB_GROWTH;
    giveSlab(this.#slab);
    this.#slab = undefined;
    this.#filled = 0;
    this.clear();
  }
}

function takeSlab(length: number): Slab {
  const spare = spareSlabs.get(length)?.pop();
  if (spare !== undefined) return spare;
  const bytes = new Uint8Array(length);
  return { bytes, view: new DataView(bytes.buffer) };
}

function giveSlab(slab: Slab): void {
  const { length } = slab.bytes;
  if (length > SLAB_BYTES_MAX) return;
  let spares = spareSlabs.get(length);
  if (spares === undefined) spareSlabs.set(length, (spares = []));
  if ((spares.length + 1) * length <= SPARE_BYTES_MAX) spares.push(slab);
}

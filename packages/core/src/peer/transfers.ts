// Frames that are too long to go whole, both halves. The sender cuts one into parts of at most 64 KiB, which take turns
// with everything else; the receiver puts them together, and has a frame like any other.
//
//   begin        [transfer] [bytes of the whole frame] first piece
//   part         [transfer] next piece
//   allow-parts  [transfer] [bytes]: so many more may be sent
//   part         [transfer]: the rest has come beside the stream
//   drop         [transfer]: the rest will not come
//
// Memory is taken as bytes arrive, never for what was only announced, and all frames under way together are no longer
// than the longest that is allowed.

import { Ring } from "../base/index.js";
import { FrameKind, PART_BYTES_MAX, WireError, type LongFrame } from "../wire/index.js";
import { isGivenAway } from "../transport/index.js";
import type { Bulk } from "./bulk-lane.js";
import { plain, type Channel } from "./channel.js";
import { creditInvalid } from "./error.js";
import { FlowAllowance, FlowWindow } from "./flow-window.js";

/** How many may be under way at once in one direction. */
export const TRANSFERS_MAX = 64;
/** The header of a `begin`, which is the longer one. */
const HEADER_BYTES = 12;
const FIRST_BYTES = 64 * 1024;
/** Parts are counted in bytes alone. */
const PARTS_MAX = 0xffff_ffff;

/** What becomes of a long frame; each is told one of these, once. */
export interface TransferEnd {
  /** Everything has been written. */
  written(): void;
  /** The connection ended before that. */
  lost(): void;
}

const NOTHING = new Uint8Array(0);

/** A long frame on its way out. */
export class OutgoingTransfer implements Bulk {
  readonly bytes: number;
  id = 0;
  end: TransferEnd | undefined;
  readonly frame: LongFrame;
  /** Whether whoever sends it has given its body away. */
  readonly isGiven: boolean;
  readonly #transfers: Transfers;
  #sent = 0;
  allowance: FlowAllowance | undefined;
  isWaiting = false;
  isOver = false;

  constructor(transfers: Transfers, frame: LongFrame) {
    this.#transfers = transfers;
    this.frame = frame;
    this.isGiven = isGivenAway(frame.body);
    this.bytes = frame.head.length + frame.body.length;
  }

  /** Gives it up. False if it is over already. */
  drop(): boolean {
    return this.#transfers.drop(this);
  }

  writeNext(): void {
    this.#transfers.writePart(this);
  }

  /** The next piece, of at most `bytesMax`; with the second true, it is the last. */
  next(bytesMax: number): { readonly piece: Uint8Array; readonly isFirst: boolean; readonly isLast: boolean } {
    const isFirst = this.#sent === 0;
    const piece = this.#slice(this.#sent, Math.min(this.bytes, this.#sent + bytesMax));
    this.#sent += piece.length;
    return { piece, isFirst, isLast: this.#sent === this.bytes };
  }

  #slice(from: number, to: number): Uint8Array {
    const { head, body } = this.frame;
    if (from >= head.length) return body.subarray(from - head.length, to - head.length);
    const piece = new Uint8Array(to - from);
    piece.set(head.subarray(from, to));
    if (to > head.length) piece.set(body.subarray(0, to - head.length), head.length - from);
    return piece;
  }
}

/** A long frame on its way in. */
class IncomingTransfer {
  readonly total: number;
  readonly window: FlowWindow;
  #bytes: Uint8Array;
  #length = 0;

  constructor(total: number, window: FlowWindow) {
    this.total = total;
    this.window = window;
    this.#bytes = new Uint8Array(Math.min(total, FIRST_BYTES));
  }

  /** What has come. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Returns the whole frame when this was its last piece. */
  add(piece: Uint8Array): Uint8Array | undefined {
    const length = this.#length + piece.length;
    if (length > this.total) throw new WireError("frame-malformed", "a part reaches beyond its frame");
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(this.total, Math.max(length, this.#bytes.length * 2)));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
    return length === this.total ? this.#bytes : undefined;
  }
}

export class Transfers {
  readonly #channel: Channel;
  readonly #outgoing = new Map<number, OutgoingTransfer>();
  /** Those that cannot begin yet, because others are under way. */
  readonly #queue = new Ring<OutgoingTransfer>();
  readonly #incoming = new Map<number, IncomingTransfer>();
  #lastId = 0;
  #outgoingBytes = 0;
  #queuedBytes = 0;
  #incomingBytes = 0;
  /** What came beside the stream, oldest first. */
  readonly #given = new Ring<Uint8Array>();

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Bytes of frames that are not written whole yet. */
  get bytesPending(): number {
    return this.#outgoingBytes + this.#queuedBytes;
  }

  /** Bytes of frames that cannot begin yet. */
  get bytesQueued(): number {
    return this.#queuedBytes;
  }

  /** Bytes of frames that have begun to arrive. */
  get bytesArriving(): number {
    return this.#incomingBytes;
  }

  /** Lets a long frame go in parts. Nothing is written before the next turn. */
  start(frame: LongFrame): OutgoingTransfer {
    const transfer = new OutgoingTransfer(this, frame);
    this.#queuedBytes += transfer.bytes;
    this.#queue.push(transfer);
    this.#beginNext();
    return transfer;
  }

  drop(transfer: OutgoingTransfer): boolean {
    if (transfer.isOver) return false;
    transfer.isOver = true;
    if (transfer.id === 0) {
      // It is skipped when its turn comes.
      this.#queuedBytes -= transfer.bytes;
      return true;
    }
    this.#channel.post(plain(FrameKind.drop, transfer.id));
    this.#forget(transfer);
    return true;
  }

  writePart(transfer: OutgoingTransfer): void {
    const { allowance } = transfer;
    if (transfer.isOver || allowance === undefined) return;
    if (!allowance.isOpen) {
      transfer.isWaiting = true;
      return;
    }
    if (transfer.isGiven && this.#channel.give !== undefined) return this.#give(transfer, this.#channel.give);
    const { frameBytesMax } = this.#channel.remoteLimits;
    const { piece, isFirst, isLast } = transfer.next(Math.min(PART_BYTES_MAX, frameBytesMax - HEADER_BYTES));
    const kind = isFirst ? FrameKind.begin : FrameKind.part;
    const amount = isFirst ? transfer.bytes : 0;
    allowance.spend(piece.length);
    this.#channel.forward({ ...plain(kind, transfer.id), amount }, piece);
    if (isLast) this.#written(transfer);
    else this.#channel.bulk.join(transfer);
  }

  /** The body changes hands, and only its head is written. */
  #give(transfer: OutgoingTransfer, give: (bytes: Uint8Array) => void): void {
    const { head, body } = transfer.frame;
    this.#channel.forward({ ...plain(FrameKind.begin, transfer.id), amount: transfer.bytes }, head);
    give(body);
    this.#channel.forward(plain(FrameKind.part, transfer.id), NOTHING);
    this.#written(transfer);
  }

  #written(transfer: OutgoingTransfer): void {
    transfer.isOver = true;
    this.#forget(transfer);
    transfer.end?.written();
  }

  /** Bytes have come beside the stream: the part that they are is still to come. */
  given(bytes: Uint8Array): void {
    this.#given.push(bytes);
    if (this.#given.length > TRANSFERS_MAX) this.#channel.fault(new WireError("frame-malformed", "too much was given"));
  }

  /** An allow-parts frame: [transfer] [bytes]. One that is about a transfer that is over has crossed its end. */
  allowed(id: number, bytes: number): void {
    const transfer = this.#outgoing.get(id);
    if (transfer?.allowance === undefined) return;
    if (!transfer.allowance.refill(0, bytes)) {
      return this.#channel.fault(creditInvalid());
    }
    if (!transfer.isWaiting || !transfer.allowance.isOpen) return;
    transfer.isWaiting = false;
    this.#channel.bulk.join(transfer);
  }

  /** A begin frame: [transfer] [bytes] first piece. */
  begun(id: number, total: number, piece: Uint8Array): void {
    const { limits, clock, roundTrip } = this.#channel;
    const isFull = this.#incoming.size >= TRANSFERS_MAX || this.#incomingBytes + total > limits.messageBytesMax;
    if (total > limits.messageBytesMax) {
      throw new WireError(
        "frame-too-long",
        `a message of ${total} bytes is over the limit of ${limits.messageBytesMax}`,
      );
    }
    if (this.#incoming.has(id) || (isFull && this.#incoming.size > 0)) {
      throw new WireError("frame-malformed", `transfer ${id} begins twice, or is one too many`);
    }
    const { streamBytes, streamBytesMax } = limits;
    const window = new FlowWindow({ items: Infinity, bytes: streamBytes, bytesMax: streamBytesMax }, clock.now());
    roundTrip.measure();
    this.#incoming.set(id, new IncomingTransfer(total, window));
    this.#incomingBytes += total;
    if (piece.length > 0) this.arrived(id, piece);
  }

  /** A part frame: [transfer] next piece. The last one makes the whole frame the one at hand. */
  arrived(id: number, piece: Uint8Array): void {
    const { clock, roundTrip, reader } = this.#channel;
    const transfer = this.#incoming.get(id);
    if (transfer === undefined) throw new WireError("frame-malformed", `transfer ${id} has not begun`);
    if (!transfer.window.take(piece.length)) {
      throw new WireError("credit-exceeded", "more parts came than were allowed");
    }
    if (piece.length === 0) return this.#besides(id, transfer);
    const bytes = transfer.add(piece);
    if (bytes !== undefined) {
      this.#over(id, transfer);
      reader.assembled(bytes);
      return this.#channel.handle();
    }
    if (!transfer.window.consumed(piece.length)) return;
    const grant = transfer.window.grant(clock.now(), roundTrip.ms);
    this.#channel.post({ ...plain(FrameKind.allowParts, id), amount: grant.bytes });
  }

  /** The rest of a frame is what came beside the stream. */
  #besides(id: number, transfer: IncomingTransfer): void {
    const body = this.#given.shift() ?? NOTHING;
    if (body.length === 0 || transfer.bytes.length + body.length !== transfer.total) {
      throw new WireError("frame-malformed", "a part has no bytes that fit");
    }
    this.#over(id, transfer);
    this.#channel.reader.assembledBeside(transfer.bytes, body);
    this.#channel.handle();
  }

  /** A drop frame: [transfer]. */
  dropped(id: number): void {
    const transfer = this.#incoming.get(id);
    if (transfer === undefined) throw new WireError("frame-malformed", `transfer ${id} has not begun`);
    this.#over(id, transfer);
  }

  #over(id: number, transfer: IncomingTransfer): void {
    this.#incoming.delete(id);
    this.#incomingBytes -= transfer.total;
  }

  /** Nothing is written or read any more. */
  close(): void {
    const left = [...this.#outgoing.values(), ...this.#queue.clear()].filter(({ isOver }) => !isOver);
    this.#outgoing.clear();
    this.#incoming.clear();
    this.#given.clear();
    this.#outgoingBytes = this.#queuedBytes = this.#incomingBytes = 0;
    for (const transfer of left) {
      transfer.isOver = true;
      transfer.end?.lost();
    }
  }

  #forget(transfer: OutgoingTransfer): void {
    this.#outgoing.delete(transfer.id);
    this.#outgoingBytes -= transfer.bytes;
    this.#beginNext();
    this.#channel.roomGrown();
  }

  #beginNext(): void {
    const { messageBytesMax, streamBytes } = this.#channel.remoteLimits;
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      const isFull = this.#outgoing.size >= TRANSFERS_MAX || this.#outgoingBytes + next.bytes > messageBytesMax;
      if (!next.isOver && isFull && this.#outgoing.size > 0) return;
      this.#queue.shift();
      if (next.isOver) continue;
      this.#queuedBytes -= next.bytes;
      this.#outgoingBytes += next.bytes;
      do this.#lastId = (this.#lastId + 1) >>> 0;
      while (this.#lastId === 0 || this.#outgoing.has(this.#lastId));
      next.id = this.#lastId;
      next.allowance = new FlowAllowance(PARTS_MAX, streamBytes);
      this.#outgoing.set(next.id, next);
      this.#channel.bulk.join(next);
    }
  }
}

// Where outgoing frames are put together: one contiguous buffer after another. What happens to the bytes is the
// business of whoever implements `makeRoom`.

/** A buffer to append frames to. */
export abstract class FrameWriter {
  /** The buffer. Only `[start, end)` holds something. */
  bytes: Uint8Array = EMPTY;
  view: DataView = EMPTY_VIEW;
  /** Where the frames begin that have not been passed on yet. */
  start = 0;
  /** Where the next frame goes. */
  end = 0;

  /** Makes sure that `count` bytes fit behind `end`; it may replace the buffer, passing on or moving what it held. */
  reserve(count: number): void {
    if (this.bytes.length - this.end < count) this.makeRoom(count);
  }

  /** Lets go of the buffer. */
  protected clear(): void {
    this.bytes = EMPTY;
    this.view = EMPTY_VIEW;
    this.start = this.end = 0;
  }

  protected abstract makeRoom(count: number): void;
}

/** A writer that keeps all frames in one growing buffer: for tests, and to encode one frame apart from a connection. */
export class FrameBuffer extends FrameWriter {
  protected override makeRoom(count: number): void {
    const grown = new Uint8Array(Math.max(256, this.bytes.length * 2, this.end + count));
    grown.set(this.bytes.subarray(0, this.end));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  /** Returns the frames and empties the buffer. */
  take(): Uint8Array {
    const taken = this.bytes.slice(this.start, this.end);
    this.start = this.end = 0;
    return taken;
  }
}

const EMPTY = new Uint8Array(0);
const EMPTY_VIEW = new DataView(EMPTY.buffer);

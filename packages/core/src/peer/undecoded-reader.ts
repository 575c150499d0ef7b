// What a relay reads payloads with: it takes them as they are.

import { Encoded, type FrameReader } from "../wire/index.js";
import type { PayloadReader } from "./incoming-flow.js";

/** Payloads of the frames at hand, each in memory of its own. */
export class UndecodedReader implements PayloadReader {
  readonly #reader: FrameReader;

  constructor(reader: FrameReader) {
    this.#reader = reader;
  }

  get frameBytes(): number {
    return this.#reader.frameBytes;
  }

  copyPayload(): Uint8Array {
    return this.#reader.copyPayload();
  }

  value(): Encoded {
    return new Encoded(this.#reader.copyPayload());
  }

  decode(payload: Uint8Array): Encoded {
    return new Encoded(payload);
  }
}

// A payload that is encoded already: what a relay passes on. A wire format writes it as it is.

/** The bytes of a payload, in memory of its own. */
export class Encoded {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

// The credit for sends, which get no answer that could give it back: what the other side may still send, in messages
// and bytes. It counts down on both sides as sends leave and arrive, and the receiver gives it back, a quarter of the
// window at a time, as they have been handled, so that a slow handler slows the sender. Pure.

/** The sender's half. */
export class SendAllowance {
  #messagesMax = 0;
  #bytesMax = 0;
  #messagesLeft = 0;
  #bytesLeft = 0;

  /** The other side has said what it takes. */
  open(messagesMax: number, bytesMax: number): void {
    this.#messagesMax = this.#messagesLeft = messagesMax;
    this.#bytesMax = this.#bytesLeft = bytesMax;
  }

  /** Whether one more may be sent; the last one may overdraw the bytes. */
  get isOpen(): boolean {
    return this.#messagesLeft > 0 && this.#bytesLeft > 0;
  }

  /** Sends that the other side has not given back. */
  get used(): number {
    return this.#messagesMax - this.#messagesLeft;
  }

  spend(bytes: number): void {
    this.#messagesLeft--;
    this.#bytesLeft -= bytes;
  }

  /** Returns false if more came back than was spent. */
  refill(messages: number, bytes: number): boolean {
    this.#messagesLeft += messages;
    this.#bytesLeft += bytes;
    return this.#messagesLeft <= this.#messagesMax && this.#bytesLeft <= this.#bytesMax;
  }
}

/** The receiver's half. */
export class SendWindow {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  #messagesLeft: number;
  #bytesLeft: number;
  #messagesOwed = 0;
  #bytesOwed = 0;

  constructor(messagesMax: number, bytesMax: number) {
    this.#messagesMax = this.#messagesLeft = messagesMax;
    this.#bytesMax = this.#bytesLeft = bytesMax;
  }

  /** A send has arrived; false if it was not covered. */
  take(bytes: number): boolean {
    if (this.#messagesLeft <= 0 || this.#bytesLeft <= 0) return false;
    this.#messagesLeft--;
    this.#bytesLeft -= bytes;
    return true;
  }

  /** A send has been handled; true when it is time to tell the other side. */
  handled(bytes: number): boolean {
    this.#messagesOwed++;
    this.#bytesOwed += bytes;
    return this.#messagesOwed * 4 >= this.#messagesMax || this.#bytesOwed * 4 >= this.#bytesMax;
  }

  /** What the other side is to be told. */
  giveBack(): { readonly messages: number; readonly bytes: number } {
    const given = { messages: this.#messagesOwed, bytes: this.#bytesOwed };
    this.#messagesLeft += given.messages;
    this.#bytesLeft += given.bytes;
    this.#messagesOwed = this.#bytesOwed = 0;
    return given;
  }
}

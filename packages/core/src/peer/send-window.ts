// What the other side may still send without an answer, in messages and bytes. It counts down as sends arrive, and is
// given back a quarter at a time as they have been handled, so that a slow handler slows the sender.

/** The receiver's half of the credit for sends. Pure. */
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

  /** A send has arrived; false if it was not covered. The last one may overdraw the bytes. */
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

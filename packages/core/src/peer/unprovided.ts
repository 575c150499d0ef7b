// The incoming half of a peer that provides nothing: whatever is asked of it is refused, and credit goes back.

import { FrameKind } from "../wire/index.js";
import { plain, type Channel } from "./channel.js";
import { idTaken, sendsExceeded } from "./error.js";
import type { Providing, ProvidingParts } from "./providing.js";

export class Unprovided implements Providing {
  readonly size = 0;
  readonly isIdle = true;
  readonly running = 0;
  readonly abandonedCount = 0;
  readonly #channel: Channel;
  readonly #parts: ProvidingParts;

  constructor(channel: Channel, parts: ProvidingParts) {
    this.#channel = channel;
    this.#parts = parts;
  }

  // A map makes a provider: see `Session.provide`.
  provide(): void {}

  withdraw(): boolean {
    return false;
  }

  announceAll(): void {}

  requested(): void {
    const { id } = this.#channel.reader.frame;
    if (id === 0) this.#channel.fault(idTaken(id));
    else this.#refuse(id);
  }

  sent(): void {
    const { reader } = this.#channel;
    const { sendWindow } = this.#parts;
    if (!sendWindow.take(reader.frameBytes)) return this.#channel.fault(sendsExceeded());
    if (sendWindow.handled(reader.frameBytes)) {
      const given = sendWindow.giveBack();
      this.#channel.post({ ...plain(FrameKind.credit, given.messages), amount: given.bytes });
    }
    this.#refuse(0);
  }

  inputReceived(): void {}

  inputsEnded(): void {}

  outputsAllowed(): void {}

  cancelled(): void {}

  watched(id: number): void {
    if (id === 0) this.#channel.fault(idTaken(id));
    else this.#parts.freeFrames.post(FrameKind.reply, id, "unknown-service");
  }

  drained(): void {}

  close(): void {}

  abortAll(_reason: unknown, isLost: boolean): void {
    if (isLost) this.#parts.freeFrames.close();
  }

  #refuse(id: number): void {
    this.#parts.freeFrames.refuse(id, "unknown-service", "there is no such service");
  }
}

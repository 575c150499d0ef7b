// The switch over the kinds of frames, once the greeting is complete: which half does what each one says.
// docs/reference/protocol.md has the frames in full.

import { FrameKind, WireError, type FrameHeader } from "../wire/index.js";
import { parseAnnouncement } from "./announcement.js";
import type { Caller } from "./caller.js";
import { plain, type Channel } from "./channel.js";
import type { Ending } from "./ending.js";
import { PeerError } from "./error.js";
import type { Greeting } from "./greeting.js";
import { PROTOCOL_MINOR } from "./hello.js";
import type { Providing } from "./providing.js";
import type { RemoteServices } from "./remote.js";

/** The parts of a session that frames are for. */
export interface DispatchParts {
  readonly channel: Channel;
  readonly caller: Caller;
  /** The one of the moment. */
  readonly provider: () => Providing;
  readonly services: RemoteServices;
  readonly greeting: Greeting;
  readonly ending: Ending;
}

export class Dispatch {
  readonly #parts: DispatchParts;
  /** Frames of kinds that only newer versions know. */
  framesIgnored = 0;
  /** The first ping of a turn is answered at once, and of the others the last one at its end. */
  #hasPonged = false;
  #pongOwed: number | undefined;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
  }

  endTurn(): void {
    if (this.#pongOwed !== undefined) this.#parts.channel.post(plain(FrameKind.pong, this.#pongOwed));
    this.#pongOwed = undefined;
    this.#hasPonged = false;
  }

  /** Does what the frame at hand says. */
  handle(frame: Readonly<FrameHeader>): void {
    switch (frame.kind) {
      case FrameKind.call: // [ConnID] [slot] [message] [ms left] input
        return this.#parts.provider().requested("call");
      case FrameKind.reply: // [ConnID] result
        return this.#parts.caller.replied(frame.id);
      case FrameKind.send: // [slot] [message] input
        return this.#parts.provider().sent();
      case FrameKind.error: // [ConnID] [code, message, data?]
        return this.#parts.caller.failed(frame.id);
      case FrameKind.refuse: // [ConnID, or 0 for a send] [code, message]
        return this.#parts.caller.refused(frame.id);
      case FrameKind.cancel: // [ConnID]
        return this.#parts.provider().cancelled(frame.id);
      case FrameKind.credit: // [messages] [bytes]
        return this.#parts.caller.sends.credited(frame.id, frame.amount);
      case FrameKind.ping: // [token]
        return this.#pinged(frame.id);
      case FrameKind.pong: // [token]
        return this.#parts.channel.roundTrip.ponged(frame.id);
      case FrameKind.stream: // [ConnID] [slot] [message] [ms left, or 0] input
        return this.#parts.provider().requested("stream");
      case FrameKind.item: // [ConnID] output
        return this.#parts.caller.itemReceived(frame.id);
      case FrameKind.input: // [ConnID] input
        return this.#parts.provider().inputReceived(frame.id);
      case FrameKind.inputsEnd: // [ConnID]
        return this.#parts.provider().inputsEnded(frame.id);
      case FrameKind.inputsStop: // [ConnID]
        return this.#parts.caller.inputsStopped(frame.id);
      case FrameKind.allow: // [ConnID] [0] [items] [bytes]
        return this.#parts.provider().outputsAllowed(frame.id, frame.message, frame.amount);
      case FrameKind.allowInputs: // [ConnID] [0] [items] [bytes]
        return this.#parts.caller.inputsAllowed(frame.id, frame.message, frame.amount);
      case FrameKind.begin: // [transfer] [bytes of the frame] first piece
        return this.#parts.channel.transfers.begun(frame.id, frame.amount, this.#parts.channel.reader.payload());
      case FrameKind.part: // [transfer] next piece
        return this.#parts.channel.transfers.arrived(frame.id, this.#parts.channel.reader.payload());
      case FrameKind.allowParts: // [transfer] [bytes]
        return this.#parts.channel.transfers.allowed(frame.id, frame.amount);
      case FrameKind.drop: // [transfer]
        return this.#parts.channel.transfers.dropped(frame.id);
      case FrameKind.watch: // [ConnID] [slot]
        return this.#parts.provider().watched(frame.id, frame.service);
      case FrameKind.provide: // [slot] [name, fingerprint, messages]
        return this.#provided(frame.id);
      case FrameKind.withdraw: // [slot]
        return this.#withdrawn(frame.id);
      case FrameKind.goodbye: // [code, message]
        return this.#parts.ending.goodbye(this.#parts.channel.reader.value());
      case FrameKind.hello:
        throw new WireError("hello-invalid", "a second hello");
      default:
        return this.#unknown(frame.kind);
    }
  }

  #pinged(token: number): void {
    if (this.#hasPonged) this.#pongOwed = token;
    else this.#parts.channel.post(plain(FrameKind.pong, token));
    this.#hasPonged = true;
  }

  #provided(slot: number): void {
    const service = this.#parts.services.provide(slot, parseAnnouncement(this.#parts.channel.reader.value()));
    this.#parts.channel.emit({ type: "provided", service: service.name });
  }

  #withdrawn(slot: number): void {
    const service = this.#parts.services.withdraw(slot);
    if (service === undefined) throw new PeerError("announcement-invalid", `nothing was provided under slot ${slot}`);
    this.#parts.caller.withdrawn(service);
    this.#parts.channel.emit({ type: "withdrawn", service: service.name });
  }

  /** A kind that this version does not know is ignored from a newer one, and nonsense from an equal one. */
  #unknown(kind: number): void {
    if ((this.#parts.greeting.hello?.minor ?? 0) <= PROTOCOL_MINOR)
      throw new PeerError("frame-unknown", `there are no frames of kind ${kind}`);
    this.framesIgnored++;
  }
}

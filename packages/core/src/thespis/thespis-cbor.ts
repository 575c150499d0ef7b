// The wire format of Rust's thespis_remote: programs written with that are peers like any other, as far as it carries.
// Neither side greets, gives credit or shows signs of life; reader and writer stand in for what the other one leaves
// unsaid. docs/reference/protocol.md, "The format of thespis_remote", has the bytes.

import type { AnyService } from "../actor/index.js";
import {
  WIRE_LIMITS,
  type WireLimits,
  FrameKind,
  WireError,
  Encoded,
  type FrameHeader,
  type FrameSizes,
  type FrameWriter,
  type WireFormat,
} from "../wire/index.js";
import { announcementPayload, parseAnnouncement, type Announcement } from "../peer/index.js";
import { failureOf, wireFailure } from "./connection-error.js";
import { encodeRust, decodeRust } from "./rust-cbor.js";
import { ERROR_ID, RESPONSE_ID } from "./service-id.js";
import { ThespisCalls } from "./thespis-calls.js";
import { writeThespisFrame } from "./thespis-frames.js";
import { ThespisReader, type ThespisLimits } from "./thespis-reader.js";
import { ThespisRoutes, type RemoteRoute } from "./thespis-routes.js";
import { UnroutedIds, unroutedReader } from "./unrouted.js";

/** One connection's. */
class ThespisConnection implements WireFormat {
  readonly name: string = thespisCbor.name;
  readonly isTerse = true;
  readonly #routes = new ThespisRoutes();
  readonly #calls = new ThespisCalls();
  #reader: ThespisReader | undefined;

  reader(limits: ThespisLimits): ThespisReader {
    return (this.#reader = new ThespisReader(limits, this.#routes, this.#calls));
  }

  encode(value: unknown, bytesMax: number = Infinity): Uint8Array {
    return encoded(value, undefined, bytesMax);
  }

  provided(slot: number, service: AnyService): void {
    this.#routes.provide(slot, service);
  }

  assumed(service: AnyService, services: { provide(slot: number, announcement: Announcement): void }): void {
    services.provide(this.#routes.assume(service), parseAnnouncement(announcementPayload(service)));
  }

  write(writer: FrameWriter, header: FrameHeader, payload: unknown, sizes: FrameSizes): number {
    const { kind, id } = header;
    switch (kind) {
      case FrameKind.call: // [service id] [ConnID] input
      case FrameKind.send: // [service id] [0] input
        return this.#ask(writer, header, payload, sizes);
      case FrameKind.reply: // [all ones] [ConnID] result
        return this.#answer(writer, id, payload, sizes);
      case FrameKind.error: // [0] [ConnID] ConnectionError
      case FrameKind.refuse:
        return this.#fail(writer, id, payload as readonly [string], sizes);
      case FrameKind.goodbye: // [0] [0] ConnectionError, unless all is well
        return this.#leave(writer, payload as readonly [string, string], sizes);
      case FrameKind.hello:
        if (this.#reader !== undefined) this.#reader.isOpen = true;
        return 0;
      case FrameKind.withdraw:
        this.#routes.withdraw(id);
        return 0;
      case FrameKind.credit:
        this.#reader?.sends.refill(id, header.amount);
        return 0;
      case FrameKind.cancel:
        this.#forget(id);
        return 0;
      case FrameKind.stream:
        throw unsupported("streams");
      default:
        // It is said to nobody: the other side knows no such thing.
        return 0;
    }
  }

  forward(writer: FrameWriter, header: FrameHeader, payload: Uint8Array, sizes: FrameSizes): number {
    return this.write(writer, header, new Encoded(payload), sizes);
  }

  #ask(writer: FrameWriter, header: FrameHeader, payload: unknown, sizes: FrameSizes): number {
    const { kind, id, service, message, hasInputs = false, metadata } = header;
    const route = this.#routes.remote(service, message);
    if (hasInputs) throw unsupported("streams of inputs");
    if (metadata !== undefined) throw unsupported("metadata");
    const bytes = encoded(payload, route?.input, sizes.messageBytesMax);
    const written = writeThespisFrame(writer, idOf(route), BigInt(id), bytes, sizes);
    if (kind === FrameKind.call) this.#calls.called(id, route?.output);
    else this.#reader?.standIn.sent(written);
    return written;
  }

  #answer(writer: FrameWriter, id: number, payload: unknown, sizes: FrameSizes): number {
    const call = this.#calls.incoming(id);
    if (call === undefined) return 0;
    const written = call.isSilent
      ? 0
      : writeThespisFrame(
          writer,
          RESPONSE_ID,
          call.connId ?? 0n,
          encoded(payload, call.output, sizes.messageBytesMax),
          sizes,
        );
    this.#calls.answered(id);
    return written;
  }

  #fail(writer: FrameWriter, id: number, [code]: readonly [string], sizes: FrameSizes): number {
    const call = this.#calls.incoming(id);
    if (call === undefined) return 0;
    this.#calls.answered(id);
    if (call.isSilent) return 0;
    return writeThespisFrame(writer, ERROR_ID, call.connId ?? 0n, failureOf(code, call, call.isSendAlone), sizes);
  }

  /** This side has given a call up, which the other side may never answer: it counts as answered. */
  #forget(id: number): void {
    if (this.#calls.settled(id)) this.#reader?.standIn.say(FrameKind.error, id, ["cancelled", ""]);
  }

  #leave(writer: FrameWriter, [code, message]: readonly [string, string], sizes: FrameSizes): number {
    if (code === "closed") return 0;
    return writeThespisFrame(writer, ERROR_ID, 0n, wireFailure(`${code}: ${message}`), sizes);
  }
}

function idOf(route: RemoteRoute | undefined): bigint {
  if (route?.serviceId !== undefined) return route.serviceId;
  throw new WireError("thespis-unmapped", "the contract does not say which type of thespis_remote this message is");
}

/**
 * The wire format of thespis_remote, for `wireFormat` of `connect`, `listen` and `link`, on a port of its own. Messages say
 * which type they are: `call<number, void>({ thespis: { namespace: "remotes", type: "Add" } })`. What is addressed is
 * taken to be there, since nobody says; streams, metadata and watches are refused to the caller.
 */
export const thespisCbor: WireFormat = Object.freeze<WireFormat>({
  name: "thespis-cbor",
  isTerse: true,
  forConnection: () => new ThespisConnection(),
  reader: unroutedReader,
  encode: (value, bytesMax = Infinity) => encoded(value, undefined, bytesMax),
  write: writeUnrouted,
  forward: (writer, header, payload, sizes) => writeUnrouted(writer, header, new Encoded(payload), sizes),
});

/** Apart from any connection: calls, sends and replies, whose slots and messages are a service id. */
function writeUnrouted(writer: FrameWriter, header: FrameHeader, payload: unknown, sizes: FrameSizes): number {
  const { kind, id, service, message } = header;
  const isReply = kind === FrameKind.reply;
  if (!isReply && kind !== FrameKind.call && kind !== FrameKind.send) throw unsupported(`frames of kind ${kind}`);
  const serviceId = isReply ? RESPONSE_ID : idOf(UNROUTED.remote(service, message));
  return writeThespisFrame(writer, serviceId, BigInt(id), encoded(payload, undefined, sizes.messageBytesMax), sizes);
}

const UNROUTED = new UnroutedIds();
const OWN_LIMITS: WireLimits = { ...WIRE_LIMITS, itemsMax: Infinity, containerMax: Infinity, keyBytesMax: Infinity };

/** The bytes of a payload, also of one that was encoded before its type was known. */
function encoded(payload: unknown, type: Parameters<typeof encodeRust>[1], bytesMax: number): Uint8Array {
  if (!(payload instanceof Encoded)) return within(encodeRust(payload, type), bytesMax);
  if (type === undefined || type === "any") return payload.bytes;
  return encodeRust(decodeRust(payload.bytes, type, OWN_LIMITS), type);
}

function within(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (bytes.length <= bytesMax) return bytes;
  throw new WireError("payload-too-long", `this value is longer than ${bytesMax} bytes`);
}

function unsupported(what: string): WireError {
  return new WireError("format-unsupported", `the format of thespis_remote does not carry ${what}`);
}

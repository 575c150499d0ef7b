// What the other side has said of its services: their versions and messages. A peer keeps that to itself, because programs
// bring contracts; a command line has none, so it listens to the announcements as they are decoded.

import { FrameKind, troupeCbor, type FrameReader, type WireFormat, type WireLimits } from "@troupe/core";

/** A message as it was announced. */
export interface AnnouncedMessage {
  readonly name: string;
  /** `call`, `send`, `stream`, or what a newer version of the protocol has. */
  readonly kind: string;
}

/** A service as it was announced. */
export interface AnnouncedService {
  readonly version: number;
  readonly messages: readonly AnnouncedMessage[];
}

/** The announcements of one connection: made with `format`. */
export class Announcements {
  readonly #byName = new Map<string, AnnouncedService>();

  /** The format to connect with: the native one, listened to. */
  readonly format: WireFormat = {
    name: troupeCbor.name,
    reader: (limits) => this.#reader(limits),
    encode: (value, bytesMax) => troupeCbor.encode(value, bytesMax),
    write: (writer, header, payload, sizes) => troupeCbor.write(writer, header, payload, sizes),
    forward: (writer, header, payload, sizes) => troupeCbor.forward(writer, header, payload, sizes),
  };

  /** What was said of a service; undefined if nothing was. */
  of(service: string): AnnouncedService | undefined {
    return this.#byName.get(service);
  }

  #reader(limits: WireLimits): FrameReader {
    const reader = troupeCbor.reader(limits);
    const value = reader.value.bind(reader);
    reader.value = () => {
      const payload = value();
      if (reader.frame.kind === FrameKind.provide) this.#announced(payload);
      return payload;
    };
    return reader;
  }

  /** [name, fingerprint, [[message, kind, …], …], version]; the peer refuses what is anything else. */
  #announced(payload: unknown): void {
    if (!Array.isArray(payload)) return;
    const [name, , messages, version = 0] = payload as unknown[];
    if (typeof name !== "string" || !Array.isArray(messages)) return;
    this.#byName.set(name, {
      version: typeof version === "number" ? version : 0,
      messages: messages.filter(Array.isArray).map(([each, kind]) => ({ name: String(each), kind: String(kind) })),
    });
  }
}

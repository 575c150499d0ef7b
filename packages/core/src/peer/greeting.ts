// The greeting as it comes in: a hello, and then as many announcements as it says. Pure but for the table of services.

import { FrameKind, type FrameReader } from "../wire/index.js";
import { parseAnnouncement } from "./announcement.js";
import { PeerError } from "./error.js";
import { parseHello, type Hello } from "./hello.js";
import type { RemoteServices } from "./remote.js";

/** The other side's part of a greeting. */
export class Greeting {
  readonly #services: RemoteServices;
  readonly #servicesMax: number;
  #servicesAwaited = 0;
  hello: Hello | undefined;

  constructor(services: RemoteServices, servicesMax: number) {
    this.#services = services;
    this.#servicesMax = servicesMax;
  }

  /**
   * Takes the frame at hand; returns whether the greeting is complete.
   *
   * @throws PeerError `hello-expected`, `version-mismatch`; WireError `hello-invalid`, `announcement-invalid`.
   */
  take(reader: FrameReader): boolean {
    const { kind, id } = reader.frame;
    if (this.hello === undefined) {
      if (kind !== FrameKind.hello) throw new PeerError("hello-expected", `the first frame is of kind ${kind}`);
      this.hello = parseHello(reader.value(), this.#servicesMax);
      this.#servicesAwaited = this.hello.services;
    } else {
      if (kind !== FrameKind.provide) {
        throw new PeerError("hello-expected", `a frame of kind ${kind} interrupts the greeting`);
      }
      this.#services.provide(id, parseAnnouncement(reader.value()));
      this.#servicesAwaited--;
    }
    return this.#servicesAwaited === 0;
  }
}

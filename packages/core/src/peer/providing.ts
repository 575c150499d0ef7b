// The incoming half of a peer, as its session sees it. There are two: `Provider`, which a service map brings along, and
// `Unprovided`, for a peer that has none, so that a program that only calls others need not load what it takes to be called.

import type { AnyService } from "../actor/index.js";
import type { PeerError } from "./error.js";
import type { FreeFrames } from "./free-frames.js";
import type { SendWindow } from "./send-window.js";
import type { ServiceMap } from "./service-map.js";

/** What the other side may do, and what it did. Each method for a frame is about the one at hand. */
export interface Providing {
  /** How many services are provided. */
  readonly size: number;
  /** Whether nothing of the other side's is being handled. */
  readonly isIdle: boolean;
  readonly running: number;
  /** Handlers that run on after they were given up. */
  readonly abandonedCount: number;

  provide(services: ServiceMap): void;
  withdraw(service: AnyService): boolean;
  /** The hello is said: announces what is provided, and from now on every change. */
  announceAll(): void;

  requested(kind: "call" | "stream"): void;
  sent(): void;
  inputReceived(id: number): void;
  inputsEnded(id: number): void;
  outputsAllowed(id: number, items: number, bytes: number): void;
  cancelled(id: number): void;
  watched(id: number, slot: number): void;

  /** There is room for answers again. */
  drained(): void;
  /** Takes no more, and refuses what has not begun. */
  close(): void;
  /** The time for running tasks is up, or the connection is gone. */
  abortAll(reason: PeerError, isLost: boolean): void;
}

/** What the two have in common, and one takes over from the other. */
export interface ProvidingParts {
  readonly freeFrames: FreeFrames;
  readonly sendWindow: SendWindow;
}

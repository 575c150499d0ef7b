// What there is to post messages to: a `MessagePort`, a `Worker`, the scope of one, in browsers and on Node, which name
// their methods differently. Nothing else here depends on which it is.

/** A port of the platform, of whichever kind. */
export interface PostTarget {
  postMessage(message: unknown, transfer?: never): void;
  addEventListener?(type: string, listener: never): void;
  removeEventListener?(type: string, listener: never): void;
  on?(event: string, listener: never): unknown;
  off?(event: string, listener: never): unknown;
  start?(): void;
  close?(): void;
  ref?(): void;
  unref?(): void;
}

/** What a port tells. */
export interface PortEvents {
  message(data: unknown): void;
  /** Something was posted that cannot be read here. */
  unreadable(): void;
  /** The other end is gone, where the platform says so: the worker has crashed, or was ended. */
  gone(cause: unknown): void;
}

/** Listens to a port until the returned function is called. */
export function listenTo(target: PostTarget, events: PortEvents): () => void {
  const listeners: Record<string, (argument: unknown) => void> =
    target.on === undefined
      ? {
          message: (event) => events.message((event as { data: unknown }).data),
          messageerror: () => events.unreadable(),
          // A worker's uncaught error. It may live on, but what it was asked will not be answered.
          error: (event) => events.gone((event as { message?: unknown }).message ?? event),
          close: () => events.gone(undefined),
        }
      : {
          message: (data) => events.message(data),
          messageerror: () => events.unreadable(),
          error: (error) => events.gone(error),
          exit: (code) => events.gone(new Error(`it has exited with code ${String(code)}`)),
          close: () => events.gone(undefined),
        };
  for (const [name, listener] of Object.entries(listeners)) {
    if (target.on === undefined) target.addEventListener?.(name, listener as never);
    else target.on(name, listener as never);
  }
  // A port does not begin by itself where listeners are added this way.
  target.start?.();
  return () => {
    for (const [name, listener] of Object.entries(listeners)) {
      if (target.on === undefined) target.removeEventListener?.(name, listener as never);
      else target.off?.(name, listener as never);
    }
  };
}

/** Posts a message with what is given away together with it. */
export function post(target: PostTarget, message: unknown, transfer: readonly unknown[] = []): void {
  target.postMessage(message, transfer as never);
}

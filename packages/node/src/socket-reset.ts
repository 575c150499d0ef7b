// Ends a socket so that the other side cannot take it for an orderly end.

import type { Socket } from "node:net";

/** Resets a socket, now or as soon as it can be. */
export function resetSocket(socket: Socket): void {
  whenNotEnding(socket, () => socket.resetAndDestroy());
}

/**
 * Calls back, now or in a turn of the event loop or so, when a socket's end is not on its way to the system any more. Meanwhile libuv
 * refuses to reset it (EINVAL), and Node would leave it open for ever.
 */
export function whenNotEnding(socket: Socket, reset: () => void): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isEnding) socket.once("finish", reset);
  else reset();
}

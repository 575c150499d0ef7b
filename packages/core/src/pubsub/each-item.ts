// A stream, item by item, as a loop would take it, but for what a loop costs: where the stream can tell at once, no promise is made for
// an item.

import type { StreamWaiter } from "../actor/index.js";

type Items<T> = AsyncIterator<T, undefined> & { ask?(waiter: StreamWaiter): boolean };

/**
 * Calls `take` with every item, in order; while what it returns is pending, no further item is asked for. Resolves when there are no
 * more, or `signal` is aborted; rejects with what the stream or `take` throws.
 */
export function eachItem<T>(
  items: Items<T>,
  signal: AbortSignal,
  take: (item: T) => Promise<void> | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const ask = (): void => {
      if (signal.aborted) resolve();
      else if (items.ask?.(waiter) !== true) items.next().then(waiter.resolve, reject);
    };
    const waiter: StreamWaiter = {
      resolve: (result) => {
        if (result.done === true || signal.aborted) return resolve();
        try {
          const room = take(result.value as T);
          if (room === undefined) ask();
          else room.then(ask, reject);
        } catch (error) {
          waiter.reject(error);
        }
      },
      reject,
    };
    ask();
  });
}

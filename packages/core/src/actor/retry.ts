// Tries a message again that the contract calls idempotent, when the connection or the load was to blame.

import { oneShot, systemClock, systemRandom, type Clock, type Random } from "../base/index.js";
import type { InterceptedMessage, Interceptor } from "./intercept.js";

/** How often, and after how long. */
export interface RetryOptions {
  /** How often it is tried in all. */
  readonly attempts?: number;
  /** Before attempt n + 1 there is a pause of at most this times 2 to the power of n − 1, in milliseconds; by chance. */
  readonly delayMs?: number;
  /** No pause is longer. */
  readonly delayMsMax?: number;
  /** The codes of the errors after which it is tried again. */
  readonly codes?: readonly string[];
  readonly clock?: Clock;
  readonly random?: Random;
}

/** What `retry` does unless it is told otherwise. */
export const RETRY_DEFAULTS: Required<Omit<RetryOptions, "clock" | "random">> = Object.freeze({
  attempts: 3,
  delayMs: 50,
  delayMsMax: 2000,
  codes: Object.freeze([
    "connection-lost",
    "closed",
    "closing",
    "overloaded",
    "mailbox-full",
    "waiting-full",
    "actor-stopped",
    "unknown-service",
  ]),
});

/**
 * An interceptor for the caller's side. What is not marked `idempotent` passes as it is, and so does a stream: outputs that
 * have been taken cannot be taken back. A `timeout` is final, since the time was the caller's; the time that the caller
 * gave is for all attempts together.
 */
export function retry(options: RetryOptions = {}): Interceptor {
  const { attempts, delayMs, delayMsMax, codes, clock, random } = {
    ...RETRY_DEFAULTS,
    clock: systemClock,
    random: systemRandom,
    ...options,
  };
  return async (message, next) => {
    if (!message.idempotent || message.kind === "stream" || message.side === "handler") return next();
    const deadline = message.remainingMs === undefined ? Infinity : clock.now() + message.remainingMs;
    for (let attempt = 1; ; attempt++) {
      try {
        const remainingMs = deadline - clock.now();
        return await next(
          attempt === 1 || remainingMs === Infinity ? undefined : { timeoutMs: Math.max(0, remainingMs) },
        );
      } catch (error) {
        const code = (error as { code?: unknown } | null)?.code;
        const pauseMs = random.next() * Math.min(delayMsMax, delayMs * 2 ** (attempt - 1));
        const isOver = attempt >= attempts || typeof code !== "string" || !codes.includes(code);
        if (isOver || clock.now() + pauseMs >= deadline || !(await pause(pauseMs, message, clock))) throw error;
      }
    }
  };
}

/** False if the caller has given up meanwhile. */
function pause(ms: number, { signal }: InterceptedMessage, clock: Clock): Promise<boolean> {
  if (signal?.aborted === true) return Promise.resolve(false);
  const over = oneShot<boolean>();
  const giveUp = (): void => over.resolve(false);
  const cancel = clock.schedule(ms, () => over.resolve(true));
  signal?.addEventListener("abort", giveUp, { once: true });
  return over.promise.finally(() => {
    cancel();
    signal?.removeEventListener("abort", giveUp);
  });
}

// Time as a parameter. Nothing else in the project reads a clock or starts a timer of its own, so that a thousand
// peers can run in virtual time.

/** Stops a timer. Calling it late or twice does nothing. */
export type CancelTimer = () => void;

/** The source of time. `systemClock` is the real one, `VirtualClock` (in testing) is driven by hand. */
export interface Clock {
  /** Milliseconds on a monotonic scale with an arbitrary origin: only differences mean anything. */
  now(): number;
  /** Calls back once, no earlier than `delayMs` from now. */
  schedule(delayMs: number, callback: () => void): CancelTimer;
  /** Calls back once the promise jobs that are due have run, and where the host can tell, those that they lead to. */
  defer(callback: () => void): void;
  /** Calls back soon, after the event loop has served waiting input and output. */
  yield(callback: () => void): void;
}

/** The longest delay that hosts' timers take; a longer one is waited for in parts by `Timers`. */
export const TIMER_DELAY_MS_MAX = 2_147_483_647;

/** What Node has and browsers do not. */
const { setImmediate, process: host } = globalThis as {
  setImmediate?: (callback: () => void) => unknown;
  process?: { nextTick?: (callback: () => void) => void };
};

/** The host's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, TIMER_DELAY_MS_MAX));
    return () => clearTimeout(timer);
  },
  defer(callback) {
    if (host?.nextTick === undefined) queueMicrotask(callback);
    else host.nextTick(callback);
  },
  yield(callback) {
    if (setImmediate === undefined) yieldByMessage(callback);
    else setImmediate(callback);
  },
};

let yielding: { readonly port: MessagePort; readonly callbacks: (() => void)[] } | undefined;

/** Where there is no `setImmediate`, as in browsers: their timers wait for 4 ms when they follow each other, messages do not. */
function yieldByMessage(callback: () => void): void {
  yielding ??= makeYielding();
  yielding.callbacks.push(callback);
  yielding.port.postMessage(0);
}

function makeYielding(): { port: MessagePort; callbacks: (() => void)[] } {
  const { port1, port2 } = new MessageChannel();
  const callbacks: (() => void)[] = [];
  port1.onmessage = () => callbacks.shift()?.();
  return { port: port2, callbacks };
}

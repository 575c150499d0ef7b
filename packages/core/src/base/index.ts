export { systemClock, TIMER_DELAY_MS_MAX, type CancelTimer, type Clock } from "./clock.js";
export { Emitter, EVENTS_BUFFERED_MAX, reportUncaught, type Unsubscribe } from "./emitter.js";
export { isTroupeError, TroupeError } from "./error.js";
export { Inspection, type InspectionEvent } from "./inspection.js";
export { oneShot, type OneShot } from "./one-shot.js";
export { systemRandom, type Random } from "./random.js";
export { Ring } from "./ring.js";
export { Statechart, type StatechartConfig } from "./statechart.js";
export { Deadline, Timers } from "./timers.js";

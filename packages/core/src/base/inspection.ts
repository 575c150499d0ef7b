// A window into a running system that costs one comparison while nobody looks: whoever emits asks `active` first and
// makes the event only then.

import { reportUncaught, type Unsubscribe } from "./emitter.js";

/** One thing that happened inside. `source` names who saw it, such as a peer's or an actor's id. */
export interface InspectionEvent {
  /** What happened: `frame-sent`, `frame-received`, `call-received`, `actor-restarted` … */
  readonly kind: string;
  readonly source: string;
  /** Milliseconds on the clock of the source. */
  readonly at: number;
  /** What else is known; plain values only. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Where inspection events go. Give one to as many peers, links and actors as should be seen together. */
export class Inspection {
  #observers: ((event: InspectionEvent) => void)[] = [];
  /** Whether anybody looks. */
  active = false;

  observe(observer: (event: InspectionEvent) => void): Unsubscribe {
    const registered = (event: InspectionEvent): void => observer(event);
    this.#observers = [...this.#observers, registered];
    this.active = true;
    return () => {
      this.#observers = this.#observers.filter((other) => other !== registered);
      this.active = this.#observers.length > 0;
    };
  }

  emit(event: InspectionEvent): void {
    for (const observer of this.#observers) {
      try {
        observer(event);
      } catch (error) {
        reportUncaught(error);
      }
    }
  }
}

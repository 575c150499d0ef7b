// A running actor: one message at a time, restarted when its handlers crash, ended once. It knows the mailbox, the
// handlers and time; how callers reach it is the address's business (spawn.ts), how a message is run the turn's.
//
// Invariants: the lane is paused from the moment a message or a setup has to be waited for until it has settled, so no
// handler is ever entered again meanwhile; what settles after the end is ignored; `#end` runs once and leaves no
// promise pending, no timer armed and no signal unaborted.

import {
  Emitter,
  oneShot,
  Timers,
  type TroupeError,
  type Clock,
  type Inspection,
  type OneShot,
} from "../base/index.js";
import type { Ended } from "./address.js";
import { CrashWindow, type RestartOptions } from "./crash-window.js";
import { CallEnvelope, type CallHost, type Envelope } from "./envelope.js";
import { ActorError, toRemoteError } from "./error.js";
import { Incarnation } from "./incarnation.js";
import { BoundedLane, type LaneOptions } from "./lane.js";
import { Mailbox, type Lane, type MailboxOwner } from "./mailbox.js";
import type { MessageTable, TableEntry } from "./message-table.js";
import { perform } from "./turn.js";
import { isThenable } from "./validate.js";

/** What can be observed of an actor. */
export type ActorEvent =
  /** Its handlers crashed with `error` and were made anew. */
  | { readonly type: "restarted"; readonly error: unknown }
  /** A message got no further and nobody waits for its answer: it was dropped, refused, or left over at the end. */
  | { readonly type: "refused"; readonly message: string; readonly error: TroupeError }
  | { readonly type: "stopped"; readonly ended: Ended };

/** What an actor is made from. `setup` makes its handlers, now and after each crash. */
export interface ActorParts {
  readonly name: string;
  readonly table: MessageTable;
  readonly setup: (incarnation: Incarnation) => unknown;
  readonly mailbox: LaneOptions<Envelope>;
  readonly restart: RestartOptions;
  readonly clock: Clock;
  readonly inspection: Inspection | undefined;
}

/** An actor does not call out through its mailbox: the lane that would go ahead stays empty. */
const NOTHING: Lane<never> = { take: () => undefined };

/** One actor, from its first setup to its end. */
export class Actor implements MailboxOwner<never, Envelope>, CallHost {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly lane: BoundedLane<Envelope>;
  readonly events: Emitter<ActorEvent> = new Emitter();
  readonly outgoing: Lane<never> = NOTHING;
  readonly incoming: Lane<Envelope>;
  readonly #parts: ActorParts;
  readonly #mailbox: Mailbox<never, Envelope>;
  readonly #crashes: CrashWindow;
  readonly #ending: OneShot<Ended> = oneShot();
  #incarnation: Incarnation;
  /** The message that is being handled. */
  #current: Envelope | undefined = undefined;
  #isDraining = false;
  #ended: Ended | undefined = undefined;
  #callCount = 0;
  #isIdleCheckDue = false;

  constructor(parts: ActorParts) {
    this.#parts = parts;
    this.clock = parts.clock;
    this.timers = new Timers(parts.clock);
    this.#crashes = new CrashWindow(parts.restart);
    this.lane = this.incoming = new BoundedLane({ ...parts.mailbox, onDropped: (envelope) => this.#dropped(envelope) });
    this.#mailbox = new Mailbox(this, parts.clock);
    this.#incarnation = new Incarnation();
  }

  /** Why it is no more, once that is so. */
  get ended(): Ended | undefined {
    return this.#ended;
  }

  /** Resolves with why it ended. */
  get whenEnded(): Promise<Ended> {
    return this.#ending.promise;
  }

  /** Whether it takes messages. */
  get isOpen(): boolean {
    return this.#ended === undefined && !this.#isDraining;
  }

  /** Makes the first handlers. To be called once, when whatever `setup` may reach for is in place. */
  begin(): void {
    this.#setUp();
  }

  /** Puts a message into the mailbox if there is room. */
  offer(envelope: Envelope): boolean {
    if (!this.lane.tryPush(envelope)) return false;
    this.#mailbox.wake();
    return true;
  }

  /** A call begins; `callSettled` follows. */
  callMade(): void {
    this.#callCount++;
  }

  callSettled(): void {
    if (--this.#callCount > 0 || this.#isIdleCheckDue) return;
    // The timer of `Timers` is left armed when its last deadline is cleared. An actor that nobody calls any more must
    // not keep the process alive for that long, and disarming after every call would cost more than the call.
    this.#isIdleCheckDue = true;
    this.clock.yield(() => {
      this.#isIdleCheckDue = false;
      if (this.#callCount === 0 && !this.#isDraining) this.timers.close();
    });
  }

  /** Takes nothing new, works off the mailbox and who waits before it for at most `graceMs`, then ends. */
  drain(graceMs: number): void {
    if (this.#ended !== undefined) return;
    this.#isDraining = true;
    if (graceMs <= 0) return this.end({ reason: "stopped" });
    this.timers.after(graceMs, () => this.end({ reason: "stopped" }));
    this.#mailbox.wake();
  }

  /** Ends at once, whatever it is doing. The first end counts. */
  end(ended: Ended): void {
    if (this.#ended !== undefined) return;
    this.#ended = ended;
    this.#mailbox.close();
    this.lane.close(this.stoppedError(undefined));
    const current = this.#current;
    if (current instanceof CallEnvelope)
      current.giveUp("actor-stopped", "the actor ended during the call", ended.error);
    for (const envelope of this.lane.clear()) this.#refuse(envelope, this.stoppedError(envelope.entry));
    this.#incarnation.end(this.stoppedError(undefined));
    this.timers.close();
    this.#inspect("actor-stopped", { reason: ended.reason });
    this.#ending.resolve(ended);
    this.events.emit({ type: "stopped", ended });
    this.events.end();
  }

  /** What a message meets that comes too late. */
  stoppedError(entry: TableEntry | undefined): ActorError {
    const subject = entry === undefined ? "" : `${entry.name}: `;
    return new ActorError("actor-stopped", `${subject}actor ${this.#parts.name} takes no messages any more`, {
      cause: this.#ended?.error,
    });
  }

  handleOutgoing(): void {}

  handleIncoming(envelope: Envelope): void {
    this.#current = envelope;
    if (this.#parts.inspection?.active === true) {
      this.#inspect(`${envelope.entry.kind}-received`, { message: envelope.entry.name });
    }
    let outcome: unknown;
    let mustWait: boolean;
    try {
      outcome = perform(envelope, this.#incarnation);
      mustWait = isThenable(outcome);
    } catch (error) {
      return this.#threw(envelope, error);
    }
    if (!mustWait) return this.#returned(envelope, outcome);
    this.lane.pause();
    Promise.resolve(outcome).then(
      (value) => this.#resume(() => this.#returned(envelope, value)),
      (error: unknown) => this.#resume(() => this.#threw(envelope, error)),
    );
  }

  endTurn(): void {
    if (this.#isDraining && this.#current === undefined && this.lane.length === 0) this.end({ reason: "stopped" });
  }

  #returned(envelope: Envelope, value: unknown): void {
    this.#current = undefined;
    if (!(envelope instanceof CallEnvelope)) return;
    const isAnswer = envelope.answer(value);
    if (isAnswer && this.#parts.inspection?.active === true) {
      this.#inspect("call-answered", { message: envelope.entry.name });
    }
  }

  #threw(envelope: Envelope, thrown: unknown): void {
    this.#current = undefined;
    if (this.#ended !== undefined) return;
    const error = toRemoteError(thrown);
    this.#refuse(envelope, error);
    if (error !== thrown) this.#crashed(thrown);
  }

  /** After something was waited for: the outcome counts unless the actor has ended meanwhile. */
  #resume(finish: () => void): void {
    if (this.#ended !== undefined) return;
    this.lane.resume();
    finish();
    this.#mailbox.wake();
  }

  #crashed(error: unknown): void {
    this.#inspect("actor-crashed", { message: toRemoteError(error).message });
    this.#incarnation.end(
      new ActorError("actor-restarted", "the handlers crashed and are made anew", { cause: error }),
    );
    if (!this.#crashes.allows(this.clock.now())) return this.end({ reason: "restarts-exhausted", error });
    this.#incarnation = new Incarnation();
    this.#setUp(() => {
      this.#inspect("actor-restarted");
      this.events.emit({ type: "restarted", error });
    });
  }

  /** Makes handlers; a setup that fails ends the actor. */
  #setUp(onDone?: () => void): void {
    const failed = (error: unknown): void => this.end({ reason: "setup-failed", error });
    const done = (handlers: unknown): void => {
      try {
        this.#parts.table.bind(handlers);
      } catch (error) {
        return failed(error);
      }
      onDone?.();
    };
    let made: unknown;
    let mustWait: boolean;
    try {
      made = this.#parts.setup(this.#incarnation);
      mustWait = isThenable(made);
    } catch (error) {
      return failed(error);
    }
    if (!mustWait) return done(made);
    this.lane.pause();
    Promise.resolve(made).then(
      (handlers) => this.#resume(() => done(handlers)),
      (error: unknown) => failed(error),
    );
  }

  #dropped(envelope: Envelope): void {
    if (envelope instanceof CallEnvelope) envelope.taken();
    this.#refuse(envelope, new ActorError("dropped", `${envelope.entry.name} made room for a newer message`));
  }

  /** Tells whoever waits for the answer, or else whoever observes. */
  #refuse(envelope: Envelope, error: TroupeError): void {
    const message = envelope.entry.name;
    this.#inspect(`${envelope.entry.kind}-refused`, { message, code: error.code });
    if (envelope instanceof CallEnvelope) envelope.fail(error);
    else if (this.events.has("refused")) this.events.emit({ type: "refused", message, error });
  }

  #inspect(kind: string, detail?: Readonly<Record<string, unknown>>): void {
    const { inspection, name } = this.#parts;
    if (inspection?.active !== true) return;
    inspection.emit({ kind, source: name, at: this.clock.now(), ...(detail === undefined ? {} : { detail }) });
  }
}

// The incoming half of a peer: what it provides, and the tasks in which messages of the other side are handled. It
// knows nothing of calls that this side makes.
//
// A permit and a place within the other side's credit belong to the task and are given back on every outcome. A task
// whose signal was aborted has `abandonMs` to end; then it is given up, so that a handler that ignores its signal
// cannot take a place for good.

import { Ring } from "../base/index.js";
import { isThenable, toRemoteError, type AnyService, type Semaphore } from "../actor/index.js";
import { FrameKind } from "../wire/index.js";
import { Abandoned } from "./abandoned.js";
import { plain, type Channel } from "./channel.js";
import { idTaken, PeerError } from "./error.js";
import { failurePayload } from "./failure.js";
import { invoke } from "./invoke.js";
import { FreeFrames } from "./free-frames.js";
import { IncomingMessage } from "./incoming-message.js";
import { IncomingWatches } from "./incoming-watches.js";
import type { Peer } from "./peer.js";
import { SendWindow } from "./send-window.js";
import type { ProvidedService, ServiceMap } from "./service-map.js";
import { ServiceSlots } from "./service-slots.js";

/** What a handler has returned, and nobody has room for yet. */
interface Answer {
  readonly task: IncomingMessage;
  readonly value: unknown;
}

export class Provider {
  readonly #channel: Channel;
  readonly #semaphore: Semaphore | undefined;
  readonly slots: ServiceSlots;
  /** Calls that run or are parked, by ConnID. Those that are answered at once are never in it. */
  readonly #calls = new Map<number, IncomingMessage>();
  readonly #sends = new Set<IncomingMessage>();
  /** Calls that begin, and answers that are written, when there is room for answers again. */
  readonly #parkedForRoom = new Ring<IncomingMessage>();
  readonly #answersForRoom = new Ring<Answer>();
  readonly #watches: IncomingWatches;
  readonly #sendWindow: SendWindow;
  readonly #freeFrames: FreeFrames;
  #callBytes = 0;
  readonly abandoned: Abandoned;
  #isClosing = false;
  #isLost = false;

  constructor(channel: Channel, semaphore: Semaphore | undefined) {
    this.#channel = channel;
    this.#semaphore = semaphore;
    this.abandoned = new Abandoned(semaphore, channel.limits.abandonedMax);
    this.slots = new ServiceSlots(channel);
    this.#watches = new IncomingWatches((id, reason) => this.#freeFrames.post(FrameKind.reply, id, reason));
    this.#freeFrames = new FreeFrames(channel);
    this.#sendWindow = new SendWindow(channel.limits.sendsMax, channel.limits.sendBytesMax);
  }

  get peer(): Peer {
    return this.#channel.peer;
  }

  /** Whether nothing of the other side's is being handled. */
  get isIdle(): boolean {
    return this.#calls.size === 0 && this.#sends.size === 0;
  }

  get running(): number {
    return this.#calls.size + this.#sends.size;
  }

  now(): number {
    return this.#channel.clock.now();
  }

  /** Takes up the services of a map, and announces them once the hello is said; one that is there is replaced. */
  provide(services: ServiceMap): void {
    const added = services.provided();
    this.slots.demandRoom(added);
    // What is replaced goes first: at no time does the other side hold more than it takes.
    for (const { service } of added) this.withdraw(service);
    for (const provided of added) this.slots.add(provided);
  }

  /** Calls of it that run are answered; new ones are refused. False if it was not provided. */
  withdraw(service: AnyService): boolean {
    const slot = this.slots.remove(service);
    if (slot === undefined) return false;
    this.#watches.endSlot(slot, "withdrawn");
    return true;
  }

  /** A call frame: [ConnID] [slot] [message] [ms left] input. */
  called(): void {
    const { limits, reader, clock, times } = this.#channel;
    const { id, service: slot, message: index, amount } = reader.frame;
    if (this.#isTaken(id)) return this.#channel.fault(idTaken(id));
    if (this.#calls.size >= limits.callsMax || this.#callBytes >= limits.callBytesMax) {
      return this.#freeFrames.refuse(id, "credit-exceeded", "more calls than were allowed");
    }
    const service = this.slots.at(slot);
    const message = service?.messages[index];
    if (message?.kind !== "call") return this.#freeFrames.refuse(id, ...unknown(service));
    if (this.#isClosing) return this.#freeFrames.refuse(id, "closing", "the other side is closing");
    const deadline = clock.now() + Math.min(amount, times.callTimeoutMaxMs);
    const task = new IncomingMessage(this, id, service as ProvidedService, message, reader.frameBytes, deadline);
    if (!this.#hasRoom || this.#answersForRoom.length > 0) {
      task.parked = reader.copyPayload();
      this.#hold(task);
      this.#parkedForRoom.push(task);
      return;
    }
    this.#admit(task);
  }

  /** A send frame: [slot] [message] input. */
  sent(): void {
    const { reader } = this.#channel;
    const bytes = reader.frameBytes;
    if (!this.#sendWindow.take(bytes)) {
      return this.#channel.fault(new PeerError("credit-exceeded", "the other side sent more than it was allowed"));
    }
    const service = this.slots.at(reader.frame.service);
    const message = service?.messages[reader.frame.message];
    if (message?.kind !== "send") {
      this.#giveBack(bytes);
      return this.#freeFrames.refuse(0, ...unknown(service));
    }
    this.#run(new IncomingMessage(this, 0, service as ProvidedService, message, bytes, Infinity));
  }

  /** A cancel frame: [ConnID]. Nobody waits for the answer, but it is sent all the same: it gives the credit back. */
  cancelled(id: number): void {
    if (this.#watches.has(id)) return this.#watches.end(id, "cancelled");
    const task = this.#calls.get(id);
    if (task !== undefined)
      this.#abort(task, new PeerError("cancelled", "cancelled by the caller", { maybeExecuted: true }));
  }

  /** A watch frame: [ConnID] [slot]. Answered when the service is withdrawn or the actor behind it ends. */
  watched(id: number, slot: number): void {
    if (this.#isTaken(id)) return this.#channel.fault(idTaken(id));
    const service = this.slots.at(slot);
    if (service === undefined) return this.#freeFrames.post(FrameKind.reply, id, "unknown-service");
    if (this.#isClosing) return this.#freeFrames.post(FrameKind.reply, id, "closing");
    if (this.#watches.size >= this.#channel.limits.watchesMax)
      return this.#freeFrames.refuse(id, "watches-full", "too many watches");
    this.#watches.add(id, slot, service);
  }

  granted(task: IncomingMessage): void {
    task.permit = "held";
    this.#run(task);
  }

  /** There is room for answers again: first for those that are there. */
  drained(): void {
    while (this.#hasRoom) {
      const answer = this.#answersForRoom.shift();
      if (answer === undefined) break;
      if (this.#leave(answer.task)) this.#answer(answer.task, answer.value);
    }
    while (this.#hasRoom) {
      const task = this.#parkedForRoom.shift();
      if (task === undefined) return;
      if (!task.isDone) this.#admit(task);
    }
  }

  /** The deadline of a task has passed; or, if it was aborted before, the time that it had to end. */
  expired(task: IncomingMessage): void {
    if (!task.isAborted) {
      return this.#abort(task, new PeerError("timeout", "the caller's deadline has passed", { maybeExecuted: true }));
    }
    const { times, timers } = this.#channel;
    if (task.hasBegun && !this.abandoned.add(task, this.#isLost)) return timers.set(task, times.abandonMs);
    this.#channel.emit({ type: "abandoned", service: task.service.service.name, message: task.message.name });
    this.#failed(task, new PeerError("abandoned", "the handler did not end when it was told to"));
  }

  /** Takes no more, and refuses what has not begun. */
  close(): void {
    this.#isClosing = true;
    this.#watches.endAll("closing");
    for (const task of this.#calls.values()) {
      if (task.hasBegun) continue;
      this.#unpark(task);
      this.#drop(task);
      this.#freeFrames.refuse(task.id, "closing", "the other side is closing");
    }
  }

  /** The time for running tasks is up, or the connection is gone. */
  abortAll(reason: PeerError, isLost: boolean): void {
    this.#isClosing = true;
    this.#isLost ||= isLost;
    if (isLost) {
      this.slots.close();
      this.#freeFrames.close();
      this.#watches.endAll("connection-lost");
      for (const { task } of this.#answersForRoom.clear()) this.#leave(task);
    }
    for (const task of [...this.#calls.values(), ...this.#sends]) if (!task.isAborted) this.#abort(task, reason);
  }

  /** Calls and watches share their numbers, so that a cancel is about one of them. */
  #isTaken(id: number): boolean {
    return id === 0 || this.#calls.has(id) || (this.#watches.size > 0 && this.#watches.has(id));
  }

  get #hasRoom(): boolean {
    return this.#channel.outbox.hasRoom(this.#channel.limits.outboxBytesMax);
  }

  /** Runs a call that there is room for, as soon as there is a permit. */
  #admit(task: IncomingMessage): void {
    const semaphore = this.#semaphore;
    if (semaphore === undefined) return this.#run(task);
    if (semaphore.tryAcquire()) {
      task.permit = "held";
      return this.#run(task);
    }
    task.parked ??= this.#channel.reader.copyPayload();
    this.#hold(task);
    task.waitsForPermit = true;
    semaphore.enqueue(task);
  }

  /** Decodes the input, which is in the frame at hand unless the task was parked, and runs the handler. */
  #run(task: IncomingMessage): void {
    const { reader } = this.#channel;
    const { parked } = task;
    task.parked = undefined;
    task.waitsForPermit = false;
    let input: unknown;
    try {
      input = parked === undefined ? reader.value() : reader.decode(parked);
    } catch (error) {
      this.#drop(task);
      return this.#freeFrames.refuse(task.id, "payload-invalid", (error as Error).message);
    }
    const { scheduler } = task.service;
    if (scheduler === undefined) return this.#execute(task, input);
    this.#hold(task);
    const isTaken = scheduler.run(() => this.#executeScheduled(task, input), task.message.priority);
    if (isTaken) return;
    this.#drop(task);
    this.#freeFrames.refuse(task.id, "overloaded", `too many messages wait for ${task.service.service.name}`);
  }

  /** Runs the handler; its answer is written at once if it does not have to be waited for. */
  #execute(task: IncomingMessage, input: unknown): void {
    task.hasBegun = true;
    let result: unknown;
    let mustWait: boolean;
    try {
      result = invoke(task.message, input, task.context());
      mustWait = isThenable(result);
    } catch (error) {
      return this.#failed(task, error);
    }
    if (!mustWait) return this.#succeeded(task, result);
    this.#hold(task);
    // Whatever a thenable does, it settles once, and in a job of its own.
    Promise.resolve(result).then(
      (value) => this.#succeeded(task, value),
      (error: unknown) => this.#failed(task, error),
    );
  }

  /** The same in a slot of a scheduler, which is kept until the handler has really ended. */
  async #executeScheduled(task: IncomingMessage, input: unknown): Promise<void> {
    if (task.isDone) return;
    task.hasBegun = true;
    try {
      this.#succeeded(task, await invoke(task.message, input, task.context()));
    } catch (error) {
      this.#failed(task, error);
    }
  }

  /** The handler is done. Its answer is written if there is room for it; until then the call keeps its place. */
  #succeeded(task: IncomingMessage, value: unknown): void {
    if (!this.#finish(task)) return;
    if (
      task.isCall &&
      !this.#isLost &&
      (this.#answersForRoom.length > 0 || !this.#hasRoom) &&
      this.#calls.has(task.id)
    ) {
      this.#answersForRoom.push({ task, value });
      return;
    }
    this.#leave(task);
    this.#answer(task, value);
  }

  #answer(task: IncomingMessage, value: unknown): void {
    if (!task.isCall || this.#isLost) return;
    try {
      this.#channel.post(plain(FrameKind.reply, task.id), value);
    } catch (error) {
      this.#report(task, error);
      this.#freeFrames.post(FrameKind.error, task.id, failurePayload(toRemoteError(error), this.#channel.format));
    }
  }

  #failed(task: IncomingMessage, thrown: unknown): void {
    if (!this.#finish(task)) return;
    this.#leave(task);
    // A refusal that the caller is told of is no failure, and neither is an end that was asked for.
    const error = toRemoteError(thrown);
    const isRefusal = task.isCall && error === thrown;
    const isOver = task.isAborted || task.remainingMs === 0;
    if (!isRefusal && !isOver) this.#report(task, thrown);
    if (!task.isCall || this.#isLost) return;
    this.#freeFrames.post(FrameKind.error, task.id, failurePayload(error, this.#channel.format));
  }

  /** Counts a task that has to be waited for, and lets its deadline run. */
  #hold(task: IncomingMessage): void {
    if (!task.isCall) {
      this.#sends.add(task);
      return;
    }
    if (this.#calls.has(task.id)) return;
    this.#calls.set(task.id, task);
    this.#callBytes += task.bytes;
    this.#channel.timers.set(task, Math.max(0, task.deadline - this.now()));
  }

  /** The handler of a task is done, or done with: gives back its permit. False if that was so before. */
  #finish(task: IncomingMessage): boolean {
    if (task.isDone) {
      if (task.isAbandoned) this.abandoned.ended(task);
      return false;
    }
    task.isDone = true;
    this.#channel.timers.clear(task);
    if (task.permit === "held" && !task.isAbandoned) this.#semaphore?.release();
    return true;
  }

  /** A task gives its place to others. False if the connection took it away before. */
  #leave(task: IncomingMessage): boolean {
    let wasHeld = true;
    if (!task.isCall) {
      this.#sends.delete(task);
      this.#giveBack(task.bytes);
    } else if (this.#calls.delete(task.id)) this.#callBytes -= task.bytes;
    else wasHeld = false;
    this.#channel.taskEnded();
    return wasHeld;
  }

  /** A task that is over before its handler has begun. */
  #drop(task: IncomingMessage): void {
    if (this.#finish(task)) this.#leave(task);
  }

  #abort(task: IncomingMessage, reason: PeerError): void {
    task.abort(reason);
    if (task.hasBegun) {
      if (!task.isDone) this.#channel.timers.set(task, this.#channel.times.abandonMs);
      return;
    }
    this.#unpark(task);
    if (!task.isCall) this.#channel.emit({ type: "refused", direction: "incoming", error: reason });
    this.#failed(task, reason);
  }

  /** Takes a call that has not begun out of the line for a permit; in the lines for room or a slot it is skipped. */
  #unpark(task: IncomingMessage): void {
    if (task.waitsForPermit) this.#semaphore?.cancel(task);
    task.waitsForPermit = false;
    task.parked = undefined;
  }

  #giveBack(bytes: number): void {
    if (!this.#sendWindow.handled(bytes) || this.#isLost) return;
    const given = this.#sendWindow.giveBack();
    this.#channel.post({ ...plain(FrameKind.credit, given.messages), amount: given.bytes });
  }

  #report(task: IncomingMessage, error: unknown): void {
    this.#channel.emit({ type: "failed", service: task.service.service.name, message: task.message.name, error });
  }
}

function unknown(service: ProvidedService | undefined): [code: string, message: string] {
  return service === undefined
    ? ["unknown-service", "there is no such service"]
    : ["unknown-message", "there is no such message"];
}

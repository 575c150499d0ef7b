// The incoming half of a peer: what it provides, and the tasks in which messages of the other side are handled. It
// knows nothing of calls that this side makes.
//
// A permit and a place within the other side's credit belong to the task and are given back on every outcome. A task
// whose signal was aborted has `abandonMs` to end; then it is given up, so that a handler that ignores its signal
// cannot take a place for good.

import { Ring } from "../base/index.js";
import { isThenable, RemoteError, toRemoteError, type AnyService, type Semaphore } from "../actor/index.js";
import { FrameKind } from "../wire/index.js";
import { plain, type Channel } from "./channel.js";
import { PeerError, Refused } from "./error.js";
import { failurePayload } from "./failure.js";
import { invoke } from "./invoke.js";
import { IncomingMessage } from "./incoming-message.js";
import { IncomingWatches } from "./incoming-watches.js";
import type { Peer } from "./peer.js";
import { SendWindow } from "./send-window.js";
import type { ProvidedService, ServiceMap } from "./service-map.js";
import { ServiceSlots } from "./service-slots.js";

export class Provider {
  readonly #channel: Channel;
  readonly #semaphore: Semaphore | undefined;
  readonly slots: ServiceSlots;
  /** Calls that run or are parked, by ConnID. Those that are answered at once are never in it. */
  readonly #calls = new Map<number, IncomingMessage>();
  readonly #sends = new Set<IncomingMessage>();
  /** Calls that begin when there is room for answers again. */
  readonly #parkedForRoom = new Ring<IncomingMessage>();
  readonly #watches: IncomingWatches;
  readonly #sendWindow: SendWindow;
  #callBytes = 0;
  /** Handlers that run on after they were given up. */
  #abandoned = 0;
  /** Refusals and failures written since what had been written by then, `#refusalsUntil`, has left. */
  #refusals = 0;
  #refusalsUntil = 0;
  #isClosing = false;
  #isLost = false;

  constructor(channel: Channel, semaphore: Semaphore | undefined) {
    this.#channel = channel;
    this.#semaphore = semaphore;
    this.slots = new ServiceSlots(channel);
    this.#watches = new IncomingWatches((id, reason) => this.#post(FrameKind.reply, id, reason));
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

  get abandoned(): number {
    return this.#abandoned;
  }

  now(): number {
    return this.#channel.clock.now();
  }

  /** Takes up the services of a map, and announces them once the hello is said; one that is there is replaced. */
  provide(services: ServiceMap): void {
    for (const provided of services.provided()) {
      this.withdraw(provided.service);
      this.slots.add(provided);
    }
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
    const { limits, reader, clock } = this.#channel;
    const { id, service: slot, message: index, amount } = reader.frame;
    if (this.#isTaken(id)) return this.#channel.fault(taken(id));
    if (this.#calls.size >= limits.callsMax || this.#callBytes >= limits.callBytesMax) {
      return this.refuse(id, "credit-exceeded", "more calls than were allowed");
    }
    const service = this.slots.at(slot);
    const message = service?.messages[index];
    if (message?.kind !== "call") return this.refuse(id, ...unknown(service));
    if (this.#isClosing) return this.refuse(id, "closing", "the other side is closing");
    const task = new IncomingMessage(
      this,
      id,
      service as ProvidedService,
      message,
      reader.frameBytes,
      clock.now() + amount,
    );
    if (!this.#hasRoom) {
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
      return this.refuse(0, ...unknown(service));
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
    if (this.#isTaken(id)) return this.#channel.fault(taken(id));
    const service = this.slots.at(slot);
    if (service === undefined) return this.#post(FrameKind.reply, id, "unknown-service");
    if (this.#isClosing) return this.#post(FrameKind.reply, id, "closing");
    if (this.#watches.size >= this.#channel.limits.watchesMax)
      return this.refuse(id, "watches-full", "too many watches");
    this.#watches.add(id, slot, service);
  }

  granted(task: IncomingMessage): void {
    task.holdsPermit = true;
    this.#run(task);
  }

  /** There is room for answers again. */
  drained(): void {
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
    const { limits, times, timers } = this.#channel;
    if (task.hasBegun && !this.#isLost) {
      // Those that were given up still run: with too many of them, the others keep their places.
      if (this.#abandoned >= limits.abandonedMax) return timers.set(task, times.abandonMs);
      this.#abandoned++;
      task.isAbandoned = true;
    }
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
      this.#release(task);
      this.refuse(task.id, "closing", "the other side is closing");
    }
  }

  /** The time for running tasks is up, or the connection is gone. */
  abortAll(reason: PeerError, isLost: boolean): void {
    this.#isClosing = true;
    this.#isLost ||= isLost;
    if (isLost) this.slots.close();
    if (isLost) this.#watches.endAll("connection-lost");
    for (const task of [...this.#calls.values(), ...this.#sends]) if (!task.isAborted) this.#abort(task, reason);
  }

  /** Answers a request that was not taken; id 0 stands for a send. */
  refuse(id: number, code: string, message: string): void {
    const error = new Refused(code, message);
    this.#channel.emit({ type: "refused", direction: "incoming", error });
    this.#post(FrameKind.refuse, id, [code, message]);
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
      task.holdsPermit = true;
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
      this.#release(task);
      return this.refuse(task.id, "payload-invalid", (error as Error).message);
    }
    const { scheduler } = task.service;
    if (scheduler === undefined) return this.#execute(task, input);
    this.#hold(task);
    const isTaken = scheduler.run(() => this.#executeScheduled(task, input), task.message.priority);
    if (isTaken) return;
    this.#release(task);
    this.refuse(task.id, "overloaded", `too many messages wait for ${task.service.service.name}`);
  }

  /** Runs the handler; its answer is written at once if it does not have to be waited for. */
  #execute(task: IncomingMessage, input: unknown): void {
    task.hasBegun = true;
    let result: unknown;
    try {
      result = invoke(task.message, input, task.context());
    } catch (error) {
      return this.#failed(task, error);
    }
    if (!isThenable(result)) return this.#succeeded(task, result);
    this.#hold(task);
    result.then(
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

  #succeeded(task: IncomingMessage, value: unknown): void {
    if (!this.#release(task) || !task.isCall || this.#isLost) return;
    try {
      this.#channel.post(plain(FrameKind.reply, task.id), value);
    } catch (error) {
      this.#report(task, error);
      const { code, message } = error as PeerError;
      this.#post(FrameKind.error, task.id, [code, message]);
    }
  }

  #failed(task: IncomingMessage, thrown: unknown): void {
    if (!this.#release(task)) return;
    // A refusal that the caller is told of is no failure, and neither is an end that was asked for.
    const isRefusal = task.isCall && thrown instanceof RemoteError;
    const isOver = task.isAborted || task.remainingMs === 0;
    if (!isRefusal && !isOver) this.#report(task, thrown);
    if (!task.isCall || this.#isLost) return;
    this.#post(FrameKind.error, task.id, failurePayload(toRemoteError(thrown), this.#channel.format));
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

  /** Gives back all that belongs to a task; false if that was done before. */
  #release(task: IncomingMessage): boolean {
    if (task.isDone) {
      // Its handler has ended after all.
      if (task.isAbandoned) this.#abandoned--;
      return false;
    }
    task.isDone = true;
    this.#channel.timers.clear(task);
    if (task.holdsPermit) this.#semaphore?.release();
    if (!task.isCall) {
      this.#sends.delete(task);
      this.#giveBack(task.bytes);
    } else if (this.#calls.delete(task.id)) {
      this.#callBytes -= task.bytes;
    }
    this.#channel.taskEnded();
    return true;
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

  /** Writes a frame that needs no credit. More of these than the limit are only made for a peer that never reads. */
  #post(kind: number, id: number, payload: unknown): void {
    if (this.#isLost) return;
    const { outbox, limits } = this.#channel;
    if (outbox.deliveredBytes >= this.#refusalsUntil) {
      this.#refusals = 0;
      this.#refusalsUntil = outbox.deliveredBytes + outbox.pendingBytes + 1;
    }
    if (++this.#refusals > limits.refusalsMax) {
      return this.#channel.fault(
        new PeerError("refusals-exceeded", "the other side asks what is refused and does not read the answers"),
      );
    }
    this.#channel.post(plain(kind, id), payload);
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

function taken(id: number): PeerError {
  return new PeerError("call-invalid", `ConnID ${id} is reserved, or of a call or watch that is not answered yet`);
}

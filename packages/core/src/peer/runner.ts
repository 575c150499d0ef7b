// Runs the messages of the other side, each in a task of its own, and answers: the part of the incoming half between a
// permit and an answer. It knows nothing of how a message is admitted.
//
// A permit and a place within the other side's credit belong to the task and are given back on every outcome. A task
// whose signal was aborted has `abandonMs` to end; then it is given up, so that a handler that ignores its signal
// cannot take a place for good.

import { Ring } from "../base/index.js";
import {
  checkFailure,
  checkOutput,
  isThenable,
  toRemoteError,
  type RemoteError,
  type Semaphore,
  sharedItems,
} from "../actor/index.js";
import { Encoded, FrameKind } from "../wire/index.js";
import { Abandoned } from "./abandoned.js";
import { plain, type Channel } from "./channel.js";
import { PeerError } from "./error.js";
import { failurePayload } from "./failure.js";
import type { FreeFrames } from "./free-frames.js";
import type { IncomingMessage } from "./incoming-message.js";
import { invoke } from "./invoke.js";
import { OutgoingFlow, sourceOf } from "./outgoing-flow.js";
import { sharing } from "./shared-items.js";
import type { ProvidingParts } from "./providing.js";
import type { SendWindow } from "./send-window.js";

/** What a handler has returned, and nobody has room for yet. */
interface Answer {
  readonly task: IncomingMessage;
  readonly value: unknown;
}

export class Runner {
  readonly abandoned: Abandoned;
  readonly #channel: Channel;
  readonly #semaphore: Semaphore | undefined;
  readonly #freeFrames: FreeFrames;
  /** Calls and streams that run or are parked, by ConnID. Those that are answered at once are never in it. */
  readonly #requests = new Map<number, IncomingMessage>();
  readonly #sends = new Set<IncomingMessage>();
  readonly #answersForRoom = new Ring<Answer>();
  readonly #sendWindow: SendWindow;
  #calls = 0;
  #callBytes = 0;
  #streams = 0;
  #isLost = false;

  constructor(channel: Channel, semaphore: Semaphore | undefined, { freeFrames, sendWindow }: ProvidingParts) {
    this.#channel = channel;
    this.#semaphore = semaphore;
    this.#freeFrames = freeFrames;
    this.abandoned = new Abandoned(semaphore, channel.limits.abandonedMax);
    this.#sendWindow = sendWindow;
  }

  /** Whether nothing of the other side's is being handled. */
  get isIdle(): boolean {
    return this.#requests.size === 0 && this.#sends.size === 0;
  }

  get running(): number {
    return this.#requests.size + this.#sends.size;
  }

  get requests(): Iterable<IncomingMessage> {
    return this.#requests.values();
  }

  /** Whether answers wait for room: what comes later must not overtake them. */
  get hasAnswersWaiting(): boolean {
    return this.#answersForRoom.length > 0;
  }

  /** Whether there is room for the answers of what begins now. */
  get hasRoom(): boolean {
    const { outbox, transfers, limits } = this.#channel;
    return outbox.hasRoom(limits.outboxBytesMax) && transfers.bytesQueued < limits.waitingBytesMax;
  }

  request(id: number): IncomingMessage | undefined {
    return this.#requests.get(id);
  }

  /** Whether the other side has credit for one more request of this kind. */
  mayTake(isStream: boolean): boolean {
    const { callsMax, callBytesMax, streamsMax } = this.#channel.limits;
    return isStream ? this.#streams < streamsMax : this.#calls < callsMax && this.#callBytes < callBytesMax;
  }

  /** Counts a send that has come; false if it was not covered by credit. */
  takeSend(bytes: number): boolean {
    return this.#sendWindow.take(bytes);
  }

  /** A send is done with. */
  giveBack(bytes: number): void {
    if (!this.#sendWindow.handled(bytes) || this.#isLost) return;
    const given = this.#sendWindow.giveBack();
    this.#channel.post({ ...plain(FrameKind.credit, given.messages), amount: given.bytes });
  }

  /** Decodes the input, which is in the frame at hand unless the task was parked, and runs the handler. */
  run(task: IncomingMessage): void {
    const { reader } = this.#channel;
    const { parked } = task;
    task.parked = undefined;
    task.waitsForPermit = false;
    let input: unknown;
    try {
      if (task.message.isRelayed === true) input = new Encoded(parked ?? reader.copyPayload());
      else input = parked === undefined ? reader.value() : reader.decode(parked);
    } catch (error) {
      this.drop(task);
      return this.#freeFrames.refuse(task.id, "payload-invalid", (error as Error).message);
    }
    const { scheduler } = task.service;
    if (scheduler === undefined) return this.#execute(task, input);
    this.hold(task);
    const isTaken = scheduler.run(() => this.#executeScheduled(task, input), task.message.priority);
    if (isTaken) return;
    this.drop(task);
    this.#freeFrames.refuse(task.id, "overloaded", `too many messages wait for ${task.service.service.name}`);
  }

  /** There is room for answers again. */
  drained(): void {
    while (this.hasRoom) {
      const answer = this.#answersForRoom.shift();
      if (answer === undefined) return;
      if (this.#requests.has(answer.task.id)) this.#answer(answer.task, answer.value);
    }
  }

  /** The deadline of a task has passed; or, if it was aborted before, the time that it had to end. */
  expired(task: IncomingMessage): void {
    if (!task.isAborted) {
      return this.abort(task, new PeerError("timeout", "the caller's deadline has passed", { maybeExecuted: true }));
    }
    const { times, timers } = this.#channel;
    if (task.hasBegun && !this.abandoned.add(task, this.#isLost)) return timers.set(task, times.abandonMs);
    this.#channel.emit({ type: "abandoned", service: task.service.service.name, message: task.message.name });
    this.#failed(task, new PeerError("abandoned", "the handler did not end when it was told to"));
  }

  /** The other side has given a request up. What leaves of its answer in parts is cut off. */
  cancelled(task: IncomingMessage): void {
    const reason = new PeerError("cancelled", "cancelled by the caller", { maybeExecuted: true });
    if (task.transfer?.drop() !== true) return this.abort(task, reason);
    this.#leave(task);
    this.#fail(task, toRemoteError(reason));
  }

  abort(task: IncomingMessage, reason: PeerError): void {
    task.abort(reason);
    task.inputs?.abandon(reason);
    if (task.hasBegun) {
      if (!task.isDone) this.#channel.timers.set(task, this.#channel.times.abandonMs);
      task.outputs?.stop();
      return;
    }
    this.unpark(task);
    if (!task.isRequest) this.#channel.emit({ type: "refused", direction: "incoming", error: reason });
    this.#failed(task, reason);
  }

  /** The time for running tasks is up, or the connection is gone. */
  abortAll(reason: PeerError, isLost: boolean): void {
    this.#isLost ||= isLost;
    if (isLost) for (const { task } of this.#answersForRoom.clear()) this.#leave(task);
    for (const task of [...this.#requests.values(), ...this.#sends]) {
      if (task.isDone) {
        if (isLost) this.#leave(task);
      } else if (!task.isAborted) this.abort(task, reason);
    }
  }

  /** Counts a task that has to be waited for, and lets its deadline run. */
  hold(task: IncomingMessage): void {
    if (!task.isRequest) {
      this.#sends.add(task);
      return;
    }
    if (this.#requests.has(task.id)) return;
    this.#requests.set(task.id, task);
    if (task.isStream) this.#streams++;
    else {
      this.#calls++;
      this.#callBytes += task.bytes;
    }
    if (task.deadline === Infinity || task.isDone) return;
    this.#channel.timers.set(task, Math.max(0, task.deadline - this.#channel.clock.now()));
  }

  /** A task that is over before its handler has begun. */
  drop(task: IncomingMessage): void {
    if (this.#finish(task)) this.#leave(task);
  }

  /** Takes a call that has not begun out of the line for a permit; in the lines for room or a slot it is skipped. */
  unpark(task: IncomingMessage): void {
    if (task.waitsForPermit) this.#semaphore?.cancel(task);
    task.waitsForPermit = false;
    task.parked = undefined;
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
    if (!mustWait) return this.#returned(task, result);
    this.hold(task);
    // Whatever a thenable does, it settles once, and in a job of its own.
    Promise.resolve(result).then(
      (value) => this.#returned(task, value),
      (error: unknown) => this.#failed(task, error),
    );
  }

  /** The same in a slot of a scheduler, which is kept until the handler has really ended. */
  async #executeScheduled(task: IncomingMessage, input: unknown): Promise<void> {
    if (task.isDone) return;
    task.hasBegun = true;
    try {
      const result = await invoke(task.message, input, task.context());
      if (task.isStream) await new Promise<void>((resolve) => this.#stream(task, result, resolve));
      else this.#succeeded(task, result);
    } catch (error) {
      this.#failed(task, error);
    }
  }

  #returned(task: IncomingMessage, result: unknown): void {
    if (task.isStream) this.#stream(task, result, () => {});
    else this.#succeeded(task, result);
  }

  /** Sends what a stream's handler puts out, until that has ended or nobody wants more. */
  #stream(task: IncomingMessage, iterable: unknown, onOver: () => void): void {
    this.hold(task);
    const failed = (error: unknown): void => {
      this.#failed(task, error);
      onOver();
    };
    const { output } = task.message;
    try {
      // What a schema has to look at is looked at for each.
      const shared = output === undefined ? sharedItems(iterable) : undefined;
      const channel = shared === undefined ? this.#channel : sharing(this.#channel);
      task.outputs = new OutgoingFlow(channel, FrameKind.item, task, shared ?? sourceOf(iterable), {
        check: output === undefined ? undefined : (item, index) => checkOutput(output, item, ["outputs", index]),
        ended: () => {
          this.#succeeded(task, undefined);
          onOver();
        },
        failed,
        closed: () => failed(task.abortedBy),
      });
    } catch (error) {
      return failed(error);
    }
    // It may have been given up while its handler was still thinking; what is iterable is closed all the same.
    if (task.isAborted || task.isDone) task.outputs.stop();
    else task.outputs.start();
  }

  /** The handler is done. Its answer is written if there is room for it; until then the call keeps its place. */
  #succeeded(task: IncomingMessage, value: unknown): void {
    if (!this.#finish(task)) return;
    if (
      task.isRequest &&
      !this.#isLost &&
      (this.#answersForRoom.length > 0 || !this.hasRoom) &&
      this.#requests.has(task.id)
    ) {
      this.#answersForRoom.push({ task, value });
      return;
    }
    this.#answer(task, value);
  }

  /** Writes an answer; one that goes in parts keeps its place until the last of them. */
  #answer(task: IncomingMessage, value: unknown): void {
    if (!task.isRequest || this.#isLost) return this.#leave(task);
    try {
      const said = this.#channel.say(plain(FrameKind.reply, task.id), value);
      if (typeof said !== "number") {
        this.hold(task);
        task.transfer = said;
        said.end = { written: () => this.#leave(task), lost: () => {} };
        return;
      }
    } catch (error) {
      this.#report(task, error);
      this.#fail(task, toRemoteError(error));
    }
    this.#leave(task);
  }

  #failed(task: IncomingMessage, thrown: unknown): void {
    const checked = checkFailure(task.message.errors, thrown);
    if (checked instanceof Promise) void checked.then((error) => this.#failedWith(task, error));
    else this.#failedWith(task, checked ?? thrown);
  }

  #failedWith(task: IncomingMessage, thrown: unknown): void {
    if (!this.#finish(task)) return;
    this.#leave(task);
    // A refusal that the caller is told of is no failure, and neither is an end that was asked for.
    const error = toRemoteError(thrown);
    const isRefusal = task.isRequest && error === thrown;
    const isOver = task.isAborted || task.remainingMs === 0;
    if (!isRefusal && !isOver) this.#report(task, thrown);
    this.#fail(task, error);
  }

  #fail(task: IncomingMessage, error: RemoteError): void {
    if (!task.isRequest || this.#isLost) return;
    this.#freeFrames.post(FrameKind.error, task.id, failurePayload(error, this.#channel.format));
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

  /** A task gives its place to others. */
  #leave(task: IncomingMessage): void {
    task.inputs?.end();
    if (!task.isRequest) {
      this.#sends.delete(task);
      this.giveBack(task.bytes);
    } else if (this.#requests.delete(task.id)) {
      if (task.isStream) this.#streams--;
      else {
        this.#calls--;
        this.#callBytes -= task.bytes;
      }
    }
    this.#channel.taskEnded();
  }

  #report(task: IncomingMessage, error: unknown): void {
    this.#channel.emit({ type: "failed", service: task.service.service.name, message: task.message.name, error });
  }
}

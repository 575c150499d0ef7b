// The incoming half of a peer: what it provides, and which messages of the other side are taken, parked or refused. How
// one is run is in runner.ts. It knows nothing of calls that this side makes.

import { Ring } from "../base/index.js";
import type { AnyService, Semaphore } from "../actor/index.js";
import { FrameKind } from "../wire/index.js";
import { plain, type Channel } from "./channel.js";
import { creditInvalid, idTaken, PeerError, sendsExceeded } from "./error.js";
import type { FreeFrames } from "./free-frames.js";
import { IncomingFlow } from "./incoming-flow.js";
import { IncomingMessage } from "./incoming-message.js";
import { IncomingWatches } from "./incoming-watches.js";
import { readMetadata } from "./metadata.js";
import type { Peer } from "./peer.js";
import type { Providing, ProvidingParts } from "./providing.js";
import type { Relay } from "./relay.js";
import { Runner } from "./runner.js";
import type { ProvidedMessage, ProvidedService, ServiceMap } from "./service-map.js";
import { UndecodedReader } from "./undecoded-reader.js";
import { ServiceSlots } from "./service-slots.js";

export class Provider implements Providing {
  readonly #channel: Channel;
  readonly #semaphore: Semaphore | undefined;
  readonly #slots: ServiceSlots;
  readonly #runner: Runner;
  /** Calls and streams that begin when there is room for answers again. */
  readonly #parkedForRoom = new Ring<IncomingMessage>();
  readonly #watches: IncomingWatches;
  readonly #freeFrames: FreeFrames;
  readonly #relays = new Map<Relay, () => void>();
  #isClosing = false;

  constructor(channel: Channel, semaphore: Semaphore | undefined, parts: ProvidingParts) {
    this.#channel = channel;
    this.#semaphore = semaphore;
    this.#slots = new ServiceSlots(channel);
    this.#freeFrames = parts.freeFrames;
    this.#runner = new Runner(channel, semaphore, parts);
    this.#watches = new IncomingWatches((id, reason) => this.#freeFrames.post(FrameKind.reply, id, reason));
  }

  get peer(): Peer {
    return this.#channel.peer;
  }

  get isIdle(): boolean {
    return this.#runner.isIdle;
  }

  get running(): number {
    return this.#runner.running;
  }

  get size(): number {
    return this.#slots.size;
  }

  get abandonedCount(): number {
    return this.#runner.abandoned.count;
  }

  now(): number {
    return this.#channel.clock.now();
  }

  /** Takes up the services of a map, and announces them once the hello is said; one that is there is replaced. */
  provide(services: ServiceMap): void {
    const added = services.provided();
    this.#slots.demandRoom(added);
    // What is replaced goes first: at no time does the other side hold more than it takes.
    for (const { service } of added) this.withdraw(service);
    for (const provided of added) this.#slots.add(provided);
    for (const relay of services.relays) this.#relay(relay);
  }

  /** Calls of it that run are answered; new ones are refused. False if it was not provided. */
  withdraw(service: AnyService): boolean {
    const slot = this.#slots.remove(service);
    if (slot === undefined) return false;
    this.#watches.endSlot(slot, "withdrawn");
    return true;
  }

  announceAll(): void {
    this.#slots.announceAll();
  }

  /** A call frame: [ConnID] [slot] [message] [ms left] input. A stream frame: the same, with 0 for no deadline. */
  requested(kind: "call" | "stream"): void {
    const { reader, clock, times } = this.#channel;
    const { id, service: slot, message: index, amount } = reader.frame;
    if (this.#isTaken(id)) return this.#channel.fault(idTaken(id));
    if (!this.#runner.mayTake(kind === "stream")) {
      return this.#freeFrames.refuse(id, "credit-exceeded", `more ${kind}s than were allowed`);
    }
    const service = this.#slots.at(slot);
    const message = service?.messages[index];
    if (message?.kind !== kind) return this.#freeFrames.refuse(id, ...unknown(service));
    if (this.#isClosing) return this.#freeFrames.refuse(id, "closing", "the other side is closing");
    const isEndless = kind === "stream" && amount === 0;
    const remainingMs = kind === "stream" ? amount : Math.min(amount, times.callTimeoutMaxMs);
    const deadline = isEndless ? Infinity : clock.now() + remainingMs;
    const task = this.#taskOf(id, service as ProvidedService, message, deadline);
    if (task === undefined) return;
    if (!this.#runner.hasRoom || this.#runner.hasAnswersWaiting) {
      task.parked = reader.copyPayload();
      this.#runner.hold(task);
      this.#parkedForRoom.push(task);
      return;
    }
    this.#admit(task);
  }

  /** A send frame: [slot] [message] input. */
  sent(): void {
    const { reader } = this.#channel;
    const bytes = reader.frameBytes;
    if (!this.#runner.takeSend(bytes)) {
      return this.#channel.fault(sendsExceeded());
    }
    const service = this.#slots.at(reader.frame.service);
    const message = service?.messages[reader.frame.message];
    if (message?.kind !== "send") {
      this.#runner.giveBack(bytes);
      return this.#freeFrames.refuse(0, ...unknown(service));
    }
    const task = this.#taskOf(0, service as ProvidedService, message, Infinity);
    if (task === undefined) this.#runner.giveBack(bytes);
    else this.#runner.run(task);
  }

  /** An input frame: [ConnID] input. What comes after the answer has crossed it. */
  inputReceived(id: number): void {
    const task = this.#runner.request(id);
    if (task === undefined) return;
    if (task.inputs !== undefined) return task.inputs.received();
    const error = new PeerError("inputs-unexpected", "inputs came for a request that has none", {
      maybeExecuted: true,
    });
    if (!task.isDone) this.#runner.abort(task, error);
  }

  /** An inputs-end frame: [ConnID]. There are no more. */
  inputsEnded(id: number): void {
    this.#runner.request(id)?.inputs?.end();
  }

  /** An allow frame: [ConnID] [items] [bytes]. The other side takes more outputs. */
  outputsAllowed(id: number, items: number, bytes: number): void {
    const task = this.#runner.request(id);
    if (task?.outputs === undefined || task.outputs.allowed(items, bytes)) return;
    const error = creditInvalid();
    if (!task.isDone) this.#runner.abort(task, error);
  }

  /** A cancel frame: [ConnID]. Nobody waits for the answer, but it is sent all the same: it gives the credit back. */
  cancelled(id: number): void {
    if (this.#watches.has(id)) return this.#watches.end(id, "cancelled");
    const task = this.#runner.request(id);
    if (task !== undefined) this.#runner.cancelled(task);
  }

  /** A watch frame: [ConnID] [slot]. Answered when the service is withdrawn or the actor behind it ends. */
  watched(id: number, slot: number): void {
    if (this.#isTaken(id)) return this.#channel.fault(idTaken(id));
    const service = this.#slots.at(slot);
    if (service === undefined) return this.#freeFrames.post(FrameKind.reply, id, "unknown-service");
    if (this.#isClosing) return this.#freeFrames.post(FrameKind.reply, id, "closing");
    if (this.#watches.size >= this.#channel.limits.watchesMax)
      return this.#freeFrames.refuse(id, "watches-full", "too many watches");
    this.#watches.add(id, slot, service);
  }

  granted(task: IncomingMessage): void {
    task.permit = "held";
    this.#runner.run(task);
  }

  expired(task: IncomingMessage): void {
    this.#runner.expired(task);
  }

  /** There is room for answers again: first for those that are there. */
  drained(): void {
    this.#runner.drained();
    while (this.#runner.hasRoom) {
      const task = this.#parkedForRoom.shift();
      if (task === undefined) return;
      if (!task.isDone) this.#admit(task);
    }
  }

  /** Takes no more, and refuses what has not begun. */
  close(): void {
    this.#isClosing = true;
    this.#watches.endAll("closing");
    for (const task of [...this.#runner.requests]) {
      if (task.hasBegun) continue;
      this.#runner.unpark(task);
      this.#runner.drop(task);
      this.#freeFrames.refuse(task.id, "closing", "the other side is closing");
    }
  }

  /** The time for running tasks is up, or the connection is gone. */
  abortAll(reason: PeerError, isLost: boolean): void {
    this.#isClosing = true;
    if (isLost) {
      this.#slots.close();
      for (const leave of this.#relays.values()) leave();
      this.#relays.clear();
      this.#freeFrames.close();
      this.#watches.endAll("connection-lost");
    }
    this.#runner.abortAll(reason, isLost);
  }

  /** Offers what a relay has, now and as it changes. What is handled here goes ahead of what is relayed. */
  #relay(relay: Relay): void {
    if (this.#relays.has(relay)) return;
    const { peer, format } = this.#channel;
    const leave = relay.offerTo({
      peer,
      format,
      offer: (provided) => {
        if (this.#slots.find(provided.service) !== undefined || !this.#slots.hasRoom([provided])) return false;
        this.#slots.add(provided);
        return true;
      },
      withdraw: (provided) => {
        if (this.#slots.find(provided.service) === provided) this.withdraw(provided.service);
      },
      lost: (services, reason) => this.#channel.emit({ type: "relayLost", services, reason }),
    });
    this.#relays.set(relay, leave);
  }

  /** The frame at hand as a task; undefined if it was refused. */
  #taskOf(
    id: number,
    service: ProvidedService,
    message: ProvidedMessage,
    deadline: number,
  ): IncomingMessage | undefined {
    const { reader, limits } = this.#channel;
    const task = new IncomingMessage(this, id, service, message, reader.frameBytes, deadline);
    if (reader.metadataBytes > 0) {
      try {
        task.metadata = readMetadata(reader, limits.metadataBytesMax);
      } catch (error) {
        this.#freeFrames.refuse(id, "metadata-invalid", (error as Error).message);
        return undefined;
      }
    }
    if (reader.frame.hasInputs === true) task.inputs = this.#inputsOf(task);
    return task;
  }

  /** What the other side streams to a handler. When that wants no more, the other side is told. */
  #inputsOf(task: IncomingMessage): IncomingFlow {
    const { id } = task;
    const owner = {
      granted: ({ items, bytes }: { items: number; bytes: number }): void => {
        this.#channel.post({ kind: FrameKind.allowInputs, id, service: 0, message: items, amount: bytes });
      },
      left: (): void => {
        if (!task.isDone) this.#channel.post(plain(FrameKind.inputsStop, id));
      },
    };
    const { inputs, isRelayed } = task.message;
    const { reader } = this.#channel;
    return new IncomingFlow(
      this.#channel,
      owner,
      inputs,
      "input",
      isRelayed === true ? new UndecodedReader(reader) : reader,
    );
  }

  /** Calls, streams and watches share their numbers, so that a cancel is about one of them. */
  #isTaken(id: number): boolean {
    return id === 0 || this.#runner.request(id) !== undefined || (this.#watches.size > 0 && this.#watches.has(id));
  }

  /** Runs a request that there is room for, as soon as there is a permit. Streams and what is relayed need none. */
  #admit(task: IncomingMessage): void {
    const semaphore = this.#semaphore;
    if (semaphore === undefined || task.isStream || task.message.isRelayed === true) return this.#runner.run(task);
    if (semaphore.tryAcquire()) {
      task.permit = "held";
      return this.#runner.run(task);
    }
    task.parked ??= this.#channel.reader.copyPayload();
    this.#runner.hold(task);
    task.waitsForPermit = true;
    semaphore.enqueue(task);
  }
}

function unknown(service: ProvidedService | undefined): [code: string, message: string] {
  return service === undefined
    ? ["unknown-service", "there is no such service"]
    : ["unknown-message", "there is no such message"];
}

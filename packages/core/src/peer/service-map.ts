// Which services a peer provides, and who handles each. A capability: only what is in the map of this peer can be
// reached through it, and names are looked up here once, never on an object while messages come in.

import {
  NO_METADATA,
  runIntercepted,
  Scheduler,
  type Address,
  type AnyService,
  type Handlers,
  type InterceptedMessage,
  type Interceptor,
  type Metadata,
  type HandlerContext,
  type Message,
  type Service,
  type Schema,
  type Semaphore,
} from "../actor/index.js";
import type { Identity } from "../transport/index.js";
import type { Channel } from "./channel.js";
import { PeerError } from "./error.js";
import type { Peer } from "./peer.js";
import type { Announcement } from "./announcement.js";
import { Provider } from "./provider.js";
import type { Relay } from "./relay.js";
import type { Providing, ProvidingParts } from "./providing.js";
import { sumOfService, type ProvidedSum } from "./provided-sum.js";

/** What a handler behind a peer is told besides its input. */
export interface CallContext extends HandlerContext {
  /** The connection that the message came over. Call the other side back through it. */
  readonly peer: Peer;
  /** Who the other side is, if the transport has verified it; the same as `peer.remote.identity`. */
  readonly identity: Identity | undefined;
}

/** The same with what only some messages have, whose types say more of it. */
export interface AnyCallContext extends CallContext {
  readonly hasInputs: boolean;
  /** The signal, as far as the request that this is passed on as needs one. */
  readonly relayedSignal: AbortSignal;
  readonly inputs: AsyncIterableIterator<never>;
}

/** How the messages of one service are scheduled. */
export interface ProvideOptions {
  /** How many messages of this service are handled at once. Unlimited unless set. */
  readonly concurrency?: number;
  /**
   * Which waiting message goes first, higher ahead of lower: for all messages or for each. 0 unless set. It matters
   * where messages wait: with a `concurrency`, or in a `scheduler` that services share.
   */
  readonly priority?: number | Readonly<Record<string, number>>;
  /** A scheduler to share with other services, in place of one made from `concurrency`. */
  readonly scheduler?: Scheduler;
  /** What is done around every message of this service, within what the map does; the first one is the outermost. */
  readonly interceptors?: readonly Interceptor[];
  /** Whether the schemas of the service are applied here. True unless set; an actor applies them itself. */
  readonly validate?: boolean;
}

/** One message of a provided service, ready to be run. */
export interface ProvidedMessage {
  readonly name: string;
  readonly kind: Message["kind"];
  readonly input: Schema | undefined;
  /** Of the answer, or of each output of a stream. */
  readonly output: Schema | undefined;
  /** Of each input that the caller streams. */
  readonly inputs: Schema | undefined;
  /** Of the data of each declared error, by its code. */
  readonly errors: Readonly<Record<string, Schema>> | undefined;
  readonly priority: number;
  /** Whether its input, inputs and outputs are passed on undecoded. */
  readonly isRelayed?: boolean;
  /** Returns the answer or a promise of it; of a stream the outputs, or a promise of them. */
  readonly run: (input: unknown, context: AnyCallContext) => unknown;
}

/** One service as a peer provides it. The index of a message is its number on the wire. */
export interface ProvidedService {
  readonly service: AnyService;
  readonly messages: readonly ProvidedMessage[];
  readonly sum: ProvidedSum;
  readonly scheduler: Scheduler | undefined;
  /** The actor behind it, if it is one. */
  readonly address: Pick<Address, "watch"> | undefined;
  /** How it was announced to this side, if it is somebody else's. */
  readonly relayed?: Announcement;
}

const UNCHECKED = { input: undefined, output: undefined, inputs: undefined, errors: undefined };

/** What a map does for all its services. */
export interface ServiceMapOptions {
  /** What is done around every message; the first one is the outermost. */
  readonly interceptors?: readonly Interceptor[];
}

/** The services that peers with this map provide. The same map may serve many peers. */
export class ServiceMap {
  readonly #services = new Map<string, ProvidedService>();
  readonly #interceptors: readonly Interceptor[];
  readonly #relays = new Set<Relay>();

  constructor({ interceptors = [] }: ServiceMapOptions = {}) {
    this.#interceptors = interceptors;
  }

  /**
   * Adds a service, with plain functions that each run in a task of their own, or with the address of whoever handles
   * it. A service of the same name is replaced. Peers that have this map already are not told: see `Peer.provide`.
   *
   * @throws PeerError `handler-missing` if there is no function for a message.
   */
  add<S extends AnyService>(
    service: S,
    handler: Handlers<S["messages"], CallContext> | Address<S>,
    options: ProvideOptions = {},
  ): this {
    // Inside, messages are names and inputs are unknown.
    const address = isAddressOf(service, handler) ? (handler as unknown as Address) : undefined;
    const scheduler =
      options.scheduler ??
      (options.concurrency === undefined ? undefined : new Scheduler({ concurrency: options.concurrency }));
    const names = Object.keys(service.messages);
    const interceptors = [...this.#interceptors, ...(options.interceptors ?? [])];
    const messages = names.map((name): ProvidedMessage => {
      const { kind, input, output, inputs, errors } = service.messages[name] as Message;
      const priority = typeof options.priority === "number" ? options.priority : (options.priority?.[name] ?? 0);
      const end = address === undefined ? handlerOf(service, handler, name) : forwarder(address, name, kind);
      const run = intercepted(service, name, interceptors, end);
      // The actor checks what it is given itself.
      const isChecked = address === undefined && options.validate !== false;
      const checked = isChecked ? { input, output, inputs, errors } : UNCHECKED;
      return { name, kind, ...checked, priority, run };
    });
    const sum = sumOfService(service.name, names);
    this.#services.set(service.name, { service, messages, sum, scheduler, address });
    return this;
  }

  /** Adds everything that is in another map; services of the same name are replaced. */
  addAll(other: ServiceMap): this {
    for (const [name, provided] of other.#services) this.#services.set(name, provided);
    for (const relay of other.#relays) this.#relays.add(relay);
    return this;
  }

  /** Offers what others provide, as it comes and goes: see `Relay`. What is in the map itself goes ahead. */
  relay(relay: Relay): this {
    this.#relays.add(relay);
    return this;
  }

  /** Takes a service out. False if it was not there. */
  remove(service: Service): boolean {
    return this.#services.delete(service.name);
  }

  has(service: Service): boolean {
    return this.#services.has(service.name);
  }

  /**
   * What handles messages for a peer. It comes with the map, so that a peer without one need not load it.
   *
   * @internal
   */
  providerFor(channel: Channel, semaphore: Semaphore | undefined, parts: ProvidingParts): Providing {
    return new Provider(channel, semaphore, parts);
  }

  /**
   * The relays whose services are offered beside those of the map.
   *
   * @internal
   */
  get relays(): Iterable<Relay> {
    return this.#relays;
  }

  /** What is in the map now. */
  provided(): ProvidedService[] {
    return [...this.#services.values()];
  }
}

function isAddressOf<S extends AnyService>(
  service: S,
  handler: Handlers<S["messages"], CallContext> | Address<S>,
): handler is Address<S> {
  // A handler for a message named "service" would be a function.
  return (handler as Partial<Address>).service === service;
}

function handlerOf(service: AnyService, handlers: object, name: string): ProvidedMessage["run"] {
  const handler: unknown = Reflect.get(handlers, name);
  // What every object has, such as `toString`, implements nothing.
  if (typeof handler !== "function" || handler === Reflect.get(Object.prototype, name)) {
    throw new PeerError("handler-missing", `service ${service.name} has no handler for ${name}`);
  }
  return (input, context) => handler.call(handlers, input, context) as unknown;
}

/** Runs a message between interceptors, which cost nothing where there are none. */
function intercepted(
  service: AnyService,
  name: string,
  interceptors: readonly Interceptor[],
  run: ProvidedMessage["run"],
): ProvidedMessage["run"] {
  if (interceptors.length === 0) return run;
  const { kind, idempotent } = service.messages[name] as Message;
  return (input, context) => {
    const message: InterceptedMessage = {
      side: "handler",
      service,
      message: name,
      kind,
      idempotent,
      input,
      metadata: context.metadata,
      get signal() {
        return context.signal;
      },
      get remainingMs() {
        return context.remainingMs;
      },
      context,
    };
    return runIntercepted(interceptors, message, (last, { metadata }) =>
      run(last.input, metadata === undefined ? context : withMetadata(context, metadata)),
    );
  };
}

/** The context of a message whose metadata an interceptor has changed. Its properties are getters: they are looked up there. */
function withMetadata(context: AnyCallContext, metadata: Metadata): AnyCallContext {
  return new Proxy(context, {
    get: (target, property) =>
      property === "metadata" ? metadata : (Reflect.get(target, property, target) as unknown),
  });
}

/** What an address is, with the types of its service left out. */
interface AnyAddress {
  call(message: string, input: unknown, options: object): Promise<unknown>;
  send(message: string, input: unknown, options?: object): Promise<void>;
  stream(message: string, input: unknown, options: object): AsyncIterableIterator<unknown>;
}

/** Passes a message on to whoever handles it, with all that its caller said beside it. */
function forwarder(address: Address, name: string, kind: Message["kind"]): ProvidedMessage["run"] {
  const target = address as unknown as AnyAddress;
  if (kind === "send") {
    return (input, { metadata }) => target.send(name, input, metadata === NO_METADATA ? undefined : { metadata });
  }
  return (input, context) => {
    const { remainingMs, signal, metadata } = context;
    const options = {
      signal,
      ...(remainingMs === Infinity ? {} : { timeoutMs: remainingMs }),
      ...(metadata === NO_METADATA ? {} : { metadata }),
      ...(context.hasInputs ? { inputs: context.inputs } : {}),
    };
    return kind === "call" ? target.call(name, input, options) : target.stream(name, input, options);
  };
}

// The stage of one case: a transport, what listens and what is connected. When the case is over everything is ended,
// and what must hold in every situation is demanded.

import { oneShot, systemClock } from "../../base/index.js";
import type { Connection, Transport, TransportListener, TransportListenOptions } from "../../transport/index.js";
import { demand, type ConformanceCase } from "../conformance-case.js";
import { ObservedConnection, type Observation } from "./observed-connection.js";

/** What an implementer gives for each case. */
export interface TransportSubject {
  readonly transport: Transport;
  /** Something to listen on; what it really is comes from the listener. */
  readonly endpoint: string;
  /** Called when the case is over. */
  readonly dispose?: () => Promise<void> | void;
}

/** Gives each case a subject of its own. */
export type TransportSetup = () => Promise<TransportSubject>;

/** A listener, and what it accepted. */
export interface ObservedListener {
  readonly listener: TransportListener;
  readonly accepted: ObservedConnection[];
  /** The next connection that is accepted and was not asked for yet. */
  nextAccepted(): Promise<ObservedConnection>;
}

/** Everything that a case may use. */
export class Stage {
  readonly transport: Transport;
  readonly endpoint: string;
  readonly #observation: Observation = { inside: undefined, breaches: [] };
  readonly #connections: ObservedConnection[] = [];
  readonly #listeners: TransportListener[] = [];

  constructor({ transport, endpoint }: TransportSubject) {
    this.transport = transport;
    this.endpoint = endpoint;
  }

  async listen(endpoint: string = this.endpoint, options?: TransportListenOptions): Promise<ObservedListener> {
    const accepted: ObservedConnection[] = [];
    const waiting: ((connection: ObservedConnection) => void)[] = [];
    let taken = 0;
    const accept = (connection: Connection): void => {
      const observed = this.#observe(`accepted ${accepted.length + 1}`, connection);
      accepted.push(observed);
      waiting.shift()?.(observed);
    };
    const listener = await this.transport.listen(endpoint, accept, options);
    this.#listeners.push(listener);
    const nextAccepted = (): Promise<ObservedConnection> => {
      const next = accepted[taken++];
      if (next !== undefined) return Promise.resolve(next);
      const { promise, resolve } = oneShot<ObservedConnection>();
      waiting.push(resolve);
      return promise;
    };
    return { listener, accepted, nextAccepted };
  }

  async dial(endpoint: string, signal?: AbortSignal): Promise<ObservedConnection> {
    const connection = await this.transport.connect(endpoint, signal === undefined ? {} : { signal });
    return this.#observe(`dialled ${this.#connections.length + 1}`, connection);
  }

  /** Both ends of a connection, not open yet: who dialled, and who accepted. */
  async pair(): Promise<[ObservedConnection, ObservedConnection]> {
    const listening = await this.listen();
    const [dialled, accepted] = await Promise.all([this.dial(listening.listener.endpoint), listening.nextAccepted()]);
    return [dialled, accepted];
  }

  async openPair(): Promise<[ObservedConnection, ObservedConnection]> {
    const [dialled, accepted] = await this.pair();
    return [dialled.open(), accepted.open()];
  }

  /** Ends what is left. Throws if anything was amiss at any time of the case. */
  async finish(): Promise<void> {
    for (const listener of this.#listeners) await listener.close();
    for (const end of this.#connections) end.abort();
    for (const end of this.#connections) if (end.isOpen) await end.untilClosed();
    await turns();
    for (const end of this.#connections) {
      end.dismiss();
      const { closedCount, connection } = end;
      demand(closedCount === (end.isOpen ? 1 : 0), `${end.name} was told ${closedCount} times that it is closed`);
      demand(connection.buffered === 0, `${end.name} has ${connection.buffered} bytes buffered when it is no more`);
    }
    demand(this.#observation.breaches.length === 0, this.#observation.breaches.join("; "));
  }

  #observe(name: string, connection: Connection): ObservedConnection {
    const observed = new ObservedConnection(name, connection, this.#observation);
    this.#connections.push(observed);
    return observed;
  }
}

/** What a case does on its stage. */
export type StagedRun = (stage: Stage) => Promise<void>;

/** Makes cases of their names and what they do. */
export function stagedCases(setup: TransportSetup, runs: Readonly<Record<string, StagedRun>>): ConformanceCase[] {
  return Object.entries(runs).map(([name, run]) => ({
    name,
    async run() {
      const subject = await setup();
      const stage = new Stage(subject);
      try {
        await run(stage).catch((error: unknown) => explained(stage, error));
        await stage.finish();
      } finally {
        await subject.dispose?.();
      }
    },
  }));
}

/** Ends what a failed case has left and throws its error again; a breach may be what explains it, and is named too. */
async function explained(stage: Stage, error: unknown): Promise<never> {
  const breach = await stage.finish().then(
    () => "",
    (also: unknown) => `; and ${(also as Error).message}`,
  );
  throw new Error(`${(error as Error).message}${breach}`, { cause: error });
}

/** Lets the event loop turn a few times, so that what was on its way has come. */
export async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => systemClock.yield(resolve));
}

/** Demands that `dialling` or listening rejects with this code, and that the message names the endpoint. */
export async function demandRejected(attempt: Promise<unknown>, code: string, endpoint: string): Promise<Error> {
  const error = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown as Error & { code?: string; endpoint?: string },
  );
  demand(error !== undefined, `${endpoint}: it should have been rejected with ${code}`);
  demand(error.code === code, `${endpoint}: rejected with ${error.code} instead of ${code}: ${error.message}`);
  demand(error.endpoint === endpoint, `the error for ${endpoint} is about ${error.endpoint}`);
  demand(error.message.includes(endpoint), `the message does not name ${endpoint}: ${error.message}`);
  return error;
}

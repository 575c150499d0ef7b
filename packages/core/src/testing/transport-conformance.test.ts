// The suite itself: transports that break one promise each must fail it.

import { describe, expect, test } from "vitest";
import { memory, type Connection, type ConnectionEvents, type Transport } from "../transport/index.js";
import { transportConformance, type TransportSubject } from "./index.js";

/** Changes one end of every connection of a memory transport: what the owner calls, and what the owner is told. */
function broken(
  change: (connection: Connection) => Partial<Connection>,
  changeEvents: (events: ConnectionEvents, connection: Connection) => Partial<ConnectionEvents> = () => ({}),
): Transport {
  const transport = memory({ isPrivate: true });
  const wrap = (connection: Connection): Connection => {
    const faithful: Connection = {
      remoteEndpoint: connection.remoteEndpoint,
      localEndpoint: connection.localEndpoint,
      get buffered() {
        return connection.buffered;
      },
      open: (events) => connection.open(wrapEvents(events, changeEvents(events, connection))),
      write: (bytes) => connection.write(bytes),
      pause: () => connection.pause(),
      resume: () => connection.resume(),
      close: () => connection.close(),
      abort: (reason) => connection.abort(reason),
    };
    return Object.defineProperties(faithful, Object.getOwnPropertyDescriptors(change(connection)));
  };
  return {
    schemes: transport.schemes,
    connect: async (endpoint, options) => wrap(await transport.connect(endpoint, options)),
    listen: (endpoint, accept, options) => transport.listen(endpoint, (near) => accept(wrap(near)), options),
  };
}

function wrapEvents(events: ConnectionEvents, changed: Partial<ConnectionEvents>): ConnectionEvents {
  return {
    received: (bytes) => events.received(bytes),
    drained: () => events.drained(),
    ended: () => events.ended(),
    closed: (error) => events.closed(error),
    ...changed,
  };
}

interface Breakage {
  make(): Transport;
  /** What the suite says about it. */
  readonly verdict: RegExp;
}

const BREAKAGES: Record<string, Breakage> = {
  "it garbles bytes": {
    make: () => broken((connection) => ({ write: (bytes) => connection.write(bytes.slice().reverse()) })),
    verdict: /received \d+ bytes, sum \w+, sent were \d+ bytes, sum/,
  },
  "it sends bytes that the caller has taken back": {
    make: () =>
      broken((connection) => ({
        get buffered() {
          return 0;
        },
        write(bytes) {
          // Only views of a larger buffer: writes before close() must not be late.
          if (bytes.length === bytes.buffer.byteLength) return connection.write(bytes);
          queueMicrotask(() => queueMicrotask(() => connection.write(bytes)));
          return true;
        },
      })),
    verdict: /received \d+ bytes, sum \w+, sent were/,
  },
  "it never pushes back": {
    make: () =>
      broken(
        (connection) => ({ write: (bytes) => (connection.write(bytes), true) }),
        () => ({ drained: () => undefined }),
      ),
    verdict: /there is no backpressure/,
  },
  "it calls back from inside a method": {
    make: () => {
      const told = new WeakMap<Connection, ConnectionEvents>();
      return broken(
        (connection) => ({ pause: () => (told.get(connection)?.received(new Uint8Array(1)), connection.pause()) }),
        (events, connection) => (told.set(connection, events), {}),
      );
    },
    verdict: /received came from inside pause\(\)/,
  },
  "it tells closed twice": {
    make: () => broken(faithfully, (events) => ({ closed: (error) => (events.closed(error), events.closed(error)) })),
    verdict: /told 2 times that it is closed/,
  },
  "it hides that it was aborted": {
    make: () => broken(faithfully, (events) => ({ closed: () => events.closed() })),
    verdict: /closed in order without the other side's end/,
  },
  "it drops what is buffered at close()": {
    make: () => broken((connection) => ({ close: () => connection.abort() })),
    verdict: /waited in vain for: 300000 bytes received/,
  },
  "it tells drained when nobody waits": {
    make: () => broken(faithfully, (events) => ({ received: (bytes) => (events.received(bytes), events.drained()) })),
    verdict: /drained although no write had returned false/,
  },
  "it throws in write() after close()": {
    make: () => {
      const closed = new WeakSet<Connection>();
      return broken((connection) => ({
        close: () => (closed.add(connection), connection.close()),
        write(bytes) {
          if (closed.has(connection)) throw new Error("closed already");
          return connection.write(bytes);
        },
      }));
    },
    verdict: /closed already/,
  },
  "it reports errors without their endpoint": {
    make: () => {
      const transport = broken(faithfully);
      const connect = (): Promise<Connection> => Promise.reject(new Error("no"));
      return { ...transport, connect: (endpoint, options) => transport.connect(endpoint, options).catch(connect) };
    },
    verdict: /rejected with undefined instead of connect-refused/,
  },
};

function faithfully(): Partial<Connection> {
  return {};
}

describe("transportConformance()", () => {
  test.each(Object.entries(BREAKAGES))("fails a transport when %s", async (_, { make, verdict }) => {
    const failures: string[] = [];
    const setup = async (): Promise<TransportSubject> => ({ transport: make(), endpoint: "memory://broken" });
    for (const { run } of transportConformance(setup)) {
      await run().catch((error: Error) => failures.push(error.message));
      if (failures.some((message) => verdict.test(message))) break;
    }
    expect(failures).toContainEqual(expect.stringMatching(verdict));
  });
});

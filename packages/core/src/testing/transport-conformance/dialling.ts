// What a transport promises of dialling and listening: typed refusals, exact limits, and endpoints that become free.

import { parseEndpoint } from "../../transport/index.js";
import { demand, type ConformanceCase } from "../conformance-case.js";
import { Checksum, patternBytes } from "./checksum.js";
import type { ObservedConnection } from "./observed-connection.js";
import { demandRejected, stagedCases, turns, type StagedRun, type TransportSetup } from "./stage.js";

const AT_ONCE = 1000;

export function diallingCases(setup: TransportSetup): ConformanceCase[] {
  return stagedCases(setup, {
    "both ends name both ends by endpoints of the transport's schemes": endpointsOfBothEnds,
    "connect() to nobody rejects with connect-refused": connectToNobody,
    "listen() twice on one endpoint rejects with address-in-use": listenTwice,
    "close() of a listener frees the endpoint, and what was accepted goes on": closeListener,
    "connections above connectionsMax are closed, and one that ends makes room for another": connectionsMax,
    "connect() with an aborted signal rejects with cancelled": cancelledBefore,
    "connect() rejects with cancelled when its signal is aborted meanwhile": cancelledMeanwhile,
    "a signal that is aborted after connect() changes nothing": cancelledAfter,
    [`${AT_ONCE} connections at once do not mix`]: manyAtOnce,
    "connect() and listen() reject what is no endpoint of theirs with endpoint-invalid": invalidEndpoints,
  });
}

const endpointsOfBothEnds: StagedRun = async (stage) => {
  const ends = await stage.pair();
  for (const { connection } of ends) {
    for (const endpoint of [connection.localEndpoint, connection.remoteEndpoint]) {
      demand(stage.transport.schemes.includes(parseEndpoint(endpoint).scheme), `${endpoint} has a foreign scheme`);
    }
  }
};

const connectToNobody: StagedRun = async (stage) => {
  const { listener } = await stage.listen();
  await listener.close();
  await demandRejected(stage.transport.connect(listener.endpoint), "connect-refused", listener.endpoint);
};

const listenTwice: StagedRun = async (stage) => {
  const { listener } = await stage.listen();
  await demandRejected(stage.transport.listen(listener.endpoint, ignore), "address-in-use", listener.endpoint);
};

const closeListener: StagedRun = async (stage) => {
  const { listener, nextAccepted } = await stage.listen();
  const dialled = (await stage.dial(listener.endpoint)).open();
  const accepted = (await nextAccepted()).open();
  await Promise.all([listener.close(), listener.close()]);
  const again = await stage.listen(listener.endpoint);
  demand(again.listener.endpoint === listener.endpoint, "the endpoint is another one now");
  await demandEcho(dialled, accepted);
  const dialledAgain = (await stage.dial(listener.endpoint)).open();
  await demandEcho(dialledAgain, (await again.nextAccepted()).open());
  await listener.close();
};

const connectionsMax: StagedRun = async (stage) => {
  const { listener, accepted, nextAccepted } = await stage.listen(stage.endpoint, { connectionsMax: 2 });
  const first = (await stage.dial(listener.endpoint)).open();
  const firstAccepted = (await nextAccepted()).open();
  const second = (await stage.dial(listener.endpoint)).open();
  const secondAccepted = (await nextAccepted()).open();
  const third = await stage.dial(listener.endpoint).catch(() => undefined);
  await third?.open().until("refused", () => third.hasEnded || third.isClosed);
  demand(accepted.length === 2, `accept was called ${accepted.length} times with connectionsMax 2`);
  await demandEcho(first, firstAccepted);
  first.abort();
  await firstAccepted.untilClosed();
  const fourth = (await stage.dial(listener.endpoint)).open();
  await demandEcho(fourth, (await nextAccepted()).open());
  await demandEcho(second, secondAccepted);
};

const cancelledBefore: StagedRun = async (stage) => {
  const { listener, accepted } = await stage.listen();
  const reason = new Error("changed my mind");
  const attempt = stage.transport.connect(listener.endpoint, { signal: AbortSignal.abort(reason) });
  const error = await demandRejected(attempt, "cancelled", listener.endpoint);
  demand(error.cause === reason, "the signal's reason is not the cause");
  await turns();
  demand(accepted.length === 0, "somebody was dialled all the same");
};

const cancelledMeanwhile: StagedRun = async (stage) => {
  const { listener } = await stage.listen();
  const reason = new Error("changed my mind");
  const controller = new AbortController();
  const attempt = stage.transport.connect(listener.endpoint, { signal: controller.signal });
  controller.abort(reason);
  const error = await demandRejected(attempt, "cancelled", listener.endpoint);
  demand(error.cause === reason, "the signal's reason is not the cause");
  await turns();
};

const cancelledAfter: StagedRun = async (stage) => {
  const { listener, nextAccepted } = await stage.listen();
  const controller = new AbortController();
  const dialled = (await stage.dial(listener.endpoint, controller.signal)).open();
  const accepted = (await nextAccepted()).open();
  controller.abort();
  await turns();
  await demandEcho(dialled, accepted);
};

const manyAtOnce: StagedRun = async (stage) => {
  const { listener, accepted } = await stage.listen();
  const dials = Array.from({ length: AT_ONCE }, () => stage.dial(listener.endpoint));
  const dialled = await Promise.all(dials);
  for (let i = 0; accepted.length < AT_ONCE; i++) {
    demand(i < 100_000, `${accepted.length} of ${AT_ONCE} were accepted`);
    await turns(1);
  }
  for (const end of accepted) {
    end.onReceived = (bytes) => void end.connection.write(bytes.slice());
    end.onEnded = () => end.connection.close();
    end.open();
  }
  const talk = async (end: ObservedConnection, index: number): Promise<void> => {
    const bytes = patternBytes(2000 + index, index);
    end.open().write(bytes);
    end.close();
    await end.untilClosed();
    demand(end.closedBy === undefined, `${end.name} was closed with ${end.closedBy?.code}`);
    demand(end.received.text === new Checksum().add(bytes).text, `${end.name} got something else back than it sent`);
  };
  await Promise.all(dialled.map(talk));
};

const invalidEndpoints: StagedRun = async (stage) => {
  const scheme = stage.transport.schemes[0] as string;
  for (const endpoint of [
    "",
    "no endpoint",
    `${scheme}:`,
    `${scheme}://`,
    `${scheme}://a b`,
    "other-scheme://host:1",
  ]) {
    await demandRejected(stage.transport.connect(endpoint), "endpoint-invalid", endpoint);
    await demandRejected(stage.transport.listen(endpoint, ignore), "endpoint-invalid", endpoint);
  }
};

/** Demands that bytes get across, both ways. */
async function demandEcho(one: ObservedConnection, other: ObservedConnection): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const { byteCount } = to.received;
    await from.send(patternBytes(1000, 1));
    await to.untilReceived(byteCount + 1000);
  }
}

function ignore(): void {}

// What a transport promises of ends: close lets everything through, abort nothing, and closed comes once.

import { demand, type ConformanceCase } from "../conformance-case.js";
import { fill } from "./backpressure.js";
import { Checksum, patternBytes } from "./checksum.js";
import { demandReceived } from "./flow.js";
import type { ObservedConnection } from "./observed-connection.js";
import { stagedCases, turns, type Stage, type StagedRun, type TransportSetup } from "./stage.js";

export function endingCases(setup: TransportSetup): ConformanceCase[] {
  return stagedCases(setup, {
    "close() by the dialler ends the acceptor, who may still reply and then close": (stage) => closeAndReply(stage, 0),
    "close() by the acceptor ends the dialler, who may still reply and then close": (stage) => closeAndReply(stage, 1),
    "close() by both at once closes both in order": closeByBoth,
    "close() with bytes still buffered sends them all first": closeWhileFull,
    "write() after close() returns false and sends nothing": writeAfterClose,
    "every method is harmless after closed": methodsAfterClosed,
    "abort() by the dialler closes both with an error": (stage) => abortByOne(stage, 0),
    "abort() by the acceptor closes both with an error": (stage) => abortByOne(stage, 1),
    "abort() by a writer with bytes buffered closes both at once": (stage) => abortWhileFull(stage, "writer"),
    "abort() by a reader that is paused closes both at once": (stage) => abortWhileFull(stage, "reader"),
    "abort() after close() does not wait for the other side": abortAfterClose,
    "abort() by the dialler in the same turn as close() closes": (stage) => abortWithClose(stage, 0),
    "abort() by the acceptor in the same turn as close() closes": (stage) => abortWithClose(stage, 1),
    "abort() by the dialler in the same turn as the last close() closes": (stage) => abortWithLastClose(stage, 0),
    "abort() by the acceptor in the same turn as the last close() closes": (stage) => abortWithLastClose(stage, 1),
    "abort() inside received is the last that is received": abortInside,
    "abort() twice keeps the first reason, and write() afterwards is harmless": abortTwice,
    "abort() before open() is told after it": abortBeforeOpen,
    "abort() by the other side before open() is told after it": abortedBeforeOpen,
  });
}

async function closeAndReply(stage: Stage, closerIndex: 0 | 1): Promise<void> {
  const ends = await stage.openPair();
  const closer = ends[closerIndex];
  const other = ends[1 - closerIndex] as ObservedConnection;
  const request = patternBytes(1000, 1);
  const reply = patternBytes(100_000, 2);
  closer.write(request);
  closer.close();
  closer.close();
  await other.untilEnded();
  demand(other.received.text === new Checksum().add(request).text, "the end came before the bytes");
  demand(!other.isClosed && !closer.isClosed, "closed before both sides had closed");
  await other.send(reply);
  await demandReceived(closer, new Checksum().add(reply));
  other.close();
  await demandClosedInOrder(ends);
}

const closeByBoth: StagedRun = async (stage) => {
  const ends = await stage.openPair();
  for (const end of ends) {
    end.write(patternBytes(5000, 1));
    end.close();
  }
  await demandClosedInOrder(ends);
  for (const end of ends) demand(end.received.byteCount === 5000, `${end.name} lost bytes that were written before`);
};

const closeWhileFull: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  accepted.pause();
  const sent = await fill(dialled);
  dialled.close();
  await turns();
  demand(!dialled.isClosed, "closed with bytes still buffered");
  accepted.resume();
  await demandReceived(accepted, sent);
  await accepted.untilEnded();
  accepted.close();
  await demandClosedInOrder([dialled, accepted]);
};

const writeAfterClose: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  dialled.close();
  demand(!dialled.write(patternBytes(100, 1)), "write() after close() returned true");
  await accepted.untilEnded();
  await turns();
  demand(accepted.received.byteCount === 0, "bytes that were written after close() arrived");
  accepted.close();
  await demandClosedInOrder([dialled, accepted]);
};

const methodsAfterClosed: StagedRun = async (stage) => {
  const ends = await stage.openPair();
  for (const end of ends) end.close();
  await demandClosedInOrder(ends);
  for (const end of ends) callEverything(end);
  await turns();
};

async function abortByOne(stage: Stage, aborterIndex: 0 | 1): Promise<void> {
  const ends = await stage.openPair();
  const aborter = ends[aborterIndex];
  const other = ends[1 - aborterIndex] as ObservedConnection;
  aborter.write(patternBytes(100, 1));
  other.write(patternBytes(100, 1));
  await Promise.all([other.untilReceived(100), aborter.untilReceived(100)]);
  const reason = new Error("enough");
  aborter.abort(reason);
  await demandAborted(aborter, other, reason);
}

async function abortWhileFull(stage: Stage, by: "reader" | "writer"): Promise<void> {
  const [writer, reader] = await stage.openPair();
  reader.pause();
  await fill(writer);
  const reason = new Error("enough");
  if (by === "writer") {
    writer.abort(reason);
    // Paused, it may not notice.
    reader.resume();
    await demandAborted(writer, reader, reason);
  } else {
    reader.abort(reason);
    await demandAborted(reader, writer, reason);
  }
}

const abortAfterClose: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  dialled.close();
  await accepted.untilEnded();
  const reason = new Error("waited long enough");
  dialled.abort(reason);
  await dialled.untilClosed();
  demand(dialled.closedBy?.cause === reason, "the reason of abort() is not the cause of closed");
  accepted.abort();
  await accepted.untilClosed();
};

async function abortWithClose(stage: Stage, aborterIndex: 0 | 1): Promise<void> {
  const ends = await stage.openPair();
  const aborter = ends[aborterIndex];
  const other = ends[1 - aborterIndex] as ObservedConnection;
  const reason = new Error("not worth waiting for");
  aborter.close();
  aborter.abort(reason);
  await aborter.untilClosed();
  demand(aborter.closedBy?.cause === reason, "the reason of abort() is not the cause of closed");
  other.abort();
  await other.untilClosed();
}

/** Whether that is an orderly end still, or none any more, is the transport's to say. */
async function abortWithLastClose(stage: Stage, aborterIndex: 0 | 1): Promise<void> {
  const ends = await stage.openPair();
  const aborter = ends[aborterIndex];
  const other = ends[1 - aborterIndex] as ObservedConnection;
  other.close();
  await aborter.untilEnded();
  aborter.close();
  aborter.abort();
  await Promise.all([aborter.untilClosed(), other.untilClosed()]);
}

const abortInside: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  let receivedAfter = 0;
  accepted.onReceived = () => {
    accepted.onReceived = () => receivedAfter++;
    accepted.abort();
  };
  for (let i = 0; i < 20; i++) dialled.write(patternBytes(50_000, i));
  await Promise.all([accepted.untilClosed(), dialled.untilClosed()]);
  demand(receivedAfter === 0, `received ${receivedAfter} more pieces after abort()`);
};

const abortTwice: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  const reason = new Error("first");
  dialled.abort(reason);
  dialled.abort(new Error("second"));
  demand(!dialled.write(patternBytes(10, 1)), "write() after abort() returned true");
  callEverything(dialled);
  await demandAborted(dialled, accepted, reason);
  callEverything(dialled);
  await turns();
};

const abortBeforeOpen: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.pair();
  accepted.open();
  const reason = new Error("not wanted");
  dialled.abort(reason);
  await accepted.untilClosed();
  dialled.open();
  await demandAborted(dialled, accepted, reason);
};

const abortedBeforeOpen: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.pair();
  dialled.open().abort();
  await dialled.untilClosed();
  accepted.open();
  await accepted.untilClosed();
  demand(accepted.closedBy !== undefined, "closed in order though the other side had aborted");
};

function callEverything(end: ObservedConnection): void {
  end.pause();
  end.resume();
  demand(!end.write(patternBytes(10, 1)), `write() of ${end.name} returned true after its end`);
  end.close();
  end.abort(new Error("too late"));
}

async function demandClosedInOrder(ends: readonly ObservedConnection[]): Promise<void> {
  for (const end of ends) await end.untilClosed();
  for (const { name, closedBy } of ends) {
    demand(
      closedBy === undefined,
      `${name} was closed with ${closedBy?.code} instead of in order: ${closedBy?.message}`,
    );
  }
}

async function demandAborted(aborter: ObservedConnection, other: ObservedConnection, reason: unknown): Promise<void> {
  await Promise.all([aborter.untilClosed(), other.untilClosed()]);
  const { closedBy } = aborter;
  demand(
    closedBy?.code === "connection-aborted",
    `${aborter.name} was closed with ${closedBy?.code} after its abort()`,
  );
  demand(closedBy.cause === reason, "the reason of abort() is not the cause of closed");
  demand(other.closedBy !== undefined, `${other.name} was closed in order though the other side had aborted`);
}

// What a transport promises of backpressure: a reader that pauses slows its writer, and nothing is lost by it.

import { demand, type ConformanceCase } from "../conformance-case.js";
import { Checksum, patternBytes } from "./checksum.js";
import { demandReceived } from "./flow.js";
import type { ObservedConnection } from "./observed-connection.js";
import { stagedCases, turns, type StagedRun, type TransportSetup } from "./stage.js";

const PIECE_BYTES = 65_536;

/** More than any system buffers for one connection. */
const FILL_BYTES_MAX = 67_108_864;

export function backpressureCases(setup: TransportSetup): ConformanceCase[] {
  return stagedCases(setup, {
    "a paused acceptor makes the dialler's write() return false, and drained follows its resume()": (stage) =>
      slowReader(stage, 0),
    "a paused dialler makes the acceptor's write() return false, and drained follows its resume()": (stage) =>
      slowReader(stage, 1),
    "both sides paused and full at once get going again": bothFull,
    "pause() inside received holds back the rest, and resume() loses nothing": pauseInside,
    "pause() before open() holds everything back": pauseBeforeOpen,
    "resume() right after pause() changes nothing": pauseAndResume,
  });
}

const slowReader = async (stage: Parameters<StagedRun>[0], writerIndex: 0 | 1): Promise<void> => {
  const ends = await stage.openPair();
  const writer = ends[writerIndex];
  const reader = ends[1 - writerIndex] as ObservedConnection;
  reader.pause();
  const sent = await fill(writer);
  const { drainedCount } = writer;
  const { byteCount } = reader.received;
  await turns(50);
  demand(reader.received.byteCount === byteCount, "a paused reader went on receiving");
  demand(writer.drainedCount === drainedCount, "the writer was told drained though nobody reads");
  reader.resume();
  await writer.until("drained", () => writer.drainedCount > drainedCount);
  await demandReceived(reader, sent);
  const more = patternBytes(100, 1);
  writer.write(more);
  await demandReceived(reader, sent.add(more));
};

const bothFull: StagedRun = async (stage) => {
  const ends = await stage.openPair();
  for (const end of ends) end.pause();
  const sent = [await fill(ends[0]), await fill(ends[1])];
  for (const end of ends) end.resume();
  await demandReceived(ends[1], sent[0]);
  await demandReceived(ends[0], sent[1]);
};

const pauseInside: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  let isPaused = false;
  let late = 0;
  let pauses = 0;
  accepted.onReceived = () => {
    if (isPaused) late++;
    isPaused = true;
    pauses++;
    accepted.pause();
    void turns(1).then(() => {
      isPaused = false;
      accepted.resume();
    });
  };
  const sent = new Checksum();
  for (let i = 0; i < 20; i++) {
    const bytes = patternBytes(50_000, i);
    sent.add(bytes);
    await dialled.send(bytes);
  }
  await demandReceived(accepted, sent);
  // What is on its way inside the process may still come: that is one piece at most after each pause.
  demand(late <= pauses / 2, `${late} of ${pauses} pieces came while the reader was paused`);
};

const pauseBeforeOpen: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.pair();
  const bytes = patternBytes(1000, 1);
  accepted.pause();
  accepted.open();
  dialled.open().write(bytes);
  dialled.close();
  await turns(50);
  demand(
    accepted.received.byteCount === 0 && !accepted.hasEnded,
    "a connection paused from the start received something",
  );
  accepted.resume();
  await demandReceived(accepted, new Checksum().add(bytes));
  await accepted.untilEnded();
};

const pauseAndResume: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  accepted.pause();
  accepted.pause();
  accepted.resume();
  accepted.resume();
  const bytes = patternBytes(200_000, 1);
  await dialled.send(bytes);
  await demandReceived(accepted, new Checksum().add(bytes));
};

/** Writes until the connection, and all that lies behind it, takes no more. */
export async function fill(writer: ObservedConnection): Promise<Checksum> {
  const sent = new Checksum();
  for (let seed = 0; sent.byteCount < FILL_BYTES_MAX; seed++) {
    const bytes = patternBytes(PIECE_BYTES, seed);
    sent.add(bytes);
    const before = writer.drainedCount;
    const isTaken = writer.write(bytes);
    const { buffered } = writer.connection;
    demand(buffered <= sent.byteCount, `${buffered} bytes are buffered and only ${sent.byteCount} were written`);
    if (isTaken) continue;
    demand(buffered > 0, "write() returned false with nothing buffered");
    // The system's own buffers take some more in a while; full is what stays full.
    await turns(20);
    if (writer.drainedCount === before) return sent;
  }
  throw new Error(`${FILL_BYTES_MAX} bytes were taken though the reader is paused: there is no backpressure`);
}

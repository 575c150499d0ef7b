// What a transport promises of bytes: all of them, in order, unchanged.

import { demand, type ConformanceCase } from "../conformance-case.js";
import { Checksum, patternBytes } from "./checksum.js";
import type { ObservedConnection } from "./observed-connection.js";
import { stagedCases, turns, type StagedRun, type TransportSetup } from "./stage.js";

const SIZES = [1, 2, 3, 7, 64, 1000, 4095, 4096, 16_384, 65_535, 65_536, 65_537, 262_144, 1_048_576, 4_194_304];

export function flowCases(setup: TransportSetup): ConformanceCase[] {
  return stagedCases(setup, {
    "bytes of all sizes from 1 B to 4 MiB arrive whole and in order, both ways at once": everySize,
    "64 MiB arrive whole and in order": sixtyFourMiB,
    "many small writes in one turn arrive in order": manySmallWrites,
    "what arrives before open() is received after it, with the end": openLate,
    "what is written before the writer's open() arrives": writeBeforeOpen,
    "bytes are the caller's again as soon as buffered is 0": borrowedBytes,
    "received bytes do not change when more arrive": keptBytes,
    "a write of no bytes is harmless and nothing is received": emptyWrite,
  });
}

const everySize: StagedRun = async (stage) => {
  const ends = await stage.openPair();
  const sent = ends.map(() => new Checksum());
  const sendAll = async (end: ObservedConnection, index: number): Promise<void> => {
    for (const size of SIZES) {
      const bytes = patternBytes(size, size + index);
      sent[index]?.add(bytes);
      await end.send(bytes);
    }
  };
  await Promise.all(ends.map(sendAll));
  await demandReceived(ends[1], sent[0]);
  await demandReceived(ends[0], sent[1]);
};

const sixtyFourMiB: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  const sent = new Checksum();
  const piece = patternBytes(1_048_576, 1);
  for (let i = 0; i < 64; i++) {
    sent.add(piece);
    await dialled.send(piece);
  }
  await demandReceived(accepted, sent);
};

const manySmallWrites: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  const sent = new Checksum();
  for (let i = 0; i < 5000; i++) {
    const bytes = patternBytes((i % 50) + 1, i);
    sent.add(bytes);
    dialled.write(bytes);
  }
  await demandReceived(accepted, sent);
};

const openLate: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.pair();
  const bytes = patternBytes(300_000, 1);
  dialled.open().write(bytes);
  dialled.close();
  await turns();
  accepted.open();
  await demandReceived(accepted, new Checksum().add(bytes));
  await accepted.untilEnded();
  accepted.close();
  await Promise.all([accepted.untilClosed(), dialled.untilClosed()]);
  demand(accepted.closedBy === undefined, `closed with ${accepted.closedBy?.code} instead of in order`);
};

const writeBeforeOpen: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.pair();
  const sent = new Checksum();
  for (const size of [10, 200_000, 10]) {
    const bytes = patternBytes(size, size);
    sent.add(bytes);
    dialled.write(bytes);
  }
  accepted.open();
  dialled.open();
  await demandReceived(accepted, sent);
};

const borrowedBytes: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  const slab = new Uint8Array(1_048_576);
  const sent = new Checksum();
  for (const size of [1, 100, 70_000, slab.length, 5, slab.length]) {
    const bytes = slab.subarray(0, size);
    bytes.set(patternBytes(size, size));
    sent.add(bytes);
    if (dialled.write(bytes)) {
      for (let i = 0; dialled.connection.buffered > 0; i++) {
        demand(i < 100_000, `${dialled.connection.buffered} bytes of ${size} stay buffered though the reader reads`);
        await turns(1);
      }
    } else {
      const { drainedCount } = dialled;
      await dialled.until("drained", () => dialled.drainedCount > drainedCount);
    }
    slab.fill(0xff);
  }
  await demandReceived(accepted, sent);
};

const keptBytes: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  accepted.pieces = [];
  const sent = new Checksum();
  for (let i = 0; i < 50; i++) {
    const bytes = patternBytes(3000 + i, i);
    sent.add(bytes);
    await dialled.send(bytes);
    await accepted.untilReceived(sent.byteCount);
  }
  const kept = new Checksum();
  for (const piece of accepted.pieces) kept.add(piece);
  demand(kept.text === sent.text, `what was received is now ${kept.text} and was ${sent.text}`);
};

const emptyWrite: StagedRun = async (stage) => {
  const [dialled, accepted] = await stage.openPair();
  demand(dialled.write(new Uint8Array(0)), "a write of nothing returned false on an idle connection");
  dialled.write(patternBytes(3, 1));
  dialled.write(new Uint8Array(0));
  dialled.close();
  await demandReceived(accepted, new Checksum().add(patternBytes(3, 1)));
  await accepted.untilEnded();
};

/** Waits for as many bytes as were sent, and demands that they are the same. */
export async function demandReceived(end: ObservedConnection, sent: Checksum | undefined): Promise<void> {
  demand(sent !== undefined, "nothing was sent");
  await end.untilReceived(sent.byteCount);
  demand(end.received.text === sent.text, `${end.name} received ${end.received.text}, sent were ${sent.text}`);
}

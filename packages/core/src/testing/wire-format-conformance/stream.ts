// What a wire format promises of a stream of frames: all of them, whole and in order, however the bytes are cut.

import { FrameBuffer, WIRE_LIMITS, wholeUpTo } from "../../wire/index.js";
import { demand } from "../conformance-case.js";
import type { Specimen, Specimens } from "./specimen.js";

export type FormatRun = (specimens: Specimens) => void;

export const STREAM_CASES: Readonly<Record<string, FormatRun>> = {
  "a frame of every kind arrives whole": (specimens) => {
    const reader = specimens.reader();
    for (const specimen of specimens.oneOfEach()) {
      const bytes = specimens.write([specimen]);
      reader.push(bytes);
      specimens.demandNext(reader, specimen, "alone");
      demand(reader.frameBytes === bytes.length, `frameBytes is ${reader.frameBytes} for a frame of ${bytes.length}`);
      specimens.demandEnd(reader, "alone");
    }
  },

  "every field arrives at its extremes": (specimens) => {
    const reader = specimens.reader();
    for (const specimen of specimens.extremes()) {
      reader.push(specimens.write([specimen]));
      specimens.demandNext(reader, specimen, "at an extreme");
    }
    specimens.demandEnd(reader, "at the extremes");
  },

  "several frames in one chunk arrive in order": (specimens) => {
    const frames = [...specimens.oneOfEach(), ...specimens.oneOfEach(), ...specimens.oneOfEach()];
    const reader = specimens.reader();
    reader.push(specimens.write(frames));
    for (const frame of frames) specimens.demandNext(reader, frame, "in one chunk");
    specimens.demandEnd(reader, "in one chunk");
  },

  "frames arrive one byte at a time": (specimens) => {
    const frames = [...specimens.oneOfEach(), ...specimens.oneOfEach()];
    arriveInPieces(specimens, frames, () => 1, "one byte at a time");
  },

  "chunks that wait to be taken are taken in order": (specimens) => {
    const frames = specimens.oneOfEach();
    const bytes = specimens.write(frames);
    const reader = specimens.reader();
    for (let at = 0; at < bytes.length; at += 3) reader.push(bytes.slice(at, at + 3));
    demand(reader.buffered === bytes.length, `${reader.buffered} bytes are held of ${bytes.length} that were pushed`);
    for (const frame of frames) specimens.demandNext(reader, frame, "in waiting chunks");
    specimens.demandEnd(reader, "in waiting chunks");
  },

  "a stream of frames arrives wherever it is cut in two": (specimens) => {
    // Short, since each of its bytes is a stream of its own.
    const frames = specimens
      .oneOfEach()
      .map(({ header }) => ({ header, payload: specimens.payloadKinds.includes(header.kind) ? "short" : undefined }));
    const bytes = specimens.write(frames);
    for (let cut = 1; cut < bytes.length; cut++) {
      const reader = specimens.reader();
      let arrived = 0;
      for (const piece of [bytes.slice(0, cut), bytes.slice(cut)]) {
        reader.push(piece);
        while (reader.next()) specimens.demandSame(reader, frames[arrived++] as Specimen, `cut at ${cut}`);
      }
      demand(arrived === frames.length, `cut at ${cut}, ${arrived} of ${frames.length} frames arrived`);
    }
  },

  "a frame longer than a chunk arrives": (specimens) => {
    const kind = specimens.payloadKinds[0];
    if (kind === undefined) return;
    const long = { header: specimens.make(kind).header, payload: "0123456789".repeat(30_000) };
    const frames = [specimens.make(), long, specimens.make(), long];
    arriveInPieces(specimens, frames, () => 1000, "in chunks of 1000 bytes");
    arriveInPieces(specimens, frames, () => 65_536, "in chunks of 64 KiB");
  },

  "frames made by chance arrive in pieces of random length": (specimens) => {
    const { random } = specimens;
    for (let left = specimens.rounds; left > 0; left -= 100) {
      const frames = Array.from({ length: Math.min(left, 100) }, () => specimens.make());
      const longest = random.pick([3, 20, 200, 5000]);
      arriveInPieces(specimens, frames, () => 1 + random.integer(longest), `seed ${random.seed}, ${left} frames left`);
    }
  },

  "bytes that end inside a frame give nothing": (specimens) => {
    for (const specimen of specimens.oneOfEach()) {
      const bytes = specimens.write([specimen]);
      for (let length = 0; length < bytes.length; length++) {
        const reader = specimens.reader();
        if (length > 0) reader.push(bytes.slice(0, length));
        demand(
          !reader.next(),
          `a frame of kind ${specimen.header.kind} was given after ${length} bytes of ${bytes.length}`,
        );
        demand(reader.buffered === length, `${reader.buffered} bytes are held of ${length} that were pushed`);
      }
    }
  },

  "two readers take turns and share nothing": (specimens) => {
    const streams = [specimens.oneOfEach(), specimens.oneOfEach().reverse()].map((frames) => {
      return { frames, bytes: specimens.write(frames), reader: specimens.reader(), arrived: 0 };
    });
    for (let at = 0; streams.some(({ bytes }) => at < bytes.length); at += 5) {
      for (const stream of streams) {
        const piece = stream.bytes.slice(at, at + 5);
        if (piece.length > 0) stream.reader.push(piece);
        while (stream.reader.next()) {
          specimens.demandSame(stream.reader, stream.frames[stream.arrived++] as Specimen, "beside another reader");
        }
      }
    }
    for (const { frames, arrived } of streams)
      demand(arrived === frames.length, `${arrived} of ${frames.length} arrived`);
  },

  "forward writes what write does": (specimens) => {
    for (const kind of specimens.payloadKinds) {
      const { header, payload } = specimens.make(kind);
      const buffer = new FrameBuffer();
      const bytes = specimens.format.forward(
        buffer,
        header,
        specimens.format.encode(payload),
        wholeUpTo(WIRE_LIMITS.frameBytesMax),
      );
      const forwarded = buffer.take();
      demand(bytes === forwarded.length, `forward returned ${Number(bytes)} for a frame of ${forwarded.length} bytes`);
      const written = specimens.write([{ header, payload }]);
      demand(
        forwarded.length === written.length && forwarded.every((byte, at) => byte === written[at]),
        `a frame of kind ${kind} is forwarded as other bytes than it is written`,
      );
    }
  },
};

/** Pushes frames in pieces, taking what is whole after each. */
function arriveInPieces(
  specimens: Specimens,
  frames: readonly Specimen[],
  pieceBytes: () => number,
  where: string,
): void {
  const bytes = specimens.write(frames);
  const reader = specimens.reader();
  let arrived = 0;
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + pieceBytes());
    reader.push(bytes.slice(at, end));
    at = end;
    while (reader.next()) {
      demand(arrived < frames.length, `${where}: more frames arrived than were written`);
      specimens.demandSame(reader, frames[arrived++] as Specimen, where);
    }
  }
  demand(arrived === frames.length, `${where}: ${arrived} of ${frames.length} frames arrived`);
  specimens.demandEnd(reader, where);
}

// What a wire format promises when something is wrong: limits, refusals, and memory that is nobody else's.

import { FrameBuffer, wholeUpTo } from "../../wire/index.js";
import { demand } from "../conformance-case.js";
import { codeOf, hex, type Specimens } from "./specimen.js";
import type { FormatRun } from "./stream.js";

const LIMIT = 2000;

export const SAFETY_CASES: Readonly<Record<string, FormatRun>> = {
  "a frame of exactly frameBytesMax is written and read, one byte more is neither": (specimens) => {
    for (const kind of specimens.payloadKinds) {
      const { header } = specimens.make(kind);
      const fits = textFor(specimens, kind, LIMIT);
      const buffer = new FrameBuffer();
      const bytes = specimens.format.write(buffer, header, fits, wholeUpTo(LIMIT));
      demand(bytes === LIMIT, `the frame has ${Number(bytes)} bytes instead of ${LIMIT}`);
      const reader = specimens.reader({ frameBytesMax: LIMIT });
      reader.push(buffer.take());
      demand(reader.next() && reader.value() === fits, `a frame of ${LIMIT} bytes did not arrive`);

      const refused = codeOf(() => specimens.format.write(buffer, header, `${fits}.`, wholeUpTo(LIMIT)));
      demand(refused === "payload-too-long", `writing one byte too many gave ${String(refused)}`);
      const encoded = specimens.format.encode(`${fits}.`);
      const notForwarded = codeOf(() => specimens.format.forward(buffer, header, encoded, wholeUpTo(LIMIT)));
      demand(notForwarded === "payload-too-long", `forwarding one byte too many gave ${String(notForwarded)}`);
      demand(buffer.end === buffer.start, "a frame that was refused left something in the writer");

      specimens.format.write(buffer, header, `${fits}.`, wholeUpTo(LIMIT + 1));
      const strict = specimens.reader({ frameBytesMax: LIMIT });
      strict.push(buffer.take());
      const unread = codeOf(() => strict.next());
      demand(unread === "frame-too-long", `reading one byte too many gave ${String(unread)}`);
    }
  },

  "a frame that is too long is refused by its header, before it is held": (specimens) => {
    for (const kind of specimens.payloadKinds) {
      const buffer = new FrameBuffer();
      specimens.format.write(buffer, specimens.make(kind).header, "a".repeat(500_000), wholeUpTo(1_000_000));
      const head = buffer.take().slice(0, 64);
      for (const pieceBytes of [head.length, 1]) {
        const reader = specimens.reader();
        reader.frameBytesMax = LIMIT;
        let refused: unknown;
        let pushed = 0;
        for (; pushed < head.length && refused === undefined; pushed += pieceBytes) {
          reader.push(head.slice(pushed, pushed + pieceBytes));
          refused = codeOf(() => reader.next());
        }
        demand(refused === "frame-too-long", `64 bytes of a frame that is too long gave ${String(refused)}`);
        demand(reader.buffered <= pushed, `${reader.buffered} bytes are held of ${pushed} that were pushed`);
      }
    }
  },

  "frameBytesMax can be raised while bytes wait": (specimens) => {
    const [kind] = specimens.payloadKinds;
    if (kind === undefined) return;
    const first = { header: specimens.make(kind).header, payload: 1 };
    const second = { header: specimens.make(kind).header, payload: "a".repeat(LIMIT) };
    const reader = specimens.reader();
    reader.frameBytesMax = 100;
    reader.push(specimens.write([first, second]));
    specimens.demandNext(reader, first, "below the limit");
    reader.frameBytesMax = 2 * LIMIT;
    specimens.demandNext(reader, second, "below the raised limit");
  },

  "a write that fails leaves the writer as it was": (specimens) => {
    const [kind] = specimens.payloadKinds;
    if (kind === undefined) return;
    const { header } = specimens.make(kind);
    const loop: unknown[] = [];
    loop.push(loop);
    const getter = {
      get area(): never {
        throw new Error("no");
      },
    };
    const unsupported = [() => 1, Symbol("s"), loop, getter, [1, { deep: () => 1 }]];
    const buffer = new FrameBuffer();
    const before = specimens.make();
    const after = specimens.make();
    specimens.format.write(buffer, before.header, before.payload, wholeUpTo(1_000_000));
    const { end } = buffer;
    const written = hex(buffer.bytes.slice(0, end));
    for (const value of unsupported) {
      const refused = codeOf(() => specimens.format.write(buffer, header, value, wholeUpTo(1_000_000)));
      demand(refused === "payload-unsupported", `a value that cannot be sent gave ${String(refused)}`);
      const unencoded = codeOf(() => specimens.format.encode(value));
      demand(unencoded === "payload-unsupported", `encoding a value that cannot be sent gave ${String(unencoded)}`);
      demand(buffer.end === end, "a frame that could not be written moved the end of the writer");
    }
    demand(hex(buffer.bytes.slice(0, end)) === written, "a frame that could not be written changed those before it");
    specimens.format.write(buffer, after.header, after.payload, wholeUpTo(1_000_000));
    const reader = specimens.reader();
    reader.push(buffer.take());
    specimens.demandNext(reader, before, "before a write that failed");
    specimens.demandNext(reader, after, "after a write that failed");
    specimens.demandEnd(reader, "after a write that failed");
  },

  "copyPayload gives what decode makes the value of, whatever becomes of the chunk": (specimens) => {
    for (let i = 0; i < 200; i++) {
      const specimen = specimens.make(specimens.random.pick(specimens.payloadKinds));
      const chunk = specimens.write([specimen]);
      const reader = specimens.reader();
      reader.push(chunk);
      demand(reader.next(), "the frame did not arrive");
      const kept = reader.copyPayload();
      const value = reader.value();
      chunk.fill(0xff);
      specimens.demandSameValue(value, specimen.payload, "value()");
      specimens.demandSameValue(reader.decode(kept), specimen.payload, "decode() of what copyPayload() gave");
      specimens.demandSameValue(specimens.reader().decode(kept), specimen.payload, "decode() of another reader");
    }
  },

  "decoded bytes own their memory": (specimens) => {
    const [kind] = specimens.payloadKinds;
    if (kind === undefined || !specimens.carriesByteArrays) return;
    for (const length of [1, 16, 5000, 100_000]) {
      const sent = specimens.random.bytes(length);
      const chunk = specimens.write([{ header: specimens.make(kind).header, payload: { bytes: sent } }]);
      const reader = specimens.reader();
      reader.push(chunk);
      demand(reader.next(), "the frame did not arrive");
      const { bytes } = reader.value() as { bytes: Uint8Array };
      chunk.fill(0xff);
      demand(hex(bytes) === hex(sent), `${length} bytes changed with the chunk that they came in`);
      const heldBytes = bytes.buffer.byteLength;
      demand(heldBytes <= length + 64, `${length} bytes hold on to ${heldBytes} bytes of memory`);
    }
  },

  "a payload that may not travel is refused, and the next frame is read": (specimens) => {
    const [kind] = specimens.payloadKinds;
    if (kind === undefined) return;
    const reader = specimens.reader();
    for (const { name, bytes, code } of specimens.hostile) {
      const buffer = new FrameBuffer();
      specimens.format.forward(buffer, specimens.make(kind).header, bytes, wholeUpTo(1_000_000));
      const next = specimens.make(kind);
      reader.push(buffer.take());
      reader.push(specimens.write([next]));
      demand(reader.next(), `${name}: the frame did not arrive`);
      const refused = codeOf(() => reader.value());
      demand(refused === code, `${name}: value() gave ${String(refused)} instead of ${code}`);
      const undecoded = codeOf(() => reader.decode(bytes));
      demand(undecoded === code, `${name}: decode() gave ${String(undecoded)} instead of ${code}`);
      specimens.demandNext(reader, next, `after ${name}`);
    }
    specimens.demandEnd(reader, "after payloads that were refused");
  },
};

/** A text that makes a frame of `kind` exactly `frameBytes` long. */
function textFor(specimens: Specimens, kind: number, frameBytes: number): string {
  const half = "a".repeat(frameBytes / 2);
  const bytes = specimens.write([{ header: specimens.make(kind).header, payload: half }]).length;
  return half + "a".repeat(frameBytes - bytes);
}

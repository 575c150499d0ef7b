import { describe, expect, test } from "vitest";
import { FrameKind, troupeCbor, wholeUpTo, type FrameReader, type WireFormat, type WireLimits } from "../wire/index.js";
import { wireFormatConformance } from "./index.js";

/** The native format with some of its reader replaced. */
function brokenReader(change: (reader: FrameReader) => Partial<FrameReader>): WireFormat {
  return {
    ...troupeCbor,
    reader(limits: WireLimits) {
      const reader = troupeCbor.reader(limits);
      const faithful: FrameReader = {
        get frame() {
          return reader.frame;
        },
        get frameBytesMax() {
          return reader.frameBytesMax;
        },
        set frameBytesMax(bytes: number) {
          reader.frameBytesMax = bytes;
        },
        get buffered() {
          return reader.buffered;
        },
        get hasPayload() {
          return reader.hasPayload;
        },
        get frameBytes() {
          return reader.frameBytes;
        },
        push: (bytes) => reader.push(bytes),
        next: () => reader.next(),
        assembled: (bytes) => reader.assembled(bytes),
        assembledBeside: (head, body) => reader.assembledBeside(head, body),
        value: () => reader.value(),
        get metadataBytes() {
          return reader.metadataBytes;
        },
        metadata: () => reader.metadata(),
        payload: () => reader.payload(),
        copyPayload: () => reader.copyPayload(),
        decode: (payload) => reader.decode(payload),
      };
      return Object.defineProperties(faithful, Object.getOwnPropertyDescriptors(change(reader)));
    },
  };
}

const BREAKAGES: Record<string, { readonly format: WireFormat; readonly verdict: RegExp }> = {
  "it forgets what is not whole yet": {
    format: brokenReader((reader) => ({ push: (bytes) => void (bytes.length > 12 && reader.push(bytes)) })),
    verdict: /arrived/,
  },
  "its ids are signed": {
    format: brokenReader((reader) => ({
      get frame() {
        return { ...reader.frame, id: reader.frame.id | 0 };
      },
    })),
    verdict: /id of kind \d+ was 2147483648 and arrived as -2147483648/,
  },
  "it copies no payload": {
    format: brokenReader((reader) => {
      let chunk: Uint8Array = new Uint8Array(0);
      return {
        push: (bytes) => {
          chunk = bytes;
          reader.push(bytes);
        },
        copyPayload: () => chunk.subarray(chunk.length - reader.copyPayload().length),
      };
    }),
    verdict: /Payload refused at offset 0/,
  },
  "it takes frames of any length": {
    format: brokenReader(() => ({ frameBytesMax: 1e9 })),
    verdict: /a frame that is too long gave undefined/,
  },
  "it writes one byte more than allowed": {
    format: {
      ...troupeCbor,
      write: (writer, header, payload, max) =>
        troupeCbor.write(writer, header, payload, wholeUpTo(max.wholeBytesMax + 1)),
    },
    verdict: /writing one byte too many gave undefined/,
  },
  "it leaves something behind when it cannot write": {
    format: {
      ...troupeCbor,
      write(writer, header, payload, max) {
        try {
          return troupeCbor.write(writer, header, payload, max);
        } catch (error) {
          writer.reserve(1);
          writer.end++;
          throw error;
        }
      },
    },
    verdict: /left something in the writer/,
  },
  "it decodes whatever comes": {
    format: brokenReader((reader) => ({
      value() {
        try {
          return reader.value();
        } catch {
          return undefined;
        }
      },
    })),
    verdict: /value\(\) gave undefined instead of payload-invalid/,
  },
};

describe("wireFormatConformance()", () => {
  test.each(Object.entries(BREAKAGES))("fails a format when %s", async (_, { format, verdict }) => {
    const failures: string[] = [];
    for (const { run } of wireFormatConformance(format, { rounds: 100 })) {
      await run().catch((error: unknown) => failures.push(String(error)));
      if (failures.some((message) => verdict.test(message))) break;
    }
    expect(failures).toContainEqual(expect.stringMatching(verdict));
  });

  test("asks of a format only the kinds and fields that its traits name", async () => {
    const { call, reply } = FrameKind;
    const poor: WireFormat = {
      ...troupeCbor,
      name: "poor",
      write(writer, header, payload, max) {
        if (header.kind !== call && header.kind !== reply) throw new Error(`poor has no kind ${header.kind}`);
        return troupeCbor.write(writer, { ...header, amount: 0 }, payload, max);
      },
    };
    const traits = { kinds: { [call]: ["id", "service"], [reply]: ["id"] }, rounds: 100 } as const;
    const cases = wireFormatConformance(poor, traits).filter(({ name }) => !name.includes("forward"));
    for (const { run } of cases) await run();
    expect(cases.length).toBeGreaterThan(10);
  });
});

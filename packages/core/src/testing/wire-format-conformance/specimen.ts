// The frames that the cases of the suite are made of, and how two frames are compared.

import {
  FrameBuffer,
  FrameKind,
  WIRE_LIMITS,
  type FrameHeader,
  type FrameReader,
  type WireFormat,
  type WireLimits,
  wholeUpTo,
} from "../../wire/index.js";
import { demand } from "../conformance-case.js";
import { hostilePayloads, randomValue, type HostilePayload } from "../payloads.js";
import { SeededRandom } from "../seeded-random.js";

/** A field of a frame header that a format may carry. */
export type HeaderField = "id" | "service" | "message" | "amount";

/** What a format carries. Everything that the native one does, unless given. */
export interface WireFormatTraits {
  /** The kinds of frames that it has, each with the fields of the header that arrive. */
  readonly kinds?: Readonly<Record<number, readonly HeaderField[]>>;
  /** The kinds of them that have a payload. */
  readonly payloadKinds?: readonly number[];
  /** The values that a field may have, its extremes among them. */
  readonly fieldValues?: Partial<Readonly<Record<HeaderField, readonly number[]>>>;
  /** A payload that arrives as it was sent. */
  readonly value?: (random: SeededRandom) => unknown;
  /** Whether byte arrays arrive as such; true unless given. */
  readonly carriesByteArrays?: boolean;
  /** Payloads that it must refuse with `payload-invalid`. */
  readonly hostile?: readonly HostilePayload[];
  /** How many frames are sent in pieces of random length. */
  readonly rounds?: number;
  /** Of all that is random. */
  readonly seed?: number;
}

const NATIVE_FIELDS: Readonly<Record<number, readonly HeaderField[]>> = {
  [FrameKind.hello]: ["id"],
  [FrameKind.provide]: ["id"],
  [FrameKind.withdraw]: ["id"],
  [FrameKind.call]: ["id", "service", "message", "amount"],
  [FrameKind.send]: ["service", "message"],
  [FrameKind.reply]: ["id"],
  [FrameKind.error]: ["id"],
  [FrameKind.refuse]: ["id"],
  [FrameKind.cancel]: ["id"],
  [FrameKind.credit]: ["id", "amount"],
  [FrameKind.ping]: ["id"],
  [FrameKind.pong]: ["id"],
  [FrameKind.watch]: ["id", "service", "message", "amount"],
  [FrameKind.goodbye]: ["id"],
};

const NATIVE_PAYLOAD_KINDS: readonly number[] = [
  FrameKind.hello,
  FrameKind.provide,
  FrameKind.call,
  FrameKind.send,
  FrameKind.reply,
  FrameKind.error,
  FrameKind.refuse,
  FrameKind.goodbye,
];

const FIELD_VALUES: Readonly<Record<HeaderField, readonly number[]>> = {
  id: [1, 2, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1],
  service: [0, 1, 255, 256, 32_767, 32_768, 65_535],
  message: [0, 1, 255, 256, 32_767, 32_768, 65_535],
  amount: [0, 1, 30_000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1],
};

const SEED = 20_261_121;
const ROUNDS = 3000;

/** A frame as it is written. */
export interface Specimen {
  readonly header: FrameHeader;
  /** Undefined if its kind has none. */
  readonly payload: unknown;
}

/** Makes frames for one format, and checks what became of them. */
export class Specimens {
  readonly format: WireFormat;
  readonly kinds: readonly number[];
  readonly payloadKinds: readonly number[];
  readonly random: SeededRandom;
  readonly rounds: number;
  readonly hostile: readonly HostilePayload[];
  readonly carriesByteArrays: boolean;
  readonly #fields: Readonly<Record<number, readonly HeaderField[]>>;
  readonly #fieldValues: Readonly<Record<HeaderField, readonly number[]>>;
  readonly #value: (random: SeededRandom) => unknown;

  constructor(format: WireFormat, traits: WireFormatTraits) {
    this.format = format;
    this.#fields = traits.kinds ?? NATIVE_FIELDS;
    this.kinds = Object.keys(this.#fields).map(Number);
    this.payloadKinds = (traits.payloadKinds ?? NATIVE_PAYLOAD_KINDS).filter((kind) => this.kinds.includes(kind));
    this.random = new SeededRandom(traits.seed ?? SEED);
    this.rounds = traits.rounds ?? ROUNDS;
    this.carriesByteArrays = traits.carriesByteArrays ?? true;
    this.hostile = traits.hostile ?? hostilePayloads();
    this.#fieldValues = { ...FIELD_VALUES, ...traits.fieldValues };
    this.#value = traits.value ?? ((random) => randomValue(random, 2));
  }

  reader(limits: Partial<WireLimits> = {}): FrameReader {
    return this.format.reader({ ...WIRE_LIMITS, ...limits });
  }

  header(kind: number, fields: Partial<FrameHeader> = {}): FrameHeader {
    return { kind, id: 0, service: 0, message: 0, amount: 0, ...fields };
  }

  /** A frame of `kind`, with fields and a payload by chance. */
  make(kind: number = this.random.pick(this.kinds)): Specimen {
    const header = this.header(kind);
    for (const field of this.#fields[kind] ?? []) header[field] = this.random.pick(this.#fieldValues[field]);
    return { header, payload: this.payloadKinds.includes(kind) ? this.#value(this.random) : undefined };
  }

  /** One of each kind. */
  oneOfEach(): Specimen[] {
    return this.kinds.map((kind) => this.make(kind));
  }

  /** One for every value of every field of every kind. */
  extremes(): Specimen[] {
    return this.kinds.flatMap((kind) =>
      (this.#fields[kind] ?? []).flatMap((field) =>
        this.#fieldValues[field].map((value) => {
          const { header, payload } = this.make(kind);
          return { header: { ...header, [field]: value }, payload };
        }),
      ),
    );
  }

  write(specimens: readonly Specimen[]): Uint8Array {
    const buffer = new FrameBuffer();
    for (const { header, payload } of specimens) {
      const before = buffer.end;
      const bytes = this.format.write(buffer, header, payload, wholeUpTo(WIRE_LIMITS.frameBytesMax));
      demand(
        bytes === buffer.end - before,
        `write returned ${Number(bytes)} for a frame of ${buffer.end - before} bytes`,
      );
    }
    return buffer.take();
  }

  /** Takes the next frame of `reader` and demands that it is `specimen`. */
  demandNext(reader: FrameReader, specimen: Specimen, where: string): void {
    demand(reader.next(), `${where}: ${describe(specimen)} did not arrive`);
    this.demandSame(reader, specimen, where);
  }

  demandSame(reader: FrameReader, { header, payload }: Specimen, where: string): void {
    const { frame } = reader;
    demand(frame.kind === header.kind, `${where}: a frame of kind ${header.kind} arrived as kind ${frame.kind}`);
    for (const field of this.#fields[header.kind] ?? []) {
      demand(
        frame[field] === header[field],
        `${where}: ${field} of kind ${header.kind} was ${header[field]} and arrived as ${frame[field]}`,
      );
    }
    const hasPayload = this.payloadKinds.includes(header.kind);
    demand(reader.hasPayload === hasPayload, `${where}: hasPayload is ${reader.hasPayload} for kind ${header.kind}`);
    if (hasPayload) this.demandSameValue(reader.value(), payload, `${where}, kind ${header.kind}`);
  }

  /** Values are compared by what they are encoded as: equality would overlook a property that is undefined. */
  demandSameValue(arrived: unknown, sent: unknown, where: string): void {
    const expected = hex(this.format.encode(sent));
    const found = hex(this.format.encode(arrived));
    demand(found === expected, `${where}: the payload ${expected.slice(0, 80)} arrived as ${found.slice(0, 80)}`);
  }

  demandEnd(reader: FrameReader, where: string): void {
    demand(!reader.next(), `${where}: a frame arrived that nobody wrote`);
    demand(reader.buffered === 0, `${where}: ${reader.buffered} bytes are held after the last frame`);
  }
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The code of the error that `attempt` throws; undefined if it throws none. */
export function codeOf(attempt: () => unknown): unknown {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code ?? String(error);
  }
}

function describe({ header }: Specimen): string {
  return JSON.stringify(header);
}

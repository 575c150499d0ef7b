// The conformance suite of wire formats: what `WireFormat` and `FrameReader` promise, demanded of any implementation. It
// needs no test runner, no time and no connection. What a format does not carry is told to it in its traits.

import type { WireFormat } from "../wire/index.js";
import type { ConformanceCase } from "./conformance-case.js";
import { SAFETY_CASES } from "./wire-format-conformance/safety.js";
import { Specimens, type HeaderField, type WireFormatTraits } from "./wire-format-conformance/specimen.js";
import { STREAM_CASES } from "./wire-format-conformance/stream.js";

export type { HeaderField, WireFormatTraits };

/**
 * The cases that every wire format passes.
 *
 * @example
 * for (const { name, run } of wireFormatConformance(troupeCbor)) test(name, run);
 */
export function wireFormatConformance(format: WireFormat, traits: WireFormatTraits = {}): ConformanceCase[] {
  return Object.entries({ ...STREAM_CASES, ...SAFETY_CASES }).map(([name, run]) => ({
    name: `${format.name}: ${name}`,
    run: async () => run(new Specimens(format, traits)),
  }));
}

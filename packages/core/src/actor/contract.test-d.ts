// What a contract says, as the types of callers and handlers: streams, inputs, declared errors, metadata. Checked by the
// compiler, never run. A mistake is an error where it was made.

import * as v from "valibot";
import { z } from "zod";
import type { Address } from "./address.js";
import { failureOf } from "./failure-of.js";
import type { Handlers } from "./handlers.js";
import { call, defineService, send, stream } from "./service.js";
import { spawn } from "./spawn.js";

const Plain = defineService("plain", {
  count: stream<{ to: number }, number>(),
  sum: stream<{ scale: number }, number, number>(),
  total: call<void, number, number>(),
  find: call<string, string, never, { unknown: { id: string }; closed: void }>({ idempotent: true }),
  log: send<string>({ idempotent: true }),
});

const Checked = defineService("checked", {
  parse: call({
    input: z.object({ text: z.string().transform(Number) }),
    output: v.pipe(v.number(), v.transform(String)),
    errors: { tooLong: z.object({ max: z.number() }) },
  }),
  each: stream({ input: z.string(), output: z.object({ n: z.number() }), inputs: v.string() }),
  log: send(v.object({ line: v.string() })),
});

declare function same<A>(): <B>(value: [A] extends [B] ? ([B] extends [A] ? B : never) : never) => void;
declare const plain: Address<typeof Plain>;
declare const checked: Address<typeof Checked>;

export async function callers(): Promise<void> {
  for await (const n of plain.stream("count", { to: 3 })) same<number>()(n);
  for await (const n of plain.stream("sum", { scale: 2 }, { inputs: [1, 2] })) same<number>()(n);
  same<number>()(await plain.call("total", undefined, { inputs: [1], timeoutMs: 5, metadata: { token: "t" } }));
  for await (const item of checked.stream("each", "x", { inputs: ["a"] })) same<{ n: number }>()(item);
  same<string>()(await checked.call("parse", { text: "5" }));
  plain.stream("count", { to: 3 }, { signal: AbortSignal.timeout(5) });

  // @ts-expect-error a stream is not a call
  void plain.call("count", { to: 3 });
  // @ts-expect-error a call is not a stream
  plain.stream("find", "x");
  // @ts-expect-error the inputs are missing
  plain.stream("sum", { scale: 2 });
  // @ts-expect-error the inputs are missing
  void plain.call("total");
  // @ts-expect-error the inputs are numbers
  plain.stream("sum", { scale: 2 }, { inputs: ["1"] });
  // @ts-expect-error there are no inputs
  plain.stream("count", { to: 3 }, { inputs: [1] });
  // @ts-expect-error metadata are texts
  void plain.call("find", "x", { metadata: { n: 1 } });
  // @ts-expect-error an input of the wrong type
  plain.stream("count", { to: "3" });
  // @ts-expect-error what goes in is what the schema takes, and not what it makes of it
  void checked.call("parse", { text: 5 });
}

export function failures(error: unknown): void {
  const failure = failureOf(Plain, "find", error);
  if (failure?.code === "unknown") same<{ id: string }>()(failure.data);
  if (failure?.code === "closed") same<void>()(failure.data);
  // @ts-expect-error there is no such error
  if (failure?.code === "other") return;
  const tooLong = failureOf(Checked, "parse", error);
  if (tooLong?.code === "tooLong") same<number>()(tooLong.data.max);
  // @ts-expect-error there is no such message
  failureOf(Plain, "lost", error);
}

export const plainHandlers: Handlers<typeof Plain> = {
  async *count({ to }, { signal, metadata }) {
    same<AbortSignal>()(signal);
    same<string | undefined>()(metadata["token"]);
    yield to;
  },
  async *sum({ scale }, { inputs }) {
    for await (const n of inputs) yield n * scale;
  },
  async total(_, { inputs }) {
    let sum = 0;
    for await (const n of inputs) sum += n;
    return sum;
  },
  find(id, { fail }) {
    if (id === "") throw fail("unknown", { id });
    throw fail("closed");
  },
  log() {},
};

export const checkedHandlers: Handlers<typeof Checked> = {
  parse({ text }, { fail }) {
    same<number>()(text);
    if (text > 9) throw fail("tooLong", { max: 9 }, "too long");
    return text;
  },
  *each(text, { inputs }) {
    same<string>()(text);
    same<AsyncIterableIterator<string>>()(inputs);
    yield { n: 1 };
  },
  log: ({ line }) => void line,
};

export const mistaken: Handlers<typeof Plain> = {
  // @ts-expect-error a stream gives something that can be iterated
  count: ({ to }) => to,
  // @ts-expect-error of numbers
  *sum() {
    yield "1";
  },
  // @ts-expect-error a number is promised
  total: () => "5",
  find(id, { fail }) {
    // @ts-expect-error there is no such error
    fail("other");
    // @ts-expect-error its data is missing
    fail("unknown");
    // @ts-expect-error its data has an id
    fail("unknown", { name: id });
    return id;
  },
  log() {},
};

// @ts-expect-error the handler of log is missing
export const forgotten: Handlers<typeof Plain> = {
  count: () => [],
  sum: () => [],
  total: () => 1,
  find: (id) => id,
};

export const superfluous = spawn(Plain, () => ({
  count: () => [],
  sum: () => [],
  total: () => 1,
  find: (id: string) => id,
  log() {},
  // @ts-expect-error the service has no message of this name
  more() {},
}));

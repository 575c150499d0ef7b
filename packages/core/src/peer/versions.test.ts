// Two programs with different revisions of one contract: what fits works, what does not is refused by name, at the call.

import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { call, defineService, send, stream, type AnyService, type Address } from "../actor/index.js";
import { peers, type Harness } from "../testing/index.js";
import { fingerprintOf } from "./announcement.js";
import { ServiceMap } from "./index.js";

const Today = defineService("ledger", {
  post: call({
    input: z.object({ amount: z.number(), note: z.string().optional() }),
    output: z.object({ id: z.string() }),
  }),
  log: send(z.string()),
  list: stream({ input: z.object({ since: z.number() }), output: z.object({ id: z.string(), amount: z.number() }) }),
  alive: call<void, string>(),
});

const handlers = {
  post: () => ({ id: "1" }),
  log() {},
  list: () => [{ id: "1", amount: 2 }],
  alive: () => "alive",
};

async function between(
  theirs: AnyService,
  ours: AnyService,
  use: (address: Address, harness: Harness) => Promise<void>,
) {
  const all = Object.fromEntries(Object.keys(theirs.messages).map((name) => [name, () => ({})]));
  const services = new ServiceMap().add(theirs, { ...all, ...handlers } as never, { validate: false });
  await using harness = await peers({ right: { services } });
  await use(harness.left.address(ours) as Address, harness);
  // Whatever was refused, the rest of the connection goes on.
  const alive = harness.left.address(defineService("ledger", { alive: call<void, string>() }));
  for (let i = 0; i < 1000; i++) expect(await alive.call("alive")).toBe("alive");
}

/** Calls a message whatever its types are. */
const asks = (address: Address, message: string, input: unknown): Promise<unknown> =>
  (address as unknown as { call(message: string, input: unknown): Promise<unknown> }).call(message, input);

describe("compatible are", () => {
  test.each<[string, AnyService]>([
    ["equal contracts", Today],
    ["a contract with fewer messages", defineService("ledger", { post: Today.messages.post })],
    ["a contract with more messages", defineService("ledger", { ...Today.messages, audit: call<void, number>() })],
    [
      "a new optional field of an input",
      defineService("ledger", {
        ...Today.messages,
        post: call({
          input: z.object({ amount: z.number(), note: z.string().optional(), tags: z.array(z.string()).optional() }),
          output: z.object({ id: z.string() }),
        }),
      }),
    ],
    [
      "a field less in what is expected back",
      defineService("ledger", {
        ...Today.messages,
        post: call({ input: z.object({ amount: z.number() }), output: z.object({}) }),
      }),
    ],
    ["types alone", defineService("ledger", { post: call<{ amount: number }, { id: string }>() })],
    [
      "schemas that cannot say what they are made of",
      defineService("ledger", { post: call({ input: v.object({ amount: v.string() }) }) }),
    ],
    [
      "an integer for a number, and one of several for a text",
      defineService("ledger", {
        post: call({
          input: z.object({ amount: z.int(), note: z.enum(["a", "b"]) }),
          output: z.object({ id: z.string() }),
        }),
      }),
    ],
  ])("%s", (_, ours) =>
    between(Today, ours, async (address) => {
      expect(await asks(address, "post", { amount: 1, note: "a" })).toEqual({ id: "1" });
    }),
  );
});

describe("a call is refused at its caller, with the difference by name,", () => {
  test.each<[string, AnyService, string]>([
    [
      "for a field that the other side requires",
      defineService("ledger", { post: call({ input: z.object({ note: z.string() }) }) }),
      "ledger.post: input.amount is required by the other side, and is not in this side's contract",
    ],
    [
      "for a field of another type",
      defineService("ledger", { post: call({ input: z.object({ amount: z.string() }) }) }),
      "ledger.post: input.amount has to be number for the other side, and is string in this side's contract",
    ],
    [
      "for a field that is not given back",
      defineService("ledger", {
        post: call({ input: z.object({ amount: z.number() }), output: z.object({ id: z.string(), at: z.number() }) }),
      }),
      "ledger.post: output.at is required by this side, and is not in the other side's contract",
    ],
    [
      "for another kind",
      defineService("ledger", { post: call(), log: call() }),
      "ledger.log: it is a call here and a send on the other side",
    ],
    [
      "for another version",
      defineService("ledger", { post: call() }, { version: 2 }),
      "ledger.post: this side has version 2 of the contract, the other side version 0",
    ],
  ])("%s", (_, ours, message) =>
    between(Today, ours, async (address) => {
      const name = (/\.(\w+):/.exec(message) ?? [])[1] as string;
      await expect(asks(address, name, {})).rejects.toMatchObject({
        code: "contract-mismatch",
        message,
        maybeExecuted: false,
      });
    }),
  );

  test("and so are streams and sends", async () => {
    const Ours = defineService("ledger", {
      list: stream({ output: z.object({ sum: z.number() }) }),
      log: send(z.number()),
    });
    await between(Today, Ours, async (_, { left }) => {
      const address = left.address(Ours);
      await expect(address.stream("list").next()).rejects.toMatchObject({
        message: "ledger.list: output.sum is required by this side, and is not in the other side's contract",
      });
      await expect(address.send("log", 1)).rejects.toMatchObject({ code: "contract-mismatch" });
      expect(() => address.trySend("log", 1)).toThrow("log: input has to be string");
    });
  });

  test("until the other side provides one that fits", async () => {
    const Ours = defineService("ledger", { post: call({ input: z.object({ amount: z.string() }) }) });
    await using harness = await peers({ right: { services: new ServiceMap().add(Today, handlers) } });
    const address = harness.left.address(Ours);
    await expect(address.call("post", { amount: "1" })).rejects.toMatchObject({ code: "contract-mismatch" });
    harness.right.provide(new ServiceMap().add(Ours, { post() {} }));
    await harness.flush();
    await expect(address.call("post", { amount: "1" })).resolves.toBeUndefined();
  });
});

describe("a fingerprint", () => {
  test("tells contracts apart by messages, kinds, versions and shapes", () => {
    const contracts = [
      Today,
      defineService("ledger", { post: call() }),
      defineService("ledger", { post: send() }),
      defineService("ledger", { post: call() }, { version: 1 }),
      defineService("ledger", { post: call({ input: z.object({ a: z.number() }) }) }),
      defineService("ledger", { post: call({ input: z.object({ a: z.string() }) }) }),
    ];
    expect(new Set(contracts.map(fingerprintOf)).size).toBe(contracts.length);
  });

  test("is the same for types alone and for schemas that say nothing", () => {
    const silent = defineService("ledger", { post: call({ input: v.string() }) });
    expect(fingerprintOf(silent)).toBe(fingerprintOf(defineService("ledger", { post: call<string>() })));
  });
});

// Schemas of zod and valibot in one contract: what they refuse is named by its path, and says why.

import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { call, defineService, send, stream, type Schema } from "../actor/index.js";
import { peers } from "../testing/index.js";
import { ServiceMap } from "./index.js";

const thrower: Schema<string> = {
  "~standard": {
    version: 1,
    vendor: "by-hand",
    validate() {
      throw new Error("a secret of the validator");
    },
  },
};

const Shop = defineService("shop", {
  zod: call({
    input: z.object({ items: z.array(z.object({ count: z.number().int().positive() })) }),
    output: z.object({ total: z.number() }),
  }),
  valibot: call({
    input: v.object({ items: v.array(v.object({ count: v.pipe(v.number(), v.minValue(1, "at least one")) })) }),
    output: v.object({ total: v.number() }),
  }),
  later: call({
    input: z.string().refine(async (text) => text !== "no", "not that"),
    output: v.pipeAsync(
      v.string(),
      v.checkAsync(async (text) => text !== "never", "never that"),
    ),
  }),
  throws: call({ input: thrower }),
  streamed: stream({ inputs: z.object({ n: z.number() }), output: v.object({ n: v.number() }) }),
  transformed: call({ input: z.string().transform((text) => text.length), output: z.number().transform(String) }),
  told: send(z.object({ line: z.string() })),
});

function shop(told: string[] = []): ServiceMap {
  const total = (items: readonly { count: number }[]): { total: number } => {
    const sum = items.reduce((all, { count }) => all + count, 0);
    return { total: sum > 100 ? ("too many" as unknown as number) : sum };
  };
  return new ServiceMap().add(Shop, {
    zod: ({ items }) => total(items),
    valibot: ({ items }) => total(items),
    later: (text) => text,
    throws() {},
    async *streamed(_, { inputs }) {
      for await (const { n } of inputs) yield n > 2 ? ({ n: "many" } as unknown as { n: number }) : { n };
    },
    transformed: (length) => length * 2,
    told: ({ line }) => void told.push(line),
  });
}

describe.each(["zod", "valibot"] as const)("%s refuses", (message) => {
  test("an input, with its path and the reason", async () => {
    await using harness = await peers({ right: { services: shop() } });
    const address = harness.left.address(Shop);
    expect(await address.call(message, { items: [{ count: 2 }, { count: 3 }] })).toEqual({ total: 5 });
    await expect(address.call(message, { items: [{ count: 1 }, { count: 0 }] })).rejects.toMatchObject({
      code: "input-invalid",
      message: expect.stringMatching(/^items\.1\.count: \S/),
      data: { issues: [{ path: ["items", 1, "count"], message: expect.any(String) }] },
    });
    await expect(address.call(message, { items: [{ count: 101 }] })).rejects.toMatchObject({
      code: "output-invalid",
      message: expect.stringMatching(/^total: \S/),
    });
  });
});

test("schemas that take their time are waited for", async () => {
  await using harness = await peers({ right: { services: shop() } });
  const address = harness.left.address(Shop);
  expect(await address.call("later", "yes")).toBe("yes");
  await expect(address.call("later", "no")).rejects.toMatchObject({ code: "input-invalid", message: "not that" });
  await expect(address.call("later", "never")).rejects.toMatchObject({ code: "output-invalid", message: "never that" });
});

test("a schema that throws has not said yes, and its reasons stay at home", async () => {
  await using harness = await peers({ right: { services: shop() } });
  const error: unknown = await harness.left
    .address(Shop)
    .call("throws", "x")
    .catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: "input-invalid", message: "the validator failed" });
  expect(JSON.stringify(error)).not.toContain("secret");
  for (let i = 0; i < 1000; i++) expect(await harness.left.address(Shop).call("transformed", "ab")).toBe("4");
});

test("items that are streamed either way are named by their number", async () => {
  await using harness = await peers({ right: { services: shop() } });
  const address = harness.left.address(Shop);
  const outputs = address.stream("streamed", undefined, { inputs: [{ n: 1 }, { n: 2 }, { n: 3 }] });
  expect(await outputs.next()).toEqual({ done: false, value: { n: 1 } });
  expect(await outputs.next()).toEqual({ done: false, value: { n: 2 } });
  await expect(outputs.next()).rejects.toMatchObject({
    code: "output-invalid",
    message: expect.stringMatching(/^outputs\.2\.n: \S/),
  });
  const inputs = [{ n: 1 }, { n: "2" as unknown as number }];
  const refused = address.stream("streamed", undefined, { inputs });
  expect(await refused.next()).toEqual({ done: false, value: { n: 1 } });
  await expect(refused.next()).rejects.toMatchObject({
    code: "input-invalid",
    message: expect.stringMatching(/^inputs\.1\.n: \S/),
  });
});

test("a send that is refused is reported where it was refused, and its handler does not see it", async () => {
  const told: string[] = [];
  await using harness = await peers({ right: { services: shop(told) } });
  const failed: unknown[] = [];
  harness.right.on("failed", ({ error }) => failed.push(error));
  const address = harness.left.address(Shop);
  await address.send("told", { line: 5 as unknown as string });
  await address.send("told", { line: "five" });
  await harness.flush();
  expect(told).toEqual(["five"]);
  expect(failed).toMatchObject([{ code: "input-invalid" }]);
});

import { describe, expect, test } from "vitest";
import { RemoteError } from "./error.js";
import type { Schema, SchemaResult } from "./schema.js";
import { checkInput, checkOutput, isThenable, ISSUES_MAX } from "./validate.js";

function schemaOf(validate: (value: unknown) => SchemaResult<unknown> | Promise<SchemaResult<unknown>>): Schema {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

const KEY = Symbol("key");
const DOUBLED = schemaOf((value) => ({ value: (value as number) * 2 }));
const REFUSED = schemaOf(() => ({
  issues: [{ message: "too small", path: ["items", { key: 3 }, KEY] }, { message: "not a thing" }],
}));

function thrownBy(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

describe("checkInput(), checkOutput()", () => {
  test("without a schema the value passes as it is", () => {
    const value = {};
    expect(checkInput(undefined, value)).toBe(value);
    expect(checkOutput(undefined, value)).toBe(value);
  });

  test("with a schema its result counts, and only an asynchronous one makes a promise", async () => {
    expect(checkInput(DOUBLED, 2)).toBe(4);
    const later = checkOutput(
      schemaOf(async (value) => ({ value: [value] })),
      2,
    );
    expect(isThenable(later)).toBe(true);
    expect(await later).toEqual([2]);
  });

  test("a refusal says where and what, in the message and as plain data", () => {
    const error = thrownBy(() => checkInput(REFUSED, 1));
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({
      code: "input-invalid",
      message: "items.3.Symbol(key): too small; not a thing",
      data: {
        issues: [
          { path: ["items", 3, "Symbol(key)"], message: "too small" },
          { path: [], message: "not a thing" },
        ],
      },
    });
    expect(thrownBy(() => checkOutput(REFUSED, 1))).toMatchObject({ code: "output-invalid" });
  });

  test("an asynchronous refusal rejects likewise", async () => {
    const refused = schemaOf(async () => ({ issues: [{ message: "no" }] }));
    await expect(checkOutput(refused, 1)).rejects.toMatchObject({ code: "output-invalid", message: "no" });
  });

  test("no more than ISSUES_MAX issues are reported", () => {
    const many = schemaOf(() => ({ issues: Array.from({ length: 1000 }, () => ({ message: "no" })) }));
    const error = thrownBy(() => checkInput(many, 1)) as RemoteError;
    expect((error.data as { issues: unknown[] }).issues).toHaveLength(ISSUES_MAX);
  });

  test.each([
    [
      "throws",
      schemaOf(() => {
        throw new Error("broken");
      }),
    ],
    ["returns nothing", schemaOf(() => undefined as never)],
  ])("a validator that %s refuses, and keeps why to itself", (_, schema) => {
    const error = thrownBy(() => checkInput(schema, 1)) as RemoteError;
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ code: "input-invalid", message: "the validator failed", data: { issues: [] } });
    expect(error.cause).toBeInstanceOf(Error);
  });

  test("a validator that rejects refuses too", async () => {
    const broken = schemaOf(() => Promise.reject(new Error("broken")));
    await expect(checkInput(broken, 1)).rejects.toMatchObject({
      code: "input-invalid",
      message: "the validator failed",
    });
  });
});

test("isThenable() is true for what can be awaited and for nothing else", () => {
  expect([Promise.resolve(), { then() {} }].map(isThenable)).toEqual([true, true]);
  expect([null, undefined, 0, "then", {}, { then: 1 }, () => 1].map(isThenable)).toEqual(Array(7).fill(false));
});

// docs/reference/values.md, row by row: each expression is sent through the native wire format, and what arrives is
// compared with what the row says.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { troupeCbor, WIRE_LIMITS, WireError } from "../src/wire/index.js";

const page = readFileSync(new URL("../../../docs/reference/values.md", import.meta.url), "utf8");

/** The first two cells of every row under a heading. */
function rowsUnder(heading: string): [value: string, becomes: string][] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  return rows.map((row) => {
    const [, value, becomes] = /^\| `(.+?)` +\| (.+?) +\|/.exec(row) ?? [];
    if (value === undefined || becomes === undefined) throw new Error(`not a row: ${row}`);
    return [value, becomes.replaceAll("`", "")];
  });
}

function evaluate(expression: string): unknown {
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the expressions are the documentation's own
  return (new Function(`return (${expression});`) as () => unknown)();
}

function passOn(value: unknown): unknown {
  return troupeCbor.reader(WIRE_LIMITS).decode(troupeCbor.encode(value));
}

describe("What arrives as it was sent", () => {
  const rows = rowsUnder("What arrives as it was sent");
  test("the table has its rows", () => expect(rows.length).toBeGreaterThan(20));
  test.each(rows)("%s", (value, becomes) => {
    expect(becomes).toBe("the same");
    // As an item too: nothing depends on being outermost.
    expect(passOn([evaluate(value)])).toStrictEqual([evaluate(value)]);
    expect(passOn(evaluate(value))).toStrictEqual(evaluate(value));
  });
});

describe("What arrives as something else", () => {
  const rows = rowsUnder("What arrives as something else");
  test("the table has its rows", () => expect(rows.length).toBeGreaterThan(10));
  test.each(rows)("%s arrives as %s", (value, becomes) => {
    expect(passOn(evaluate(value))).toStrictEqual(evaluate(becomes));
  });
});

describe("What does not arrive", () => {
  const rows = rowsUnder("What does not arrive");
  test("the table has its rows", () => expect(rows.length).toBeGreaterThan(20));
  test.each(rows)("%s is refused: %s", (value, becomes) => {
    let refused: unknown;
    try {
      passOn(evaluate(value));
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(WireError);
    if (becomes === "unsupported") expect(refused).toHaveProperty("code", "payload-unsupported");
    else expect((refused as WireError).message).toContain(becomes);
  });
});

describe("What the page says in prose", () => {
  test("the same object twice arrives as two objects", () => {
    const shared = { a: 1 };
    const [first, second] = passOn([shared, shared]) as [object, object];
    expect(first).toEqual(second);
    expect(first).not.toBe(second);
  });

  test("keys that look like small integers arrive first", () => {
    const value = { b: 1, 2: 2, a: 3, 1: 4 };
    expect(Object.keys(passOn(value) as object)).toEqual(["1", "2", "b", "a"]);
  });

  test("dates arrive to the millisecond up to the year 141,300, and to 1 ms up to the last", () => {
    for (let i = 0; i < 1000; i++) {
      const near = 4_396_000_000_000_000 - i * 4_396_000_000_007;
      const far = 8_640_000_000_000_000 - i * 4_000_000_000_007;
      expect((passOn(new Date(near)) as Date).getTime()).toBe(near);
      expect(Math.abs((passOn(new Date(far)) as Date).getTime() - far)).toBeLessThanOrEqual(1);
    }
    expect(new Date(4_396_000_000_000_000).getUTCFullYear()).toBeGreaterThan(141_270);
  });

  test("a key that comes twice counts once, with the last value", () => {
    const twice = Uint8Array.of(0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2);
    expect(troupeCbor.reader(WIRE_LIMITS).decode(twice)).toEqual({ a: 2 });
  });

  test("an 8-byte integer is a bigint, and a head may be longer than needed", () => {
    const reader = troupeCbor.reader(WIRE_LIMITS);
    expect(reader.decode(Uint8Array.of(0x1b, 0, 0, 0, 0, 0, 0, 0, 5))).toBe(5n);
    expect(reader.decode(Uint8Array.of(0x1a, 0, 0, 0, 5))).toBe(5);
  });
});

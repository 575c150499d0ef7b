import { describe, expect, test } from "vitest";
import { program } from "./program.js";

describe("a program that has closed everything that it opened ends by itself", () => {
  test.each(["close", "listener", "abort"])("after %s", async (how) => {
    const child = program("open-and-close", how);
    expect(await child.line()).toBe("all is closed");
    expect(await child.ended).toBe(0);
  });
});

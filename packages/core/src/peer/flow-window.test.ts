// The credit of one flow, both halves, without a connection.

import { expect, test } from "vitest";
import { FLOW_ITEMS_MAX, FlowAllowance, FlowWindow } from "./flow-window.js";

const LIMITS = { items: 8, bytes: 1000, bytesMax: 4000 };

test("a sender stops when either count is used up, and its last item may overdraw the bytes", () => {
  const byItems = new FlowAllowance(2, 1000);
  byItems.spend(10);
  expect(byItems.isOpen).toBe(true);
  byItems.spend(10);
  expect(byItems.isOpen).toBe(false);
  const byBytes = new FlowAllowance(8, 100);
  byBytes.spend(5000);
  expect(byBytes.isOpen).toBe(false);
  expect(byBytes.refill(1, 4900)).toBe(true);
  expect(byBytes.isOpen).toBe(false);
  byBytes.refill(0, 1);
  expect(byBytes.isOpen).toBe(true);
});

test("more credit than 32 bits can count is refused", () => {
  const allowance = new FlowAllowance(8, 1000);
  expect(allowance.refill(0, 0xffff_ffff - 1000)).toBe(true);
  expect(allowance.refill(0, 1)).toBe(false);
});

test("a receiver takes what it has granted and no more", () => {
  const window = new FlowWindow(LIMITS, 0);
  for (let i = 0; i < 8; i++) expect(window.take(10)).toBe(true);
  expect(window.take(10)).toBe(false);
  const bytes = new FlowWindow(LIMITS, 0);
  expect(bytes.take(5000)).toBe(true);
  expect(bytes.take(1)).toBe(false);
});

test("credit is given back by half a window of items or of bytes, and only when it was consumed", () => {
  const window = new FlowWindow(LIMITS, 0);
  expect([1, 2, 3, 4].map(() => window.consumed(1))).toEqual([false, false, false, true]);
  expect(window.grant(1000, 0)).toEqual({ items: 4, bytes: 4 });
  expect(window.consumed(499)).toBe(false);
  expect(window.consumed(1)).toBe(true);
  expect(window.grant(2000, 0)).toEqual({ items: 2, bytes: 500 });
});

test("a window doubles while half of it is consumed within a round trip, up to its limit", () => {
  const window = new FlowWindow(LIMITS, 0);
  const sizes: number[] = [];
  for (let now = 1; now <= 5; now++) {
    window.consumed(window.bytes / 2);
    window.grant(now, 10);
    sizes.push(window.bytes);
  }
  expect(sizes).toEqual([2000, 4000, 4000, 4000, 4000]);
});

test("a window stays as it is for a consumer that is slower than the line", () => {
  const window = new FlowWindow(LIMITS, 0);
  for (let now = 10; now <= 100; now += 10) {
    window.consumed(500);
    window.grant(now, 5);
  }
  expect(window.bytes).toBe(1000);
});

test("no grant has more items than its frame can say", () => {
  const window = new FlowWindow({ items: FLOW_ITEMS_MAX, bytes: 1000, bytesMax: 1e9 }, 0);
  for (let i = 0; i < FLOW_ITEMS_MAX; i++) window.consumed(1);
  expect(window.grant(0.1, 10).items).toBeLessThanOrEqual(0xffff);
});

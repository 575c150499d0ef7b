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

/** What of a window has come is consumed at a rate, in bytes per millisecond, over a line that is so long; its sizes in bytes. */
function sizesOver(window: FlowWindow, roundTripMs: number, bytesPerMs: number, forMs: number): number[] {
  const sizes = [window.bytes];
  // Each half of the window that was granted comes a round trip later, behind what came before it.
  const coming = [roundTripMs, roundTripMs];
  for (let now = 0; ;) {
    const piece = window.bytes / 2;
    now = Math.max(now, coming.shift() ?? 0) + piece / bytesPerMs;
    if (now > forMs) return sizes;
    window.consumed(piece);
    const { bytes } = window.grant(now, roundTripMs);
    for (let left = bytes; left > 0; left -= piece) coming.push(now + roundTripMs);
    if (window.bytes !== sizes.at(-1)) sizes.push(window.bytes);
  }
}

test("a window doubles while it is what the producer waits for, up to its limit", () => {
  expect(sizesOver(new FlowWindow(LIMITS, 0), 20, 1e6, 200)).toEqual([1000, 2000, 4000]);
});

test("a window does not grow beyond what is on a line at once: the rest would only wait there", () => {
  const limits = { items: Infinity, bytes: 1000, bytesMax: 1e9 };
  const sizes = sizesOver(new FlowWindow(limits, 0), 20, 500, 10_000);
  // 20 ms at 500 bytes/ms are 10,000 bytes.
  expect(sizes.at(-1)).toBeGreaterThanOrEqual(10_000);
  expect(sizes.at(-1)).toBeLessThanOrEqual(32_000);
});

test("a window does not grow because what has waited for its consumer is taken in one go", () => {
  const window = new FlowWindow(LIMITS, 0);
  for (let now = 100; now < 1000; now += 100) {
    for (const part of [0, 0.1]) {
      window.consumed(500);
      window.grant(now + part, 1);
    }
  }
  expect(window.bytes).toBe(1000);
});

test("the items of a window grow as soon as they come fast, and its bytes stay as they are", () => {
  const window = new FlowWindow({ items: 8, bytes: 1e6, bytesMax: 1e9 }, 0);
  let granted = 0;
  for (let now = 0; now < 50; now += 0.5) {
    for (let i = 0; i < 4; i++) window.consumed(1);
    granted = Math.max(granted, window.grant(now, 0.05).items);
  }
  expect(granted).toBeGreaterThan(64);
  expect(window.bytes).toBe(1e6);
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

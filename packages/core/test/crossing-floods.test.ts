// Both sides ask so much at once that no pipe can hold it. A peer that waited for its socket, or stopped reading for want
// of a permit, would hang here for ever.

import { expect, test } from "vitest";
import { call, defineService, Semaphore, send, ServiceMap } from "@troupe/core";
import { peers } from "@troupe/core/testing";

const Echo = defineService("echo", { back: call<Uint8Array, Uint8Array>(), tell: send<Uint8Array>() });

const CASES = [
  { count: 64, bytes: 1000, bufferBytes: 4 * 1024 },
  { count: 200, bytes: 10_000, bufferBytes: 64 * 1024 },
  { count: 2000, bytes: 3000, bufferBytes: 4 * 1024 },
];
const PERMITS = [undefined, 16, 1];

for (const { count, bytes, bufferBytes } of CASES) {
  for (const permits of PERMITS) {
    const limited = permits === undefined ? "without a semaphore" : `with Semaphore(${permits}) on each side`;
    test(`${count} calls of ${bytes} bytes each way at once over a pipe of ${bufferBytes} are all answered, ${limited}`, async () => {
      const side = () => ({
        services: new ServiceMap().add(Echo, { back: async (data) => data, tell() {} }),
        ...(permits !== undefined && { backpressure: new Semaphore(permits) }),
      });
      await using harness = await peers({ left: side(), right: side(), pipe: { bufferBytes } });
      const data = new Uint8Array(bytes).fill(7);
      const calls = [harness.left, harness.right].flatMap((peer) =>
        Array.from({ length: count }, () => peer.address(Echo).call("back", data)),
      );
      const answers = await Promise.all(calls);
      expect(answers.length).toBe(2 * count);
      expect(answers.every((answer) => answer.length === bytes && answer[bytes - 1] === 7)).toBe(true);
    });
  }
}

test("floods of calls and sends both ways over a pipe of 4 KiB end, and every send is handled", async () => {
  const told = { left: 0, right: 0 };
  const side = (name: "left" | "right") => ({
    services: new ServiceMap().add(Echo, { back: (data) => data, tell: async () => void told[name]++ }),
    backpressure: new Semaphore(4),
    limits: { sendsMax: 32, callsMax: 64 },
  });
  await using harness = await peers({ left: side("left"), right: side("right"), pipe: { bufferBytes: 4096 } });
  const data = new Uint8Array(700);
  const work = [harness.left, harness.right].flatMap((peer) =>
    Array.from({ length: 3000 }, (_, i): Promise<unknown> => {
      const echo = peer.address(Echo);
      return i % 3 === 0 ? echo.call("back", data) : echo.send("tell", data);
    }),
  );
  await Promise.all(work);
  await harness.flush();
  expect(told).toEqual({ left: 2000, right: 2000 });
});

test("three handlers deep in both directions at once, with as many permits as calls are deep, nobody starves", async () => {
  const Deep = defineService("deep", { go: call<number, number>() });
  const services = new ServiceMap().add(Deep, {
    go: async (depth, { peer }) => (depth === 0 ? 0 : 1 + (await peer.address(Deep).call("go", depth - 1))),
  });
  await using harness = await peers({
    left: { services, backpressure: new Semaphore(800) },
    right: { services, backpressure: new Semaphore(800) },
    pipe: { bufferBytes: 1024 },
  });
  const calls = [harness.left, harness.right].flatMap((peer) =>
    Array.from({ length: 200 }, () => peer.address(Deep).call("go", 3)),
  );
  expect(new Set(await Promise.all(calls))).toEqual(new Set([3]));
});

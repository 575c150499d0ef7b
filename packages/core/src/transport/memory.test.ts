import { describe, expect, onTestFinished, test } from "vitest";
import { SeededRandom, transportConformance, VirtualClock } from "../testing/index.js";
import { memory, memoryPair, type Connection, type ConnectionEvents } from "./index.js";

describe("memory() conforms", () => {
  const setup = async () => ({ transport: memory({ isPrivate: true }), endpoint: "memory://conformance" });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

describe("memory() conforms when it cuts bytes by chance", () => {
  const random = new SeededRandom(1);
  const chunk = (byteCount: number): number => 1 + random.integer(Math.min(byteCount, 50_000));
  const setup = async () => ({ transport: memory({ isPrivate: true, chunk }), endpoint: "memory://conformance" });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

/** Notes what it is told, in words. */
function noted(name: string, log: string[]): ConnectionEvents {
  return {
    received: (bytes) => void log.push(`${name} received ${bytes.length}`),
    drained: () => void log.push(`${name} drained`),
    ended: () => void log.push(`${name} ended`),
    closed: (error) => void log.push(`${name} closed ${error?.code ?? "in order"}`),
  };
}

function openPair(log: string[], options: Parameters<typeof memoryPair>[0]): [Connection, Connection] {
  const [left, right] = memoryPair(options);
  left.open(noted("left", log));
  right.open(noted("right", log));
  return [left, right];
}

describe("memoryPair()", () => {
  test("bytes are handed over in the clock's yield, as they were written", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const [left] = openPair(log, { clock });
    left.write(new Uint8Array(3));
    left.write(new Uint8Array(2));
    await Promise.resolve();
    expect(log).toEqual([]);
    expect(left.buffered).toBe(5);
    await clock.flush();
    expect(log).toEqual(["right received 3", "right received 2"]);
    expect(left.buffered).toBe(0);
  });

  test("write() returns false from bufferBytes on, and drained follows when the reader has taken all", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const [left, right] = openPair(log, { clock, bufferBytes: 10 });
    right.pause();
    expect(left.write(new Uint8Array(9))).toBe(true);
    expect(left.write(new Uint8Array(1))).toBe(false);
    expect(left.write(new Uint8Array(5))).toBe(false);
    await clock.flush();
    expect(log).toEqual([]);
    right.resume();
    await clock.flush();
    expect(log).toEqual(["right received 9", "right received 1", "right received 5", "left drained"]);
  });

  test("chunk cuts what is handed over, and a size out of range is brought into it", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const sizes = [2, 0, -5, 1.5, 100];
    const [left] = openPair(log, { clock, chunk: () => sizes.shift() ?? 1 });
    left.write(new Uint8Array(10));
    await clock.flush();
    expect(log).toEqual([2, 1, 1, 1, 5].map((size) => `right received ${size}`));
  });

  test("close() of both is told in order: bytes, end, closed", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const [left, right] = openPair(log, { clock });
    left.write(new Uint8Array(1));
    left.close();
    await clock.flush();
    right.close();
    await clock.flush();
    expect(log).toEqual([
      "right received 1",
      "right ended",
      "left ended",
      "left closed in order",
      "right closed in order",
    ]);
  });

  test("what is written inside received is handed over in a later turn", async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    const [left, right] = memoryPair({ clock });
    left.open(noted("left", log));
    right.open({ ...noted("right", log), received: (bytes) => void right.write(bytes) });
    left.write(new Uint8Array(1));
    clock.yield(() => log.push("the turn is over"));
    await clock.flush();
    expect(log).toEqual(["the turn is over", "left received 1"]);
  });
});

describe("memory()", () => {
  test("two transports of one process meet, and a private one meets nobody", async () => {
    const accepted: Connection[] = [];
    const listener = await memory().listen("memory://meeting", (connection) => accepted.push(connection));
    onTestFinished(() => listener.close());
    const dialled = await memory().connect("memory://meeting");
    expect(accepted).toHaveLength(1);
    expect(dialled.remoteEndpoint).toBe("memory://meeting");
    expect(accepted[0]?.remoteEndpoint).toBe(dialled.localEndpoint);
    await expect(memory({ isPrivate: true }).connect("memory://meeting")).rejects.toMatchObject({
      code: "connect-refused",
    });
    dialled.abort();
  });

  test("a closed listener does not take the endpoint from the one that came after it", async () => {
    const transport = memory({ isPrivate: true });
    const first = await transport.listen("memory://again", () => undefined);
    await first.close();
    const second = await transport.listen("memory://again", (connection) => connection.abort());
    await first.close();
    await expect(transport.connect("memory://again")).resolves.toBeDefined();
    await second.close();
  });

  test.each(["memory://name:1", "memory://name/path"])("%s is rejected with endpoint-invalid", async (endpoint) => {
    await expect(memory().connect(endpoint)).rejects.toMatchObject({ code: "endpoint-invalid", endpoint });
  });
});

// More than the sockets of both directions can hold, at once. Whoever waits for its socket before it reads on hangs here.

import { expect, onTestFinished, test } from "vitest";
import { call, defineService, Semaphore, ServiceMap, type PeerOptions } from "@troupe/core";
import { connect, listen } from "@troupe/node";
import { EVERY_TRANSPORT } from "./every-transport.js";

const Echo = defineService("echo", { back: call<Uint8Array, Uint8Array>() });

const permitted = [undefined, 16] as const;
const ways = ["one way", "both ways"] as const;

for (const [name, subject] of Object.entries(EVERY_TRANSPORT)) {
  // Without a semaphore over each; with one over the first, since it knows nothing of transports.
  const cases = ways.flatMap((way) =>
    (name === "tcp" ? permitted : permitted.slice(0, 1)).map((permits) => ({ way, permits })),
  );
  for (const { way, permits } of cases) {
    const limited = permits === undefined ? "without a semaphore" : `with Semaphore(${permits}) on each side`;
    test(`400 calls of 100 kB over ${name}, ${way} at once, are all answered, ${limited}`, async () => {
      const side = (): PeerOptions => ({
        services: new ServiceMap().add(Echo, { back: async (data) => data }),
        ...(permits !== undefined && { backpressure: new Semaphore(permits) }),
      });
      // The smallest buffers in the process: all the rest must be the protocol's own doing.
      const { transport, endpoint, dispose } = await subject({ bufferBytes: 4096 });
      const transports = [transport];
      const listener = await listen(endpoint, { ...side(), transports });
      onTestFinished(async () => {
        await listener.close();
        await dispose?.();
      });
      const accepted = listener[Symbol.asyncIterator]().next();
      const dialler = await connect(listener.endpoint, { ...side(), transports });
      const { value: other } = await accepted;
      const data = new Uint8Array(100_000).fill(3);
      const callers = way === "one way" ? [dialler] : [dialler, other];
      const calls = callers.flatMap((peer) => Array.from({ length: 400 }, () => peer.address(Echo).call("back", data)));
      const answers = await Promise.all(calls);
      expect(answers.every((answer) => answer.length === 100_000 && answer[99_999] === 3)).toBe(true);
      expect(answers.length).toBe(callers.length * 400);
      expect(await dialler.close()).toEqual({ by: "local", code: "closed" });
      expect(await other.closed).toEqual({ by: "remote", code: "closed" });
    });
  }
}

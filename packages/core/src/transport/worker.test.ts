import { describe, test } from "vitest";
import { transportConformance } from "../testing/index.js";
import { worker, type Transport } from "./index.js";

/** Both ends of a channel in one transport: one of them dials, the other listens. */
function withinOneProcess(windowBytes?: number): { transport: Transport; dispose: () => void } {
  const { port1, port2 } = new MessageChannel();
  const options = windowBytes === undefined ? {} : { windowBytes };
  const dialling = worker(port1, options);
  const listening = worker(port2, options);
  const transport: Transport = {
    schemes: dialling.schemes,
    connect: (endpoint, given) => dialling.connect(endpoint, given),
    listen: (endpoint, accept, given) => listening.listen(endpoint, accept, given),
  };
  return { transport, dispose: () => port1.close() };
}

describe("worker() conforms", () => {
  const setup = async () => ({ ...withinOneProcess(), endpoint: "worker://test" });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

describe("worker() with a small window conforms", () => {
  const setup = async () => ({ ...withinOneProcess(100), endpoint: "worker://test" });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

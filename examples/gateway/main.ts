// A client asks two workers through a gateway that knows neither's types; then one of the workers is gone.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@troupe/node";
import { Prime } from "./contract.js";
import { startGateway } from "./gateway.js";
import { startWorker } from "./worker.js";

const folder = await mkdtemp(join(tmpdir(), "gateway-"));
const endpoints = [1, 2].map((number) => `unix://${join(folder, `worker-${number}.sock`)}`);
const workers = await Promise.all(endpoints.map((endpoint, index) => startWorker(`worker ${index + 1}`, endpoint)));
const gateway = await startGateway("ws://127.0.0.1:0", endpoints);

// A browser would dial the same address with `webSocket()` of @troupe/core.
const client = await connect(gateway.listener.endpoint);
console.log(`the gateway offers: ${client.remote.services.join(", ")}`);
const prime = client.address(Prime);

for (const n of [97, 98]) {
  const { prime: isPrime, worker } = await prime.call("isPrime", n);
  console.log(`${n} is ${isPrime ? "" : "not "}prime, says ${worker}`);
}

const found: number[] = [];
for await (const n of prime.stream("upTo", 1_000_000)) if (found.push(n) === 8) break;
console.log(`the first primes: ${found.join(" ")}`);

await workers[0]?.close();
const answers = new Set<string>();
for (let i = 0; i < 4; i++) answers.add((await prime.call("isPrime", 5)).worker);
console.log(`and now all answers come from ${[...answers].join(", ")}`);

await client.close();
await gateway[Symbol.asyncDispose]();
await workers[1]?.close();
await rm(folder, { recursive: true });

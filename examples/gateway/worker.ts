// A worker: listens on a Unix socket, and knows nothing of WebSockets or of the gateway.

import { ServiceMap, type Listener } from "@troupe/core";
import { listen } from "@troupe/node";
import { Prime } from "./contract.js";

export async function startWorker(name: string, endpoint: string): Promise<Listener> {
  const services = new ServiceMap().add(Prime, {
    isPrime: (n) => ({ prime: isPrime(n), worker: name }),
    async *upTo(limit, { signal }) {
      for (let n = 2; n <= limit && !signal.aborted; n++) if (isPrime(n)) yield n;
    },
  });
  return await listen(endpoint, { name, services });
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return n > 1;
}

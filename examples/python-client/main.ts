// A server in TypeScript and a client in Python, which was written from docs/reference/protocol.md alone.
// Run it with: node --import tsx --conditions=troupe-source examples/python-client/main.ts

import { spawnSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { call, defineService, send, ServiceMap, stream } from "@troupe/core";
import { listen } from "@troupe/node";

const Calculator = defineService("calculator", {
  add: call<{ a: number; b: number }, number>(),
  divide: call<{ a: number; b: number }, number, never, { "divided-by-zero": { a: number } }>(),
  log: send<string>(),
  logged: call<void, string[]>(),
  count: stream<{ to: number }, number>(),
});

const lines: string[] = [];
const services = new ServiceMap().add(Calculator, {
  add: ({ a, b }) => a + b,
  divide({ a, b }, { fail }) {
    if (b === 0) throw fail("divided-by-zero", { a });
    return a / b;
  },
  log: (line) => void lines.push(line),
  logged: () => lines,
  *count({ to }) {
    for (let i = 1; i <= to; i++) yield i;
  },
});

/** A Python that has cbor2, if there is one. */
const python = ["python3", "/usr/bin/python3"].find(
  (each) => spawnSync(each, ["-c", "import cbor2"], { stdio: "ignore" }).status === 0,
);

if (python === undefined) {
  console.log("There is no Python with cbor2 here (Debian: python3-cbor2), so there is nothing to show.");
} else {
  const listener = await listen("tcp://127.0.0.1:0", { services });
  const { hostname, port } = new URL(listener.endpoint);
  const script = fileURLToPath(new URL("./client.py", import.meta.url));
  const client = spawn(python, [script, hostname, port], { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(client, "exit")) as [number | null];
  await listener.close();
  process.exitCode = code ?? 1;
}

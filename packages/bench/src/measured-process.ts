// The program of a measured process: a server, a client, or actors alone, as the questions say. It does nothing
// between two questions.

import { setTimeout as delay } from "node:timers/promises";
import { benchmarkNamed } from "./benchmark.js";
import { PAYLOAD } from "./payload.js";
import type { Answers, Memory, Question } from "./question.js";
import { SUBJECTS, NAMED_SUBJECTS, type Client, type Server, type Subject } from "./subject.js";

/** Connections that are opened at the same time. */
const OPENING_MAX = 50;
/** More than the young generation holds. */
const GARBAGE_BYTES = 64 * 1024 * 1024;
/** For what a connection still has to do after it was opened. */
const SETTLE_MS = 300;

let server: Server | undefined;
let subject: Subject | undefined;
let endpoint = "";
const clients: Client[] = [];

process.on("message", (question: Question) => {
  answer(question).then(
    (value) => process.send?.({ value }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit());

async function answer(question: Question): Promise<Answers[keyof Answers]> {
  switch (question.ask) {
    case "serve":
      server = await (await load(question.subject)).server();
      return server.endpoint;
    case "connect":
      subject = await load(question.subject);
      endpoint = question.endpoint;
      clients.push(await subject.client(endpoint));
      return null;
    case "measure": {
      const benchmark = benchmarkNamed(question.benchmark);
      const [client] = clients;
      if (benchmark.place !== "connection" || client === undefined) throw new Error("nothing to measure here");
      if (!benchmark.suits(client)) return null;
      globalThis.gc?.();
      return benchmark.measure(client, question.effort);
    }
    case "measure-local": {
      const benchmark = benchmarkNamed(question.benchmark);
      const measure = benchmark.place === "local" ? benchmark.subjects[question.subject] : undefined;
      if (measure === undefined) throw new Error(`${question.benchmark} has no subject ${question.subject}`);
      globalThis.gc?.();
      return measure(question.effort);
    }
    case "open":
      await open(question.count);
      return null;
    case "memory":
      return memory();
  }
}

async function load(name: string): Promise<Subject> {
  const subjectNamed = SUBJECTS[name] ?? NAMED_SUBJECTS[name];
  if (subjectNamed === undefined) throw new Error(`no subject is called ${name}`);
  return subjectNamed();
}

async function open(count: number): Promise<void> {
  let left = count;
  const openOneByOne = async (): Promise<void> => {
    while (left-- > 0) {
      const client = await subject?.client(endpoint);
      if (client === undefined) throw new Error("nothing to connect to");
      await client.call(PAYLOAD);
      clients.push(client);
    }
  };
  await Promise.all(Array.from({ length: OPENING_MAX }, openOneByOne));
}

async function memory(): Promise<Memory> {
  await delay(SETTLE_MS);
  touchYoungGeneration();
  globalThis.gc?.();
  await delay(0);
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed + external };
}

/** The operating system counts a page from its first use: here before the first measurement as well as the second. */
function touchYoungGeneration(): number {
  const bytesEach = 1024;
  let sum = 0;
  // The sum keeps a compiler from leaving the arrays out.
  for (let bytes = 0; bytes < GARBAGE_BYTES; bytes += bytesEach) sum += new Array(bytesEach / 8).fill(bytes).length;
  return sum;
}

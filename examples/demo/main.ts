// `npm run demo`: starts a server and a client, each in a process of its own, kills the server half-way and starts it
// again. What the two do is in server.ts and client.ts, what they say to each other in contract.ts.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ServiceMap } from "@troupe/core";
import { listen } from "@troupe/node";
import { Stage, STEPS } from "./contract.js";
import { showNote, showProblem, showStep, showSummary, showTitle } from "./screen.js";

/** A demo that hangs is worse than one that fails. */
const WATCHDOG_MS = 45_000;

const startedAt = performance.now();
const outcomes: { title: string; figure: string | undefined }[] = STEPS.map((title) => ({ title, figure: undefined }));
let server: ChildProcess | undefined;
let serverEndpoint = "tcp://127.0.0.1:0";
let onListening = (): void => {};

/** Resolves when the server says that it listens, or has ended without. The second time it takes the same port. */
async function startServer(): Promise<void> {
  const listening = new Promise<void>((resolve) => (onListening = resolve));
  const started = (server = start("server.ts", stage.endpoint, serverEndpoint));
  await Promise.race([listening, once(started, "exit")]);
}

/** Resolves when the operating system has ended it. */
async function killServer(): Promise<void> {
  if (server === undefined || hasEnded(server)) return;
  showNote("demo", `kill -9 ${server.pid}`);
  const ended = once(server, "exit");
  server.kill("SIGKILL");
  await ended;
}

const services = new ServiceMap().add(Stage, {
  async endpoint() {
    await serverStarted;
    return serverEndpoint;
  },
  listening(endpoint) {
    serverEndpoint = endpoint;
    onListening();
  },
  note: ({ who, line }) => showNote(who, line),
  began: ({ step, title }) => showStep(step, STEPS.length, title),
  ended: ({ step, figure }) => {
    const outcome = outcomes[step - 1];
    if (outcome !== undefined) outcome.figure = figure;
  },
  killServer,
  async startServer() {
    await startServer();
    showNote("demo", "the server is started again");
  },
});

showTitle();
const stage = await listen("tcp://127.0.0.1:0", { services, name: "stage" });
const serverStarted = startServer();
const client = start("client.ts", stage.endpoint);
const watchdog = setTimeout(() => {
  showProblem(`nothing more after ${WATCHDOG_MS / 1000} s`);
  client.kill("SIGKILL");
}, WATCHDOG_MS);

const [code] = (await once(client, "exit")) as [number | null];
clearTimeout(watchdog);
if (code !== 0) showProblem(`the client ended with code ${code}`);

// The server sees that the stage is gone, and ends by itself; one that does not is ended.
const patience = setTimeout(() => server?.kill("SIGKILL"), 2000);
const serverEnded = server === undefined || hasEnded(server) ? undefined : once(server, "exit");
await stage.close({ graceMs: 100 });
await serverEnded;
clearTimeout(patience);

const isComplete = showSummary(outcomes, performance.now() - startedAt);
process.exitCode = isComplete && code === 0 ? 0 : 1;

/** Starts a process in the way in which this one was started. */
function start(file: string, ...parameters: string[]): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return spawn(process.execPath, [...process.execArgv, path, ...parameters], {
    stdio: ["ignore", "inherit", "inherit"],
  });
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

// A thread that echoes, with Troupe or without.

import { parentPort, workerData } from "node:worker_threads";
import { worker, type PostTarget } from "@troupe/core";
import { listen } from "@troupe/node";
import { echoBytes } from "./transports.js";
import { echoServices } from "./troupe.js";

const target = parentPort as unknown as PostTarget;
if (workerData === "troupe") await listen("worker://echo", { services: echoServices() });
else await worker(target).listen("worker://echo", echoBytes);

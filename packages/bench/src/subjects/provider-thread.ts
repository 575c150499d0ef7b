// The far end behind a relay: in a thread, so that what relays has a thread of its own. Tells where it listens.

import { parentPort } from "node:worker_threads";
import { listen } from "@troupe/node";
import { echoServices } from "./troupe.js";

const listener = await listen("tcp://127.0.0.1:0", { services: echoServices() });
parentPort?.postMessage(listener.endpoint);

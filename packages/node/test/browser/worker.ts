// A worker that adds, for one page or, as a shared one, for many.

import { listen, ServiceMap, worker } from "@troupe/core";
import { Adder } from "./contract.js";

const services = new ServiceMap().add(Adder, { add: ({ a, b }) => a + b });

void listen("worker://adder", { transports: [worker(self)], services, id: "0".repeat(31) + "1", heartbeatMs: 100 });

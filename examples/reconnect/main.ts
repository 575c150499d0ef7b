// A link: a connection that is made again when it breaks. The server goes away and comes back; the client's address
// stays the same, and a call made in between waits.

import { call, defineService, isTroupeError, ServiceMap } from "@troupe/core";
import { link, listen } from "@troupe/node";

const Clock = defineService("clock", { now: call<void, string>() });

const services = new ServiceMap().add(Clock, { now: () => `it is ${new Date().getFullYear()}` });
let listener = await listen("tcp://127.0.0.1:0", { services });
const { endpoint } = listener;

// `link` returns at once, up or not. Delays between attempts are random below a limit that doubles, here from 50 ms to
// one second, so that a thousand clients of one server do not come back all at the same moment.
const up = link(endpoint, { backoff: { minMs: 50, maxMs: 1000 } });
up.on("up", ({ peer }) => console.log("up:      ", peer.remote.services.join(", ")));
up.on("down", ({ reason }) => console.log("down:    ", `by ${reason.by}, ${reason.code}`));
up.on("retrying", ({ error }) => console.log("retrying:", isTroupeError(error) ? error.code : "after the loss"));

const clock = up.address(Clock);
console.log("answer:  ", await clock.call("now"));

const down = new Promise<void>((resolve) => void up.on("down", () => resolve()));
await listener.close({ graceMs: 0 });
await down;

// Nobody is there. A call waits, as long as its timeout allows; whoever cannot wait says so.
const patient = clock.call("now", undefined, { timeoutMs: 20_000 });
const hasty = clock.call("now", undefined, { timeoutMs: 20 });
console.log("hasty:   ", await hasty.catch((error: Error) => (isTroupeError(error) ? error.code : error)));

listener = await listen(endpoint, { services });
console.log("patient: ", await patient);

await up.close();
await listener.close();

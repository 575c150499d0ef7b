// A fast producer and a slow consumer. Nothing here counts, waits or buffers by hand: the consumer's pace travels back
// to the producer by itself, and memory stays flat however long this runs.

import { setTimeout as sleep } from "node:timers/promises";
import { call, defineService, Semaphore, send, ServiceMap } from "@troupe/core";
import { connect, listen } from "@troupe/node";

const Archive = defineService("archive", {
  store: send<string>(),
  search: call<string, number>(),
});

let running = 0;
let runningMost = 0;
const stored: string[] = [];

const services = new ServiceMap().add(Archive, {
  async store(line) {
    await sleep(1); // as long as a disk takes
    stored.push(line);
  },
  async search(word) {
    runningMost = Math.max(runningMost, ++running);
    await sleep(2);
    running--;
    return stored.filter((line) => line.includes(word)).length;
  },
});

// For sends: the other side may be 32 messages ahead of the handlers, and no more. (The default is 1,024, and 4 MiB.)
// For calls: all connections of this listener together run two at once; the others wait their turn, first come, first
// served. Answers, cancels and signs of life never wait for a permit.
const listener = await listen("tcp://127.0.0.1:0", {
  services,
  limits: { sendsMax: 32 },
  backpressure: new Semaphore(2),
});

const ada = await connect(listener.endpoint);
const archive = ada.address(Archive);

// `trySend` says no instead of waiting: for what may be left out, such as a gauge or the position of a pointer.
let taken = 0;
while (archive.trySend("store", `burst ${taken}`)) taken++;
console.log(`trySend: ${taken} messages were taken, the next was not`); // 32

// `send` waits until there is room. A loop that awaits it runs at the consumer's pace.
for (let n = 0; n < 200; n++) await archive.send("store", `line ${n}`);
console.log(`send: 200 more went out, and ${stored.length} of ${taken + 200} have been stored by now`);

// Two clients ask for 20 searches each, all at once. No more than two run at any time.
const ben = await connect(listener.endpoint);
const searches = [ada, ben].flatMap((peer) =>
  Array.from({ length: 20 }, (_, n) => peer.address(Archive).call("search", `line ${n}`)),
);
await Promise.all(searches);
console.log(`search: ${searches.length} answers, at most ${runningMost} at once`); // 2

await ada.close();
await ben.close();
await listener.close();
console.log(`closed: all ${stored.length} messages have been stored`); // 232

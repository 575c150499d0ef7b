// One server, one state, two ports: Troupe's own format on one, that of Rust's thespis_remote on the other.

import { Broadcast, ServiceMap, spawn, thespisCbor } from "@troupe/core";
import { connect, listen } from "@troupe/node";
import { Counter } from "./contract.js";

const changes = new Broadcast<number>();
const counter = spawn(Counter, () => {
  let total = 0;
  const add = (amount: number): void => changes.publish((total += amount));
  return { add, addLater: add, show: () => total, changes: () => changes.subscribe() };
});
const services = new ServiceMap().add(Counter, counter);
const native = await listen("tcp://127.0.0.1:0", { services });
const thespis = await listen("tcp://127.0.0.1:0", { services, wireFormat: thespisCbor });

// Anything written with thespis_remote could be in the place of this client.
const rust = await connect(thespis.endpoint, { wireFormat: thespisCbor });
const typescript = await connect(native.endpoint);

const seen = typescript.address(Counter).stream("changes");
const first = seen.next();
await rust.address(Counter).call("add", 5);
await rust.address(Counter).send("addLater", 5);
console.log(`the stream over Troupe's format shows: ${(await first).value}, ${(await seen.next()).value}`);
console.log(`and the total over the other one is ${await rust.address(Counter).call("show")}`);

const refused = await rust
  .address(Counter)
  .stream("changes")
  .next()
  .catch((error: unknown) => error);
console.log(`a stream over that: ${(refused as Error & { code: string }).code}`);

await seen.return?.();
await Promise.all([rust.close(), typescript.close()]);
await Promise.all([native.close(), thespis.close()]);
await counter.close();

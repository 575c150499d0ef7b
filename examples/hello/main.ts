// The smallest program that has two sides: a contract, somebody who provides it, and somebody who calls. Here both are
// in one process; put the halves into two files, and nothing else changes.

import { call, defineService, send, ServiceMap } from "@troupe/core";
import { connect, listen } from "@troupe/node";

const Greeter = defineService("greeter", {
  greet: call<{ name: string }, string>(), // asks, and waits for the answer
  note: send<string>(), // tells, and goes on
});

const services = new ServiceMap().add(Greeter, {
  greet: ({ name }) => `Hello, ${name}!`,
  note: (line) => console.log(`server: noted "${line}"`),
});

const listener = await listen("tcp://127.0.0.1:0", { services }); // port 0: any that is free
const peer = await connect(listener.endpoint);
const greeter = peer.address(Greeter);

console.log("client:", await greeter.call("greet", { name: "Ada" }));
await greeter.send("note", "Ada was here");

await peer.close(); // what was sent still arrives
await listener.close(); // nothing is open any more, so the process ends by itself

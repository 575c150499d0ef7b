// A chat without a server: each program is a node, nodes find each other, and every line is sent to all of them.
//
//   main.ts                  three nodes in this process, which talk and end
//   main.ts NAME             a chat of your own, which prints where others can join it
//   main.ts NAME BOOTSTRAP   joins the one at that endpoint, such as tcp://192.168.1.7:41234

import { createInterface } from "node:readline";
import { defineService, send, ServiceMap } from "@troupe/core";
import type { NetworkNode } from "@troupe/core/network";
import { createNode } from "@troupe/node";

const Chat = defineService("chat", { said: send<string>() });

interface Seat {
  readonly name: string;
  readonly listen: string;
  readonly bootstrap: readonly string[];
  readonly print: (line: string) => void;
}

async function join({ name, listen, bootstrap, print }: Seat): Promise<NetworkNode> {
  // Not the input but the connection says who speaks. It is called as its node calls itself: an id is unique, a name need not be.
  const services = new ServiceMap().add(Chat, {
    said: (line, { peer }) => print(`<${peer.remote.name}> ${line}`),
  });
  const node = await createNode({ network: "chat", name, listen: [listen], bootstrap, services });
  for (const { name: present } of node.members) print(`${present} is here`);
  node.on("joined", ({ member }) => print(`${member.name} is here`));
  node.on("left", ({ member }) => print(`${member.name} has left`));
  node.on("failed", ({ member }) => print(`${member.name} is lost`));
  return node;
}

async function say(node: NetworkNode, line: string): Promise<void> {
  const { failed } = await node.broadcast(Chat, "said", line);
  for (const { member, error } of failed) console.log(`${node.member(member)?.name} did not get it: ${error.message}`);
}

/** What is typed is said, until the input ends. */
async function talk(name: string, bootstrap: readonly string[]): Promise<void> {
  // Anybody who reaches this port may join, and lines are not encrypted: `secret` and tls:// are for that.
  const node = await join({ name, listen: "tcp://0.0.0.0:0", bootstrap, print: (line) => console.log(line) });
  console.log(`others can join at ${node.endpoints.join(" or ")}`);
  const lines = createInterface({ input: process.stdin });
  process.once("SIGINT", () => lines.close());
  for await (const line of lines) await say(node, line);
  await node.close();
}

async function demo(): Promise<void> {
  const heard = new Heard();
  const seat = (name: string, bootstrap: readonly string[]) =>
    join({ name, listen: "tcp://127.0.0.1:0", bootstrap, print: (line) => heard.print(name, line) });

  const ada = await seat("ada", []);
  const bob = await seat("bob", ada.endpoints);
  const eve = await seat("eve", ada.endpoints); // knows of ada alone, and learns of bob from her
  await heard.all(["bob sees: eve is here", "eve sees: bob is here"]);

  await say(ada, "good morning");
  await heard.all(["bob sees: <ada> good morning", "eve sees: <ada> good morning"]);
  await say(eve, "tea, anybody?");
  await heard.all(["ada sees: <eve> tea, anybody?", "bob sees: <eve> tea, anybody?"]);

  await ada.close(); // whoever was the first is nothing special
  await heard.all(["bob sees: ada has left", "eve sees: ada has left"]);
  await say(bob, "just us, then");
  await heard.all(["eve sees: <bob> just us, then"]);

  await Promise.all([bob.close(), eve.close()]);
}

/** Prints what each node sees, and knows when something was. */
class Heard {
  readonly #lines = new Set<string>();
  #wake = (): void => {};

  print(name: string, line: string): void {
    console.log(`${name} sees: ${line}`);
    this.#lines.add(`${name} sees: ${line}`);
    this.#wake();
  }

  async all(lines: readonly string[]): Promise<void> {
    while (!lines.every((line) => this.#lines.has(line))) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

const [, , name, ...bootstrap] = process.argv;
await (name === undefined ? demo() : talk(name, bootstrap));

// A chat room. Both ends of a connection are equal: members call the server, and the server calls its members back over
// the same connection. The room is an actor, so that it needs no locks.

import { call, defineService, send, ServiceMap, spawn, type Address } from "@troupe/core";
import { connect, listen } from "@troupe/node";

/** What the server provides to members. */
const Chat = defineService("chat", {
  join: call<{ name: string }, { present: string[] }>(),
  say: call<string>(),
});

/** What members provide to the server. */
const Member = defineService("member", { heard: send<{ from: string; line: string }>() });

// Messages within one process are passed as they are. So an address can be in one, which could not cross a wire.
const Room = defineService("room", {
  enter: call<{ name: string; member: Address<typeof Member> }, string[]>(),
  leave: send<string>(),
  tell: call<{ from: string; line: string }>(),
});

const room = spawn(Room, () => {
  const members = new Map<string, Address<typeof Member>>();
  const tell = (from: string, line: string): void => {
    // `trySend` and not `send`: a member who does not keep up misses a line, and the room waits for nobody.
    for (const member of members.values()) member.trySend("heard", { from, line });
  };
  return {
    enter({ name, member }) {
      tell("room", `${name} comes in`);
      members.set(name, member);
      return [...members.keys()];
    },
    leave(name) {
      members.delete(name);
      tell("room", `${name} has left`);
    },
    tell: ({ from, line }) => tell(from, line),
  };
});

const listener = await listen("tcp://127.0.0.1:0");
listener.on("peer", ({ peer }) => {
  // What a connection may use is decided for each connection, and may change while it is open: only those who have
  // joined are given a name, and nobody can speak in the name of another.
  let name = "";
  peer.provide(
    new ServiceMap().add(Chat, {
      async join(input, context) {
        name = input.name;
        const member = context.peer.address(Member);
        const present = await room.call("enter", { name, member });
        // Resolves when the other side is no more, however it went. The room may be closed before; then nobody has to know.
        member
          .watch()
          .then(() => room.send("leave", name))
          .catch(() => {});
        return { present };
      },
      say: (line) => room.call("tell", { from: name, line }),
    }),
  );
});

async function join(name: string) {
  const heard: string[] = [];
  let onHeard = (): void => {};
  const services = new ServiceMap().add(Member, {
    heard: ({ from, line }) => {
      heard.push(`${from}: ${line}`);
      onHeard();
    },
  });
  const peer = await connect(listener.endpoint, { services, name });
  const provided = (): boolean => peer.remote.services.includes(Chat.name);
  if (!provided()) await new Promise<void>((resolve) => void peer.on("provided", () => resolve()));
  const chat = peer.address(Chat);
  const { present } = await chat.call("join", { name });
  console.log(`${name} joins, and finds ${present.join(", ")}`);
  /** Resolves when `count` lines were heard. */
  const hasHeard = (count: number): Promise<void> =>
    new Promise((resolve) => {
      onHeard = () => heard.length >= count && resolve();
      onHeard();
    });
  return { peer, chat, heard, hasHeard };
}

const ada = await join("Ada");
const ben = await join("Ben");
await ada.chat.call("say", "Good morning!");
await ben.chat.call("say", "Is it?");
await ben.peer.close();
await ada.hasHeard(4);
console.log("Ada heard:", ada.heard);

await ada.peer.close();
await listener.close();
await room.close();

// Actors: private state, one message at a time, restarted when they crash, and reached in the same way from everywhere.

import { call, defineService, isTroupeError, RemoteError, send, ServiceMap, spawn } from "@troupe/core";
import { connect, listen } from "@troupe/node";

const Account = defineService("account", {
  deposit: call<number, number>(),
  withdraw: call<number, number>(),
  corrupt: send(),
});

// What is declared in here is the state. It is made anew after a crash, so a crash cannot leave it half changed.
const account = spawn(
  Account,
  () => {
    let balance = 0;
    return {
      // Even a handler that waits is not interrupted: the next message begins when this one has ended. That is why
      // reading, waiting and writing below need no lock.
      async deposit(amount) {
        const before = balance;
        await Promise.resolve();
        return (balance = before + amount);
      },
      // A RemoteError is an answer and no crash: the caller gets its code and data, and the state stays as it is.
      withdraw(amount) {
        if (amount > balance) throw new RemoteError("funds-missing", "not enough money", { missing: amount - balance });
        return (balance -= amount);
      },
      // Anything else that is thrown is a crash.
      corrupt() {
        throw new TypeError("this was not meant to happen");
      },
    };
  },
  { mailbox: { capacity: 100, overflow: "wait" }, restart: { max: 3, withinMs: 10_000 } },
);
account.on("restarted", ({ error }) => console.log("restarted, after:", String(error)));

const deposits = await Promise.all([1, 2, 3, 4].map((amount) => account.call("deposit", amount)));
console.log("four deposits at once:", deposits.join(", ")); // 1, 3, 6, 10

try {
  await account.call("withdraw", 100);
} catch (error) {
  if (!isTroupeError(error, "funds-missing")) throw error;
  console.log("refused:", error.message, (error as RemoteError).data); // { missing: 90 }
}

// The messages behind one that crashes are not lost: they are handled by the next life of the actor.
await account.send("corrupt");
console.log("balance of the next life:", await account.call("deposit", 5)); // 5

// An actor can be provided to others. They have the same address, whatever is between: here, a TCP connection.
const listener = await listen("tcp://127.0.0.1:0", { services: new ServiceMap().add(Account, account) });
const peer = await connect(listener.endpoint);
const remote = peer.address(Account);
console.log("deposited from afar:", await remote.call("deposit", 37)); // 42

// Death watch: told once, when the actor is no more, also across a connection.
const ended = remote.watch();
await account.close();
console.log("the other side knows:", (await ended).reason); // stopped

await peer.close();
await listener.close();

// What the types of spawn, Address and Handlers let through and what they refuse. Checked by the compiler, never run.

import type { Address } from "./address.js";
import type { Handlers } from "./handlers.js";
import type { Schema } from "./schema.js";
import { call, defineService, send, type CallMessage, type SendMessage, type Service } from "./service.js";
import { spawn, type ActorAddress } from "./spawn.js";

const Counter = defineService("counter", {
  add: call<number, number>(),
  read: call<void, number>(),
  log: send<string>(),
  reset: send(),
  find: call<{ id: string } | undefined, string | null>(),
});
type Counter = typeof Counter;

declare function same<A>(): <B>(value: [A] extends [B] ? ([B] extends [A] ? B : never) : never) => void;

export function inferredFromTheService(): ActorAddress<Counter> {
  return spawn(Counter, ({ self, signal, clock }) => {
    same<Address<Counter>>()(self);
    same<AbortSignal>()(signal);
    same<number>()(clock.now());
    let n = 0;
    return {
      add: (k, context) => {
        same<number>()(k);
        same<AbortSignal>()(context.signal);
        same<number>()(context.remainingMs);
        return (n += k);
      },
      read: () => n,
      log: async (line) => same<string>()(line),
      reset: () => void (n = 0),
      find: async (query) => query?.id ?? null,
    };
  });
}

export function anAsynchronousSetup(): ActorAddress<Counter> {
  return spawn(Counter, async () => {
    await Promise.resolve();
    return { add: (k) => k, read: () => 0, log() {}, reset() {}, find: () => null };
  });
}

export function methodsOfAnObject(): ActorAddress<Counter> {
  class Tally {
    total = 0;
    add(k: number): number {
      return (this.total += k);
    }
    read(): number {
      return this.total;
    }
    log(_line: string): void {}
    reset(): void {}
    find(): null {
      return null;
    }
  }
  return spawn(Counter, () => new Tally());
}

export function wrongHandlers(): void {
  const rest = { read: () => 0, log() {}, reset() {}, find: () => null };
  // @ts-expect-error a wrong result
  spawn(Counter, () => ({ ...rest, add: (k) => String(k) }));
  // @ts-expect-error a wrong input
  spawn(Counter, () => ({ ...rest, add: (k: string) => k.length }));
  // @ts-expect-error a forgotten message
  spawn(Counter, () => ({ ...rest }));
  // @ts-expect-error a message that the service does not have
  spawn(Counter, () => ({ ...rest, add: (k: number) => k, subtract: (k: number) => k }));
  // @ts-expect-error the same, asynchronously
  spawn(Counter, async () => ({ ...rest, add: (k: number) => k, subtract: (k: number) => k }));
  // @ts-expect-error no handlers at all
  spawn(Counter, () => undefined);
  // @ts-expect-error a forgotten message, in handlers that are declared
  const declared: Handlers<Counter["messages"]> = { ...rest };
  void declared;
}

export function theAddress(address: Address<Counter>): void {
  same<Promise<number>>()(address.call("add", 1));
  same<Promise<number>>()(address.call("read"));
  same<Promise<number>>()(address.call("read", undefined, { timeoutMs: 1 }));
  same<Promise<string | null>>()(address.call("find"));
  same<Promise<void>>()(address.send("log", "a line"));
  same<Promise<void>>()(address.send("reset"));
  same<boolean>()(address.trySend("log", "a line"));
  // @ts-expect-error a wrong input
  void address.call("add", "1");
  // @ts-expect-error a forgotten input
  void address.call("add");
  // @ts-expect-error an input for a message that has none
  void address.call("read", 1);
  // @ts-expect-error an unknown message
  void address.call("subtract", 1);
  // @ts-expect-error a send is not called
  void address.call("log", "a line");
  // @ts-expect-error a call is not sent
  void address.send("add", 1);
  // @ts-expect-error nor tried to send
  address.trySend("add", 1);
}

export function schemasGiveTheTypes(text: Schema<string, number>, out: Schema<Date, string>): void {
  const Parser = defineService("parser", { parse: call({ input: text, output: out }), note: send(text) });
  const parser = spawn(Parser, () => ({
    parse: (n) => new Date(n),
    note: (n) => void same<number>()(n),
  }));
  same<Promise<string>>()(parser.call("parse", "1"));
  // @ts-expect-error what the handler receives is not what the caller sends
  void parser.call("parse", 1);
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- whether it can be called is the question
export function anyInputIsAnInput(address: Address<Service<{ echo: CallMessage<any>; tell: SendMessage<any> }>>): void {
  void address.call("echo", 1);
  void address.call("echo", { a: "b" }, { timeoutMs: 1 });
  void address.send("tell", "a");
}

/** Handlers may be written apart from where they are added, for the service or for its messages. */
export const apart: Handlers<Counter> = {
  add: (k) => k + 1,
  read: () => 1,
  log: () => {},
  reset: () => {},
  find: () => null,
};
export const apartByMessages: Handlers<Counter["messages"]> = apart;
// @ts-expect-error a forgotten message
export const incomplete: Handlers<Counter> = { add: (k: number) => k, read: () => 1, log: () => {}, reset: () => {} };

export function anyAddressIsAnAddress(address: ActorAddress<Counter>): Address<Service<Counter["messages"]>> {
  return address;
}

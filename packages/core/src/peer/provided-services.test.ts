// What a peer provides, by name and at any time, and what the other side learns of it.

import { describe, expect, test } from "vitest";
import { call, defineService, send, type Handlers, type Service } from "../actor/index.js";
import { fence, peers } from "../testing/index.js";
import { fingerprintOf } from "./announcement.js";
import { ServiceMap, type CallContext } from "./index.js";

const Sum = defineService("sum", { add: call<number, number>(), note: send<number>() });
const Text = defineService("text", { upper: call<string, string>() });

function sum(): ServiceMap {
  let total = 0;
  return new ServiceMap().add(Sum, { add: (n) => (total += n), note: (n) => void (total += n) });
}

function text(): ServiceMap {
  return new ServiceMap().add(Text, { upper: (input) => input.toUpperCase() });
}

function fullService(number: number, nameLength = 4): Service {
  const names = Array.from({ length: 4096 }, (_, i) => `${i}`.padStart(nameLength, "0"));
  return defineService(`full ${number}`, Object.fromEntries(names.map((name) => [`m${name}`, send()])));
}

/** Services of 4,096 messages each, the most that one may have. */
function full(count: number, nameLength?: number): ServiceMap {
  const services = new ServiceMap();
  for (let i = 0; i < count; i++) {
    const service = fullService(i, nameLength);
    services.add(service, Object.fromEntries(Object.keys(service.messages).map((name) => [name, () => {}])));
  }
  return services;
}

describe("services by name", () => {
  const messages = { go: call<void, string>() };
  const named = (name: string): Service<typeof messages> => defineService(name, messages);

  test("two of different names are apart, even with the same messages", async () => {
    const [one, two] = [named("one"), named("two")];
    const services = new ServiceMap().add(one, { go: () => "one" }).add(two, { go: () => "two" });
    await using harness = await peers({ right: { services } });
    expect(await harness.left.address(one).call("go")).toBe("one");
    expect(await harness.left.address(two).call("go")).toBe("two");
  });

  test("two contracts of the same name and messages are the same service, whoever defined them", async () => {
    await using harness = await peers({
      right: { services: new ServiceMap().add(named("same"), { go: () => "same" }) },
    });
    expect(await harness.left.address(named("same")).call("go")).toBe("same");
    expect(fingerprintOf(named("same"))).toBe(fingerprintOf(named("same")));
  });

  test("fingerprints differ by name, by message and by kind, and not by order", () => {
    const base = { a: call(), b: send() };
    const other = [
      defineService("other", base),
      defineService("base", { a: call() }),
      defineService("base", { a: call(), c: send() }),
      defineService("base", { a: send(), b: send() }),
    ];
    const fingerprint = fingerprintOf(defineService("base", base));
    expect(fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(new Set([fingerprint, ...other.map(fingerprintOf)]).size).toBe(5);
    expect(fingerprintOf(defineService("base", { b: send(), a: call() }))).toBe(fingerprint);
  });

  test("the order of messages may differ between the two sides: they are found by name", async () => {
    const there = defineService("pair", { second: call<void, string>(), first: call<void, string>() });
    const here = defineService("pair", { first: call<void, string>(), second: call<void, string>() });
    const services = new ServiceMap().add(there, { first: () => "1st", second: () => "2nd" });
    await using harness = await peers({ right: { services } });
    expect(await harness.left.address(here).call("first")).toBe("1st");
    expect(await harness.left.address(here).call("second")).toBe("2nd");
  });

  test("a message that the other side's contract does not have is refused, and the others work", async () => {
    const newer = defineService("sum", { ...Sum.messages, subtract: call<number, number>() });
    await using harness = await peers({ right: { services: sum() } });
    const address = harness.left.address(newer);
    await expect(address.call("subtract", 1)).rejects.toMatchObject({ code: "unknown-message", maybeExecuted: false });
    expect(await address.call("add", 2)).toBe(2);
  });

  test("a send that is a call over there, and the other way round, is refused", async () => {
    const twisted = defineService("sum", { add: send<number>(), note: call<number, number>() });
    await using harness = await peers({ right: { services: sum() } });
    await expect(harness.left.address(twisted).send("add", 1)).rejects.toMatchObject({ code: "contract-mismatch" });
    await expect(harness.left.address(twisted).call("note", 1)).rejects.toMatchObject({ code: "contract-mismatch" });
  });

  test("one of two added under one name replaces the other, and one map may serve many peers", async () => {
    const services = text().add(Text, { upper: () => "the second" });
    expect([services.has(Text), services.has(Sum)]).toEqual([true, false]);
    await using one = await peers({ right: { services } });
    await using two = await peers({ right: { services } });
    expect(await one.left.address(Text).call("upper", "x")).toBe("the second");
    expect(await two.left.address(Text).call("upper", "x")).toBe("the second");
    expect([services.remove(Text), services.remove(Text), services.has(Text)]).toEqual([true, false, false]);
    expect(await one.left.address(Text).call("upper", "x")).toBe("the second");
  });

  test("a map without a handler for a message is refused when it is made, naming both", () => {
    const incomplete = { add: (n: number) => n } as unknown as Handlers<typeof Sum.messages, CallContext>;
    expect(() => new ServiceMap().add(Sum, incomplete)).toThrow(expect.objectContaining({ code: "handler-missing" }));
    expect(() => new ServiceMap().add(Sum, incomplete)).toThrow(/sum.*note/);
  });

  test("names of what every object has reach nothing, as message or as service", async () => {
    const seen: string[] = [];
    const services = new ServiceMap().add(Sum, { add: (n) => n, note: () => void seen.push("note") });
    await using harness = await peers({ right: { services } });
    for (const name of ["toString", "constructor", "__proto__", "hasOwnProperty", "valueOf"]) {
      const odd = defineService("sum", Object.fromEntries([[name, call<void, unknown>()]]));
      await expect(harness.left.address(odd).call(name)).rejects.toMatchObject({ code: "unknown-message" });
      await expect(harness.left.address(defineService(name, { go: call() })).call("go")).rejects.toMatchObject({
        code: "unknown-service",
      });
    }
    expect(seen).toEqual([]);
  });

  test("methods of a class instance serve as handlers and keep their this", async () => {
    class Tally {
      #total = 0;
      add(n: number): number {
        return (this.#total += n);
      }
      note(): void {}
    }
    await using harness = await peers({ right: { services: new ServiceMap().add(Sum, new Tally()) } });
    await harness.left.address(Sum).call("add", 2);
    expect(await harness.left.address(Sum).call("add", 3)).toBe(5);
  });
});

describe("provide() and withdraw()", () => {
  test("are announced at any time: events, remote.services, and calls follow", async () => {
    await using harness = await peers({ right: { services: sum() } });
    const events: string[] = [];
    harness.left.on("provided", ({ service }) => events.push(`provided ${service}`));
    harness.left.on("withdrawn", ({ service }) => events.push(`withdrawn ${service}`));
    const { left, right } = harness;
    right.provide(text());
    await harness.flush();
    expect(left.remote.services).toEqual(["sum", "text"]);
    expect(await left.address(Text).call("upper", "a")).toBe("A");
    expect(right.withdraw(Sum)).toBe(true);
    expect(right.withdraw(Sum)).toBe(false);
    await harness.flush();
    expect(left.remote.services).toEqual(["text"]);
    await expect(left.address(Sum).call("add", 1)).rejects.toMatchObject({
      code: "unknown-service",
      maybeExecuted: false,
    });
    right.provide(sum());
    await harness.flush();
    expect(await left.address(Sum).call("add", 7)).toBe(7);
    expect(events).toEqual(["provided text", "withdrawn sum", "provided sum"]);
  });

  test("provide() of one that is there replaces it: told as withdrawn and provided, addresses stay valid", async () => {
    await using harness = await peers({ right: { services: text() } });
    const address = harness.left.address(Text);
    const events: string[] = [];
    harness.left.on("provided", ({ service }) => events.push(`provided ${service}`));
    harness.left.on("withdrawn", ({ service }) => events.push(`withdrawn ${service}`));
    harness.right.provide(new ServiceMap().add(Text, { upper: () => "anew" }));
    await harness.flush();
    expect(events).toEqual(["withdrawn text", "provided text"]);
    expect(await address.call("upper", "x")).toBe("anew");
  });

  test("a call that crosses the withdrawal on its way is refused and was not executed", async () => {
    await using harness = await peers({ right: { services: text() } });
    const crossing = harness.left.address(Text).call("upper", "a");
    harness.right.withdraw(Text);
    await expect(crossing).rejects.toMatchObject({ name: "Refused", code: "unknown-service", maybeExecuted: false });
  });

  test("a send that crosses the withdrawal is refused: both sides see an event, the credit comes back", async () => {
    await using harness = await peers({ right: { services: sum(), limits: { sendsMax: 1 } } });
    const refused: string[] = [];
    harness.left.on("refused", ({ direction, error }) => refused.push(`left ${direction} ${error.code}`));
    harness.right.on("refused", ({ direction, error }) => refused.push(`right ${direction} ${error.code}`));
    await harness.left.address(Sum).send("note", 1);
    harness.right.withdraw(Sum);
    await harness.flush();
    expect(refused).toEqual(["right incoming unknown-service", "left outgoing unknown-service"]);
    harness.right.provide(sum());
    await harness.flush();
    expect(harness.left.address(Sum).trySend("note", 1)).toBe(true);
  });

  test("calls that run when their service is withdrawn are answered", async () => {
    const gate = fence();
    const services = new ServiceMap().add(Text, { upper: async () => (await gate.pass(), "done") });
    await using harness = await peers({ right: { services } });
    const running = harness.left.address(Text).call("upper", "a");
    await gate.reached;
    harness.right.withdraw(Text);
    await harness.flush();
    gate.open();
    expect(await running).toBe("done");
  });

  test("calls and sends that wait for credit when their service is withdrawn are given back", async () => {
    const gate = fence();
    const services = new ServiceMap().add(Sum, { add: async () => (await gate.pass(), 0), note: () => gate.pass() });
    await using harness = await peers({ right: { services, limits: { callsMax: 1, sendsMax: 1 } } });
    const address = harness.left.address(Sum);
    const running = address.call("add", 1);
    await address.send("note", 1);
    const waiting = Promise.allSettled([address.call("add", 2), address.send("note", 2)]);
    await harness.flush();
    harness.right.withdraw(Sum);
    const refused = { reason: { code: "unknown-service", maybeExecuted: false } };
    expect(await waiting).toMatchObject([refused, refused]);
    gate.open();
    await running;
    await harness.flush();
    expect(gate.arrivals).toBe(2);
  });

  test("a handler may provide what only a caller who has logged in may use", async () => {
    const Login = defineService("login", { in: call<string, boolean>() });
    const services = new ServiceMap().add(Login, {
      in: (password, { peer }) => {
        if (password === "secret") peer.provide(text());
        return password === "secret";
      },
    });
    await using harness = await peers({ right: { services } });
    const address = harness.left.address(Text);
    await harness.left.address(Login).call("in", "wrong");
    await expect(address.call("upper", "a")).rejects.toMatchObject({ code: "unknown-service" });
    await harness.left.address(Login).call("in", "secret");
    expect(await address.call("upper", "a")).toBe("A");
  });

  test("more than the other side takes are refused here, whole, and the connection goes on", async () => {
    await using harness = await peers({ right: { services: sum() } });
    const { left, right } = harness;
    const events: string[] = [];
    left.on("provided", ({ service }) => events.push(`provided ${service}`));
    left.on("withdrawn", ({ service }) => events.push(`withdrawn ${service}`));
    const tooMany = full(4).addAll(sum());
    const tooLong = full(3, 100).addAll(sum());
    const tooLarge = expect.objectContaining({ name: "PeerError", code: "services-too-large" }) as Error;
    expect(() => right.provide(tooMany)).toThrow(tooLarge);
    expect(() => right.provide(tooLong)).toThrow(tooLarge);
    await harness.flush();
    expect(events).toEqual([]);
    expect(left.state).toBe("open");
    expect(await left.address(Sum).call("add", 1)).toBe(1);
  });

  test("as much as the other side takes is no more when it is provided again", async () => {
    await using harness = await peers({ right: { services: full(4) } });
    const { left, right } = harness;
    expect(() => right.provide(text())).toThrow(/providedMessagesMax \(16384\)/);
    right.provide(full(4));
    right.withdraw(fullService(0));
    right.provide(text());
    await harness.flush();
    expect(left.remote.services).toEqual(["full 1", "full 2", "full 3", "text"]);
    expect(await left.address(Text).call("upper", "a")).toBe("A");
  });

  test("more than usual are taken where both sides have raised their limits", async () => {
    const limits = { providedMessagesMax: 20_000 };
    await using harness = await peers({ left: { limits }, right: { limits, services: full(4).addAll(text()) } });
    expect(await harness.left.address(Text).call("upper", "a")).toBe("A");
  });

  test("300 services provided in the hello and 300 later are all there", async () => {
    const many = (prefix: string): ServiceMap => {
      const services = new ServiceMap();
      for (let i = 0; i < 300; i++)
        services.add(defineService(`${prefix} ${i}`, { go: call<void, number>() }), { go: () => i });
      return services;
    };
    await using harness = await peers({ right: { services: many("early") } });
    expect(harness.left.remote.services.length).toBe(300);
    harness.right.provide(many("late"));
    await harness.flush();
    expect(harness.left.remote.services.length).toBe(600);
    const last = defineService("late 299", { go: call<void, number>() });
    expect(await harness.left.address(last).call("go")).toBe(299);
  });
});

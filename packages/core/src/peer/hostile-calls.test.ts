// Requests that are well formed and wrong: routes to nowhere, names that every object has, numbers that are taken,
// answers to nothing, and more of everything than was allowed.

import { describe, expect, test } from "vitest";
import { call, defineService, RemoteError, send, spawn } from "../actor/index.js";
import { fence, siege, type Attack, type Siege } from "../testing/index.js";
import { FrameKind } from "../wire/index.js";
import { ServiceMap } from "./index.js";

const Target = defineService("target", { echo: call<unknown, unknown>(), note: send<unknown>() });
const ECHO = { service: 0, message: 0, amount: 1000 };
const NOTE = { service: 0, message: 1 };
/** `constructor`, `__proto__`, `toString`, `hasOwnProperty` and their like; and what makes an object a promise. */
const INHERITED = [...Object.getOwnPropertyNames(Object.prototype), "then"];

function target(echo: (input: unknown) => unknown = (input) => input, notes: unknown[] = []): ServiceMap {
  return new ServiceMap().add(Target, { echo, note: (input) => void notes.push(input) });
}

async function expectAlive({ raw }: Attack): Promise<void> {
  raw.write({ kind: FrameKind.call, id: 999_999, ...ECHO }, "alive");
  expect(await raw.next(FrameKind.reply)).toMatchObject({ id: 999_999, value: "alive" });
}

async function expectEnd(stage: Siege, { raw, victim }: Attack, code: string): Promise<void> {
  expect((await raw.next(FrameKind.goodbye)).value).toEqual([code, expect.any(String)]);
  await stage.flush();
  raw.end();
  expect(await victim.closed).toMatchObject({ by: "fault", code });
  await stage.demandWitness();
}

describe("a route to nowhere", () => {
  test.each([
    ["a slot that is not taken", 2, 0, "unknown-service"],
    ["the last slot there can be", 65_535, 0, "unknown-service"],
    ["a message beyond the last", 0, 2, "unknown-message"],
    ["the last message there can be", 0, 65_535, "unknown-message"],
  ])("%s is refused, for a call under its id and for a send under 0", async (_, service, message, code) => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    attack.raw.write({ kind: FrameKind.call, id: 3, service, message, amount: 1000 }, null);
    expect(await attack.raw.next(FrameKind.refuse)).toMatchObject({ id: 3, value: [code, expect.any(String)] });
    attack.raw.write({ kind: FrameKind.send, service, message }, null);
    expect(await attack.raw.next(FrameKind.refuse)).toMatchObject({ id: 0, value: [code, expect.any(String)] });
    expect(attack.events.map(({ type }) => type)).toEqual(["refused", "refused"]);
    await expectAlive(attack);
  });

  test("a call of a send, and a send of a call, is refused and not handled", async () => {
    const notes: unknown[] = [];
    let calls = 0;
    await using stage = await siege({ services: target(() => ++calls, notes) });
    const { raw } = await stage.attack();
    raw.write({ kind: FrameKind.call, id: 1, service: 0, message: 1, amount: 1000 }, "no");
    raw.write({ kind: FrameKind.send, service: 0, message: 0 }, "no");
    await stage.flush();
    expect(raw.take(FrameKind.refuse)).toMatchObject([
      { id: 1, value: ["unknown-message", expect.any(String)] },
      { id: 0, value: ["unknown-message", expect.any(String)] },
    ]);
    expect([calls, notes]).toEqual([0, []]);
  });

  test("a service that was withdrawn is as unknown as one that never was", async () => {
    await using stage = await siege({ services: target() });
    const { raw, victim } = await stage.attack();
    victim.withdraw(Target);
    expect(await raw.next(FrameKind.withdraw)).toMatchObject({ id: 0 });
    raw.write({ kind: FrameKind.call, id: 1, ...ECHO }, null);
    raw.write({ kind: FrameKind.call, id: 2, ...ECHO, service: 77 }, null);
    const [withdrawn, never] = [await raw.next(FrameKind.refuse), await raw.next(FrameKind.refuse)];
    expect(withdrawn.value).toEqual(never.value);
    expect(withdrawn.value).toEqual(["unknown-service", expect.any(String)]);
  });
});

describe("a name that every object has", () => {
  const Greedy = defineService("target", Object.fromEntries(INHERITED.map((name) => [name, call<unknown, unknown>()])));

  test.each(INHERITED)(
    "%s, asked of a service without it, rejects with unknown-message and reaches nothing",
    async (name) => {
      let touched = 0;
      const handlers = new Proxy(
        { echo: (input: unknown) => input, note: () => {} },
        {
          get: (object, key): unknown => (key === "echo" || key === "note" || touched++, Reflect.get(object, key)),
        },
      );
      const services = new ServiceMap().add(Target, handlers);
      touched = 0;
      await using stage = await siege({ services });
      await expect(stage.witness.address(Greedy).call(name, 1)).rejects.toMatchObject({ code: "unknown-message" });
      expect(touched).toBe(0);
    },
  );

  test.each(INHERITED)(
    "%s, declared and without a handler, is handler-missing and not what objects inherit",
    (name) => {
      const service = defineService("odd", { [name]: call<unknown, unknown>() });
      expect(() => new ServiceMap().add(service, {} as never)).toThrow(
        expect.objectContaining({ code: "handler-missing" }),
      );
    },
  );

  test.each(INHERITED)("%s, declared and handled, is a message like any other", async (name) => {
    const service = defineService("odd", { [name]: call<number, number>() });
    const handlers = Object.fromEntries([[name, (n: number) => n + 1]]) as Record<string, (n: number) => number>;
    await using stage = await siege({ services: new ServiceMap().add(service, handlers) });
    expect(await stage.witness.address(service).call(name, 1)).toBe(2);
  });
});

describe("a number that is taken or reserved", () => {
  test("ConnID 0 ends the connection of a call", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    attack.raw.write({ kind: FrameKind.call, id: 0, ...ECHO }, null);
    await expectEnd(stage, attack, "call-invalid");
  });

  test("ConnID 0 ends the connection of a watch", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    attack.raw.write({ kind: FrameKind.watch, id: 0, service: 0 });
    await expectEnd(stage, attack, "call-invalid");
  });

  test.each([
    ["a call", "a call", FrameKind.call, FrameKind.call],
    ["a call", "a watch", FrameKind.call, FrameKind.watch],
    ["a watch", "a call", FrameKind.watch, FrameKind.call],
    ["a watch", "a watch", FrameKind.watch, FrameKind.watch],
  ])("the ConnID of %s that is not answered ends the connection of %s", async (_first, _second, first, second) => {
    const gate = fence();
    await using stage = await siege({ services: target(() => gate.pass()) });
    const attack = await stage.attack();
    attack.raw.write({ kind: first, id: 5, ...ECHO }, null);
    attack.raw.write({ kind: second, id: 5, ...ECHO }, null);
    await expectEnd(stage, attack, "call-invalid");
    gate.open();
  });

  test("a ConnID may be used again once it is answered", async () => {
    await using stage = await siege({ services: target() });
    const { raw } = await stage.attack();
    for (const value of ["first", "second"]) {
      raw.write({ kind: FrameKind.call, id: 5, ...ECHO }, value);
      expect(await raw.next(FrameKind.reply)).toMatchObject({ id: 5, value });
    }
  });

  test.each([
    ["functions", target()],
    [
      "an actor",
      new ServiceMap().add(
        Target,
        spawn(Target, () => ({ echo: (input) => input, note: () => {} })),
      ),
    ],
  ])("a watch of %s that is cancelled leaves its number to the next, which lives on", async (_, services) => {
    await using stage = await siege({ services });
    const { raw, victim } = await stage.attack();
    raw.write({ kind: FrameKind.watch, id: 5, service: 0 });
    raw.write({ kind: FrameKind.cancel, id: 5 });
    raw.write({ kind: FrameKind.watch, id: 5, service: 0 });
    await stage.flush();
    expect(raw.take(FrameKind.reply)).toMatchObject([{ id: 5, value: "cancelled" }]);
    victim.withdraw(Target);
    expect(await raw.next(FrameKind.reply)).toMatchObject({ id: 5, value: "withdrawn" });
  });

  test("a watch that comes while its side closes is answered at once", async () => {
    const gate = fence();
    await using stage = await siege({ services: target(() => gate.pass()) });
    const { raw, victim } = await stage.attack();
    raw.write({ kind: FrameKind.call, id: 1, ...ECHO }, null);
    raw.write({ kind: FrameKind.watch, id: 2, service: 0 });
    await stage.flush();
    const closed = victim.close();
    expect(await raw.next(FrameKind.reply)).toMatchObject({ id: 2, value: "closing" });
    raw.write({ kind: FrameKind.watch, id: 3, service: 0 });
    expect(await raw.next(FrameKind.reply)).toMatchObject({ id: 3, value: "closing" });
    gate.open();
    expect(await raw.next(FrameKind.reply)).toMatchObject({ id: 1 });
    await stage.flush();
    raw.end();
    expect(await closed).toMatchObject({ by: "local", code: "closed" });
  });

  test("a cancel of nothing is ignored: its answer may be on its way", async () => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    for (const id of [0, 1, 2 ** 32 - 1]) attack.raw.write({ kind: FrameKind.cancel, id });
    await expectAlive(attack);
  });
});

describe("an answer to nothing", () => {
  const Theirs = defineService("theirs", { ask: call<unknown, unknown>() });
  const THEIRS = { name: "theirs", messages: [["ask", "call"]] } as const;

  test.each([
    ["a reply", FrameKind.reply, 1],
    ["a reply to ConnID 0", FrameKind.reply, 0],
    ["a reply to the last ConnID", FrameKind.reply, 2 ** 32 - 1],
    ["an error", FrameKind.error, 1],
    ["a refusal", FrameKind.refuse, 1],
  ])("%s ends the connection with reply-unexpected", async (_, kind, id) => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack([THEIRS]);
    attack.raw.write({ kind, id }, ["code", "message"]);
    await expectEnd(stage, attack, "reply-unexpected");
  });

  test("a second reply ends the connection, and the first is what the caller got", async () => {
    await using stage = await siege();
    const attack = await stage.attack([THEIRS]);
    const answer = attack.victim.address(Theirs).call("ask", 1);
    const { id } = await attack.raw.next(FrameKind.call);
    attack.raw.write({ kind: FrameKind.reply, id }, "first");
    attack.raw.write({ kind: FrameKind.reply, id }, "second");
    expect(await answer).toBe("first");
    await expectEnd(stage, attack, "reply-unexpected");
  });

  test("a late reply to a call that was cancelled is dropped and counted", async () => {
    await using stage = await siege();
    const { raw, victim } = await stage.attack([THEIRS]);
    const controller = new AbortController();
    const answer = victim.address(Theirs).call("ask", 1, { signal: controller.signal });
    const { id } = await raw.next(FrameKind.call);
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: "cancelled" });
    expect(await raw.next(FrameKind.cancel)).toMatchObject({ id });
    expect(victim.stats.callsInFlight).toBe(1);
    raw.write({ kind: FrameKind.reply, id }, "late");
    await stage.flush();
    expect(victim.stats).toMatchObject({ callsInFlight: 0, lateReplies: 1 });
    expect(victim.state).toBe("open");
  });

  test.each([
    ["nothing", [], "unknown-error"],
    ["a map", { code: "x" }, "unknown-error"],
    ["numbers", [1, 2], "unknown-error"],
    ["a code and nothing else", ["overdrawn"], "overdrawn"],
  ])("an error that says %s rejects its call all the same", async (_, payload, code) => {
    await using stage = await siege();
    const { raw, victim } = await stage.attack([THEIRS]);
    const outcome = victim
      .address(Theirs)
      .call("ask", 1)
      .catch((error: unknown) => error);
    const { id } = await raw.next(FrameKind.call);
    raw.write({ kind: FrameKind.error, id }, payload);
    const error = await outcome;
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ code, message: expect.any(String) as string });
  });

  test("texts of errors are cut, whichever way they go", async () => {
    const long = "😀".repeat(5000);
    const services = target(() => {
      throw Object.assign(new Error(`a${long}`), { code: `b${long}`, data: long });
    });
    await using stage = await siege({ services });
    const { raw, victim } = await stage.attack([THEIRS]);
    raw.write({ kind: FrameKind.call, id: 1, ...ECHO }, null);
    const { payload, value } = await raw.next(FrameKind.error);
    expect(payload.length).toBeLessThanOrEqual(4096);
    expect(value).toEqual([`b${"😀".repeat(63)}\ufffd`, `a${"😀".repeat(511)}\ufffd`]);

    const outcome = victim
      .address(Theirs)
      .call("ask", 1)
      .catch((error: unknown) => error);
    const { id } = await raw.next(FrameKind.call);
    raw.write({ kind: FrameKind.error, id }, [long, long]);
    const { code, message } = (await outcome) as RemoteError;
    expect([code.length, message.length]).toEqual([128, 1024]);
  });

  test("an error fits the shortest frames that may be announced", async () => {
    const services = target(() => {
      throw Object.assign(new Error("漢".repeat(5000)), { code: "漢".repeat(500), data: "a".repeat(500) });
    });
    await using stage = await siege({ services });
    const limits = { frameBytesMax: 8192, callsMax: 1, callBytesMax: 1, sendsMax: 1, sendBytesMax: 1, watchesMax: 0 };
    const attack = await stage.attack([], { limits });
    attack.raw.write({ kind: FrameKind.call, id: 1, ...ECHO }, null);
    expect((await attack.raw.next(FrameKind.error)).value).toEqual([
      "漢".repeat(128),
      "漢".repeat(1024),
      "a".repeat(500),
    ]);
    expect(attack.victim.state).toBe("open");
  });
});

describe("more than was allowed", () => {
  test("calls beyond callsMax are refused one by one and not handled; those within are answered", async () => {
    const gate = fence();
    let handled = 0;
    const services = target(async () => {
      handled++;
      await gate.pass();
      return "done";
    });
    await using stage = await siege({ services, limits: { callsMax: 10 } });
    const attack = await stage.attack();
    for (let id = 1; id <= 25; id++) attack.raw.write({ kind: FrameKind.call, id, ...ECHO }, id);
    await stage.flush();
    expect(attack.raw.take(FrameKind.refuse).map(({ id, value }) => [id, (value as string[])[0]])).toEqual(
      Array.from({ length: 15 }, (_, i) => [11 + i, "credit-exceeded"]),
    );
    expect([handled, attack.victim.stats.running]).toEqual([10, 10]);
    gate.open();
    await stage.flush();
    expect(attack.raw.take(FrameKind.reply).length).toBe(10);
  });

  test("bytes of calls: one call may overdraw them, and the next is refused", async () => {
    const gate = fence();
    await using stage = await siege({ services: target(() => gate.pass()), limits: { callBytesMax: 1000 } });
    const { raw } = await stage.attack();
    raw.write({ kind: FrameKind.call, id: 1, ...ECHO }, "a".repeat(900));
    raw.write({ kind: FrameKind.call, id: 2, ...ECHO }, "a".repeat(5000));
    raw.write({ kind: FrameKind.call, id: 3, ...ECHO }, "a");
    await stage.flush();
    expect(raw.take(FrameKind.refuse)).toMatchObject([{ id: 3, value: ["credit-exceeded", expect.any(String)] }]);
    gate.open();
  });

  test.each([
    ["one send beyond sendsMax", { sendsMax: 10 }, 10, "x"],
    ["one send after the bytes are overdrawn", { sendBytesMax: 1000 }, 2, "a".repeat(600)],
  ])("%s ends the connection, and is not handled", async (_, limits, allowed, input) => {
    const notes: unknown[] = [];
    const gate = fence();
    const services = new ServiceMap().add(Target, {
      echo: (value) => value,
      note: async (value) => {
        notes.push(value);
        await gate.pass();
      },
    });
    await using stage = await siege({ services, limits });
    const attack = await stage.attack();
    for (let i = 0; i < allowed; i++) attack.raw.write({ kind: FrameKind.send, ...NOTE }, input);
    await stage.flush();
    expect([notes.length, attack.victim.state]).toEqual([allowed, "open"]);
    attack.raw.write({ kind: FrameKind.send, ...NOTE }, input);
    await expectEnd(stage, attack, "credit-exceeded");
    expect(notes.length).toBe(allowed);
    gate.open();
  });

  test.each([
    ["messages that were not used", 1, 0],
    ["bytes that were not used", 0, 1],
    ["as many messages as a frame can say", 2 ** 32 - 1, 0],
    ["as many bytes as a frame can say", 0, 2 ** 32 - 1],
  ])("credit for %s ends the connection with credit-invalid", async (_, id, amount) => {
    await using stage = await siege({ services: target() });
    const attack = await stage.attack();
    attack.raw.write({ kind: FrameKind.credit, id, amount });
    await expectEnd(stage, attack, "credit-invalid");
  });

  test("watches beyond watchesMax are refused", async () => {
    await using stage = await siege({ services: target(), limits: { watchesMax: 3 } });
    const attack = await stage.attack();
    for (let id = 1; id <= 5; id++) attack.raw.write({ kind: FrameKind.watch, id, service: 0 });
    await stage.flush();
    const refused = attack.raw.take(FrameKind.refuse).map(({ id, value }) => [id, (value as string[])[0]]);
    expect(refused).toEqual([
      [4, "watches-full"],
      [5, "watches-full"],
    ]);
    await expectAlive(attack);
  });
});

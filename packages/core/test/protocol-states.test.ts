// The table "Every frame in every state" of docs/reference/protocol.md, cell by cell: a real peer is brought into the
// state, told the frame, and must do what the cell says.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { call, defineService, send, stream } from "../src/actor/index.js";
import { Peer, ServiceMap } from "../src/peer/index.js";
import { type Fence, fence, rawHello, RawPeer, SelfDrivenClock, VirtualClock } from "../src/testing/index.js";
import { memoryPair } from "../src/transport/index.js";
import { FrameKind } from "../src/wire/index.js";

const Ours = defineService("ours", {
  wait: call<void, string, string>(),
  echo: call<string, string>(),
  note: send<string>(),
  count: stream<string, string>(),
});
const Theirs = defineService("theirs", {
  ask: call<void, string>(),
  tell: send<string>(),
  list: stream<void, string>(),
});
const THEIRS = {
  name: "theirs",
  messages: [
    ["ask", "call"],
    ["tell", "send"],
    ["list", "stream"],
  ],
} as const;
const TELL_BYTES = 8 + 2;
const RUNNING = 1;
const NEW = 50;

const page = readFileSync(new URL("../../../docs/reference/protocol.md", import.meta.url), "utf8");
const section = page.split(/^## /m).find((part) => part.startsWith("Every frame in every state")) ?? "";
const [heads = [], , ...rows] = section
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const states = heads.slice(1);

/** A peer in one of the states, and what has become of what it had under way. */
class Scene {
  readonly peer: Peer;
  readonly raw: RawPeer;
  readonly gate: Fence = fence();
  readonly notes: string[] = [];
  readonly inputs: string[] = [];
  /** What the stream of the peer has given. */
  readonly items: unknown[] = [];
  streamed = 0;
  readonly virtual = new VirtualClock();
  wasTold = false;
  /** Of the call of the peer that is not answered. */
  asked = 0;
  hasSettled = false;

  constructor() {
    const clock = new SelfDrivenClock(this.virtual);
    const [near, far] = memoryPair({ clock });
    const services = new ServiceMap().add(Ours, {
      wait: async (_, { signal, inputs }) => {
        signal.addEventListener("abort", () => (this.wasTold = true));
        void (async () => {
          for await (const input of inputs) this.inputs.push(input);
          this.inputs.push("the end");
        })().catch(() => {});
        await this.gate.pass();
        return "done";
      },
      echo: (text) => text,
      note: (text) => void this.notes.push(text),
      count: (text) => [text],
    });
    this.peer = new Peer(near, { clock, services });
    this.raw = new RawPeer(far);
  }

  async enter(state: string, minor: number): Promise<void> {
    if (state === "greeting") return;
    if (state === "awaiting") {
      this.raw.write({ kind: FrameKind.hello }, rawHello({ services: 1, minor }));
      return this.virtual.flush();
    }
    await this.raw.greet([THEIRS], { minor });
    this.raw.write(
      { kind: FrameKind.call, id: RUNNING, service: 0, message: 0, amount: 60_000, hasInputs: true },
      undefined,
    );
    await this.virtual.flush();
    const theirs = this.peer.address(Theirs);
    const settled = (): void => void (this.hasSettled = true);
    theirs.call("ask").then(settled, settled);
    await theirs.send("tell", "x");
    const list = theirs.stream("list", undefined, { inputs: undefined });
    list.next().then(
      (result) => this.items.push(result.value),
      () => {},
    );
    await this.virtual.flush();
    this.asked = (await this.raw.next(FrameKind.call)).id;
    this.streamed = (await this.raw.next(FrameKind.stream)).id;
    if (state === "closing") {
      void this.peer.close();
      expect((await this.raw.next(FrameKind.goodbye)).value).toEqual(["closed", ""]);
    }
    if (state === "left") this.raw.write({ kind: FrameKind.goodbye }, ["closed", ""]);
    await this.virtual.flush();
  }

  /** Everything that a frame of the row may be. */
  frames(row: string): readonly (() => void)[] {
    const { raw, asked } = this;
    const write = (kind: number, fields: object, payload?: unknown) => () => raw.write({ kind, ...fields }, payload);
    const all: Record<string, readonly (() => void)[]> = {
      "`hello`": [write(FrameKind.hello, {}, rawHello({ minor: 1 }))],
      "`provide`": [() => raw.provide(5, { name: "more", messages: [] })],
      "`withdraw`": [write(FrameKind.withdraw, { id: 0 })],
      "`call`": [write(FrameKind.call, { id: NEW, service: 0, message: 1, amount: 1000 }, "hello")],
      "`send`": [write(FrameKind.send, { service: 0, message: 2 }, "hello")],
      "`reply`, `error`, `refuse`": [FrameKind.reply, FrameKind.error, FrameKind.refuse].map((kind) =>
        write(kind, { id: asked }, ["code", "message"]),
      ),
      "`cancel`": [write(FrameKind.cancel, { id: RUNNING })],
      "`credit`": [write(FrameKind.credit, { id: 1, amount: TELL_BYTES })],
      "`ping`": [write(FrameKind.ping, { id: 9 })],
      "`pong`": [write(FrameKind.pong, { id: 9 })],
      "`watch`": [write(FrameKind.watch, { id: NEW, service: 0 })],
      "`stream`": [write(FrameKind.stream, { id: NEW, service: 0, message: 3, amount: 0 }, "hello")],
      "`item`": [write(FrameKind.item, { id: this.streamed }, "hello")],
      "`input`, `inputs-end`": [
        write(FrameKind.input, { id: RUNNING }, "hello"),
        write(FrameKind.inputsEnd, { id: RUNNING }),
      ],
      "`inputs-stop`, `allow`, `allow-inputs`": [FrameKind.inputsStop, FrameKind.allow, FrameKind.allowInputs].map(
        (kind) => write(kind, { id: RUNNING, message: 1, amount: 1 }),
      ),
      "`begin`, `part`, `drop`": [
        write(FrameKind.begin, { id: 1, amount: 100 }),
        () => {
          raw.write({ kind: FrameKind.begin, id: 1, amount: 100 });
          raw.forward({ kind: FrameKind.part, id: 1 }, new Uint8Array(9));
        },
        () => {
          raw.write({ kind: FrameKind.begin, id: 1, amount: 100 });
          raw.write({ kind: FrameKind.drop, id: 1 });
        },
      ],
      "`allow-parts`": [write(FrameKind.allowParts, { id: 1, amount: 1 })],
      "`goodbye`, `closed`": [write(FrameKind.goodbye, {}, ["closed", ""])],
      "`goodbye`, other code": [write(FrameKind.goodbye, {}, ["internal", "oops"])],
      "unknown, newer minor": [write(99, { id: 1 })],
      "unknown, else": [write(99, { id: 1 })],
    };
    return all[row] ?? [];
  }
}

/** Demands what a cell says. */
async function expectOutcome(scene: Scene, row: string, cell: string, stateBefore: string): Promise<void> {
  const { peer, raw } = scene;
  const code = /^`([a-z-]+)`$/.exec(cell)?.[1];
  if (code !== undefined) {
    expect(raw.take(FrameKind.goodbye)).toMatchObject([{ value: [code, expect.any(String)] }]);
    expect(raw.hasEnded).toBe(true);
    return;
  }
  if (cell === "ends") return void expect([raw.hasEnded, raw.take(FrameKind.goodbye)]).toEqual([true, []]);
  expect([raw.hasEnded, raw.take(FrameKind.goodbye)]).toEqual([false, []]);
  if (cell === "left") return void expect(peer.state).toBe("leaving");
  if (row !== "`hello`" && row !== "`provide`") expect(peer.state).toBe(stateBefore);
  const answers = [...raw.take(FrameKind.reply), ...raw.take(FrameKind.refuse)];
  switch (cell) {
    case "taken":
      if (row === "`provide`" && stateBefore !== "greeting") expect(peer.remote.services).toContain("more");
      if (row === "`withdraw`") expect(peer.remote.services).toEqual([]);
      if (row === "`hello`") expect(peer.remote.name).toBe("raw");
      return;
    case "answered":
      if (row === "`ping`") expect(raw.take(FrameKind.pong)).toMatchObject([{ id: 9 }]);
      else if (row === "`stream`") {
        expect(raw.take(FrameKind.item)).toMatchObject([{ id: NEW, value: "hello" }]);
        expect(answers).toMatchObject([{ kind: FrameKind.reply, id: NEW, value: undefined }]);
      } else expect(answers).toMatchObject([{ kind: FrameKind.reply, id: NEW, value: "hello" }]);
      return;
    case "handled":
      return void expect(scene.notes).toEqual(["hello"]);
    case "settles its call":
      return void expect(scene.hasSettled).toBe(true);
    case "tells the handler":
      return void expect(scene.wasTold).toBe(true);
    case "held":
      return void expect(answers).toEqual([]);
    case "ignored":
      expect(peer.stats.framesIgnored).toBe(row.startsWith("unknown") ? 1 : 0);
      return;
    case "goes to its stream":
      return void expect(scene.items).toEqual(["hello"]);
    case "go to their request":
      return void expect(scene.inputs.length).toBe(1);
    case "counted":
      if (row !== "`credit`") return;
      // All that was used is back: a message more is too much.
      raw.write({ kind: FrameKind.credit, id: 1, amount: 0 });
      return void expect((await raw.next(FrameKind.goodbye)).value).toEqual(["credit-invalid", expect.any(String)]);
    case "goes on closing":
      return void expect(peer.state).toBe("draining");
    case "refused: `closing`":
      return void expect(answers).toMatchObject([
        { kind: FrameKind.refuse, id: NEW, value: ["closing", expect.any(String)] },
      ]);
    case "answered: `closing`":
      return void expect(answers).toMatchObject([{ kind: FrameKind.reply, id: NEW, value: "closing" }]);
    default:
      throw new Error(`the page says "${cell}", which this test does not know`);
  }
}

test("the table has a column for every state and a row for every kind", () => {
  expect(states).toEqual(["greeting", "awaiting", "open", "closing", "left"]);
  expect(rows.length).toBe(21);
  for (const name of Object.keys(FrameKind)) {
    const told = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    expect(
      rows.some(([row = ""]) => row.includes(`\`${told}\``)),
      name,
    ).toBe(true);
  }
});

describe.each(states)("a peer that is %s", (state) => {
  const column = states.indexOf(state) + 1;

  test.each(rows.map((row) => [row[0] ?? "", row[column] ?? ""] as const))("takes %s: %s", async (row, cell) => {
    const minor = row === "unknown, newer minor" ? 1 : 0;
    const variants = row.startsWith("`input`") ? [0, 1] : row.split(",").length === 3 ? [0, 1, 2] : [0];
    for (const variant of variants) {
      const scene = new Scene();
      await scene.enter(state, minor);
      const write = scene.frames(row)[variant];
      if (write === undefined) throw new Error(`the page has a row "${row}", which this test does not know`);
      const before = scene.peer.state;
      write();
      await scene.virtual.flush();
      await expectOutcome(scene, row, cell, before);
      scene.gate.open();
      scene.raw.abort();
      await scene.peer.closed;
    }
  });
});

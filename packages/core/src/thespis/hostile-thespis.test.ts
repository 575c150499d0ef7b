// What a peer makes of bytes that no program written with thespis_remote would send, and of those that it might.

import { describe, expect, test } from "vitest";
import { call, defineService } from "../actor/index.js";
import { Peer, ServiceMap, type PeerEvent } from "../peer/index.js";
import { SeededRandom, VirtualClock } from "../testing/index.js";
import { memoryPair, type Connection } from "../transport/index.js";
import { FrameBuffer, WIRE_LIMITS, wholeUpTo } from "../wire/index.js";
import { thespisCbor } from "./index.js";
import { decodeRust, encodeRust } from "./rust-cbor.js";
import { serviceIdOf } from "./service-id.js";
import { ThespisFrames, writeThespisFrame } from "./thespis-frames.js";

const ADD = { namespace: "remotes", type: "Add", input: "int", output: "int" } as const;
const ID = serviceIdOf(ADD);
const RESPONSE = 0xffff_ffff_ffff_ffffn;
const Remotes = defineService("remotes", { add: call<number, number>({ thespis: ADD }) });

/** A peer, and the other end of its connection in hand. */
class Stage {
  readonly clock = new VirtualClock();
  readonly peer: Peer;
  readonly events: PeerEvent[] = [];
  readonly #far: Connection;
  readonly #frames = new ThespisFrames(1_000_000);
  isEnded = false;

  constructor() {
    const [near, far] = memoryPair({ clock: this.clock });
    this.#far = far;
    far.open({
      received: (bytes) => this.#frames.push(bytes.slice()),
      given: () => {},
      drained: () => {},
      ended: () => (this.isEnded = true),
      closed: () => {},
    });
    const services = new ServiceMap().add(Remotes, { add: (n) => n + 1 });
    this.peer = new Peer(near, { clock: this.clock, wireFormat: thespisCbor, services });
    for (const type of ["fault", "refused", "closed"] as const) this.peer.on(type, (event) => this.events.push(event));
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#far.write(bytes);
    await this.clock.flush();
  }

  async say(serviceId: bigint, connId: bigint, payload: Uint8Array): Promise<void> {
    const buffer = new FrameBuffer();
    writeThespisFrame(buffer, serviceId, connId, payload, wholeUpTo(1_000_000));
    await this.write(buffer.take());
  }

  /** What has come, frame by frame. */
  said(): { serviceId: bigint; connId: bigint; value: unknown }[] {
    const said = [];
    while (this.#frames.next()) {
      const { serviceId, connId, payload } = this.#frames;
      said.push({ serviceId, connId, value: decodeRust(payload, undefined, WIRE_LIMITS) });
    }
    return said;
  }

  async end(): Promise<void> {
    this.#far.close();
    await this.clock.advance(60_000);
  }
}

async function staged(): Promise<Stage> {
  const stage = new Stage();
  await stage.clock.flush();
  return stage;
}

function header(length: bigint): Uint8Array {
  const bytes = new Uint8Array(24);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

describe("bytes that are no frames", () => {
  test.each([0n, 5n, 8n, 12n, 23n])(
    "a length of %d, below the header: event, error frame, end, closed",
    async (length) => {
      const stage = await staged();
      await stage.write(header(length));
      expect(stage.said()).toEqual([
        {
          serviceId: 0n,
          connId: 0n,
          value: { DeserializeWireFormat: { context: expect.stringMatching(/^frame-malformed/) } },
        },
      ]);
      expect(stage.isEnded).toBe(true);
      await stage.end();
      expect(stage.types).toEqual(["fault", "closed"]);
      expect(await stage.peer.closed).toMatchObject({ by: "fault", code: "frame-malformed" });
    },
  );

  test.each([WIRE_LIMITS.frameBytesMax + 1, 2 ** 40])(
    "a length of %d is refused by its header alone",
    async (length) => {
      const stage = await staged();
      await stage.write(header(BigInt(length)).slice(0, 8));
      expect(stage.types).toContain("fault");
      await stage.end();
      expect(await stage.peer.closed).toMatchObject({ code: "frame-too-long" });
    },
  );

  test("a length with all bits set", async () => {
    const stage = await staged();
    await stage.write(header(0xffff_ffff_ffff_ffffn));
    await stage.end();
    expect(await stage.peer.closed).toMatchObject({ code: "frame-too-long" });
  });

  test("half a frame that never becomes whole ends the connection, and a close in the middle does", async () => {
    const late = await staged();
    await late.write(header(100n));
    await late.clock.advance(120_000);
    expect(await late.peer.closed).toMatchObject({ code: "frame-late" });
    const cut = await staged();
    await cut.write(header(100n));
    await cut.end();
    expect(await cut.peer.closed).toMatchObject({ by: "remote", code: "closed" });
  });

  test("whatever comes, in whatever pieces, the peer goes on or closes", async () => {
    const random = new SeededRandom(20_261_127);
    for (let round = 0; round < 300; round++) {
      const stage = await staged();
      for (let i = 0; i < 5; i++) {
        const payload = random.bytes(random.integer(40));
        const sid = random.pick([0n, RESPONSE, ID, ID, BigInt(random.integer(2 ** 31))]);
        await stage.say(sid, random.pick([0n, 1n, 2n ** 63n, RESPONSE]), payload);
      }
      if (random.integer(2) === 1) await stage.write(random.bytes(1 + random.integer(60)));
      const frames = stage.said();
      await stage.end();
      await stage.peer.closed;
      for (const { serviceId } of frames) expect([0n, RESPONSE]).toContain(serviceId);
      expect(stage.clock.pending).toBe(0);
    }
  });
});

describe("frames that nobody expects", () => {
  test("a response that nobody asked for is ignored, and counted", async () => {
    const stage = await staged();
    await stage.say(RESPONSE, 7n, encodeRust(1));
    await stage.say(RESPONSE, 2n ** 40n, encodeRust(1));
    await stage.say(ID, 1n, encodeRust(5));
    expect(stage.said()).toEqual([{ serviceId: RESPONSE, connId: 1n, value: 6 }]);
    expect(stage.peer.stats.framesIgnored).toBe(2);
    expect(stage.types).toEqual([]);
    await stage.end();
  });

  test.each<[what: string, payload: Uint8Array]>([
    ["one of a kind that is not known", encodeRust({ Sulking: { sid: null, cid: null } })],
    ["one that cannot be read", Uint8Array.of(0xff)],
    ["one that is empty", new Uint8Array(0)],
  ])("an error for a call of ours, %s, fails that call", async (_what, payload) => {
    const stage = await staged();
    const answer = stage.peer.address(Remotes).call("add", 1);
    const failed = expect(answer).rejects.toMatchObject({ code: "unknown-error" });
    await stage.clock.flush();
    const [asked] = stage.said();
    await stage.say(0n, asked?.connId ?? 0n, payload);
    await failed;
    await stage.end();
  });

  test("an error for no call of ours is an event", async () => {
    const stage = await staged();
    await stage.say(0n, 99n, encodeRust({ UnknownService: { sid: null, cid: null } }));
    await stage.say(0n, 0n, encodeRust({ DeserializeWireFormat: { context: "too long" } }));
    expect(stage.events).toMatchObject([
      { type: "refused", direction: "outgoing", error: { code: "unknown-service" } },
      { type: "refused", direction: "outgoing", error: { code: "frame-malformed" } },
    ]);
    await stage.end();
  });

  test("a float where an integer belongs is answered as what cannot be read, even a whole one", async () => {
    const stage = await staged();
    for (const [connId, payload] of [
      [1n, Uint8Array.of(0xf9, 0x45, 0x00)],
      [2n, encodeRust(1.5)],
      [3n, new Uint8Array(0)],
    ] as const) {
      await stage.say(ID, connId, payload);
    }
    const about = (connId: bigint) => ({
      Deserialize: { sid: { inner: { id: ID } }, cid: { inner: { id: Number(connId) } } },
    });
    expect(stage.said()).toEqual([1n, 2n, 3n].map((connId) => ({ serviceId: 0n, connId, value: about(connId) })));
    await stage.say(ID, 4n, encodeRust(5));
    expect(stage.said()).toEqual([{ serviceId: RESPONSE, connId: 4n, value: 6 }]);
    await stage.end();
  });

  test("an answer that is no integer fails the call", async () => {
    const stage = await staged();
    const failed = expect(stage.peer.address(Remotes).call("add", 1)).rejects.toMatchObject({ code: "reply-invalid" });
    await stage.clock.flush();
    const [asked] = stage.said();
    await stage.say(RESPONSE, asked?.connId ?? 0n, encodeRust(2.5));
    await failed;
    await stage.end();
  });

  test("a call that nobody provides is answered with its own ids", async () => {
    const stage = await staged();
    await stage.say(12_345n, 2n ** 60n, encodeRust(1));
    expect(stage.said()).toEqual([
      {
        serviceId: 0n,
        connId: 2n ** 60n,
        value: { UnknownService: { sid: { inner: { id: 12_345 } }, cid: { inner: { id: 2n ** 60n } } } },
      },
    ]);
    await stage.say(12_345n, 0n, encodeRust(1));
    expect(stage.said()).toEqual([]);
    expect(stage.types).toEqual(["refused", "refused"]);
    await stage.end();
  });

  test("two calls under one ConnID are two calls", async () => {
    const stage = await staged();
    await stage.say(ID, 1n, encodeRust(1));
    await stage.say(ID, 1n, encodeRust(2));
    expect(stage.said().map(({ value }) => value)).toEqual([2, 3]);
    await stage.end();
  });

  test("what is sent to a message that is called here is handled, and not answered", async () => {
    const stage = await staged();
    await stage.say(ID, 0n, encodeRust(1));
    expect(stage.said()).toEqual([]);
    expect(stage.types).toEqual([]);
    expect(stage.peer.stats.running).toBe(0);
    await stage.end();
  });
});

// Nodes over memory transport and virtual time: they meet, reach each other, and part.

import { describe, expect, test } from "vitest";
import { call, defineService, send } from "../actor/index.js";
import { newIdentity, RECORD_SERVICES_MAX, RECORD_TEXT_MAX, type Identity } from "../discovery/index.js";
import { connect, ServiceMap } from "../peer/index.js";
import { SeededRandom, SelfDrivenClock, simulatedSigning, VirtualClock } from "../testing/index.js";
import { memory, type Connection, type Transport } from "../transport/index.js";
import { createNode, type NetworkNode, type NodeEvent, type NodeOptions } from "./index.js";

const Echo = defineService("echo", { who: call<void, string>(), note: send<string>() });

/** One network of memory, and the nodes on it. */
class Ground implements AsyncDisposable {
  readonly virtual = new VirtualClock();
  readonly clock = new SelfDrivenClock(this.virtual);
  readonly random = new SeededRandom(5);
  readonly transports = [memory({ isPrivate: true, clock: this.clock })];
  readonly nodes: NetworkNode[] = [];
  readonly events = new Map<NetworkNode, NodeEvent[]>();
  readonly notes: string[] = [];

  identity(): Identity {
    return newIdentity(this.random, simulatedSigning);
  }

  async node(name: string, options: Partial<NodeOptions> = {}): Promise<NetworkNode> {
    const services = new ServiceMap().add(Echo, {
      who: () => name,
      note: (text) => void this.notes.push(`${name}: ${text}`),
    });
    const node = await createNode({
      name,
      network: "test",
      transports: this.transports,
      signing: simulatedSigning,
      listen: [`memory://${name}`],
      bootstrap: ["memory://a"],
      services,
      clock: this.clock,
      random: this.random,
      ...options,
    });
    this.nodes.push(node);
    const seen: NodeEvent[] = [];
    this.events.set(node, seen);
    for (const type of ["joined", "left", "failed", "suspected", "conflict", "refused", "connected"] as const)
      node.on(type, (event) => seen.push(event));
    return node;
  }

  async cluster(...names: string[]): Promise<NetworkNode[]> {
    const nodes: NetworkNode[] = [];
    for (const name of names) nodes.push(await this.node(name));
    await this.virtual.advance(5000);
    return nodes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = Promise.all(this.nodes.map((node) => node.close({ graceMs: 100 })));
    await this.virtual.advance(10_000);
    await closing;
    await this.virtual.flush();
    expect(this.virtual.pending).toBe(0);
  }
}

describe("nodes", () => {
  test("all know each other from one address, and each pair has one connection", async () => {
    await using ground = new Ground();
    const nodes = await ground.cluster("a", "b", "c", "d", "e");
    for (const node of nodes) {
      expect(node.members.map(({ name }) => name).sort()).toEqual(
        ["a", "b", "c", "d", "e"].filter((name) => name !== node.name),
      );
      for (const { id } of node.members) {
        const peer = node.peer(id);
        expect(peer?.state).toBe("open");
        const other = nodes.find((each) => each.id === id) as NetworkNode;
        expect(other.peer(node.id)?.state).toBe("open");
      }
    }
  });

  test("two that dial each other at once have one connection, and it works both ways", async () => {
    await using ground = new Ground();
    const [a, b] = await Promise.all([
      ground.node("a", { bootstrap: ["memory://b"] }),
      ground.node("b", { bootstrap: ["memory://a"] }),
    ]);
    await ground.virtual.advance(10_000);
    expect(await a.address(Echo, b.id).call("who")).toBe("b");
    expect(await b.address(Echo, a.id).call("who")).toBe("a");
    expect(ground.events.get(a)?.filter(({ type }) => type === "connected").length).toBeLessThanOrEqual(1);
    expect(a.peer(b.id)?.state).toBe("open");
    expect(b.peer(a.id)?.state).toBe("open");
  });

  test("whoever is connected can be called at once, from either side", async () => {
    await using ground = new Ground();
    const answers: Promise<string>[] = [];
    const a = await ground.node("a");
    const calling = (node: NetworkNode): void => {
      node.on("connected", ({ member }) => answers.push(node.address(Echo, member.id).call("who")));
    };
    calling(a);
    for (const name of ["b", "c", "d"]) calling(await ground.node(name));
    await ground.virtual.advance(5000);
    expect((await Promise.all(answers)).length).toBeGreaterThanOrEqual(4);
  });

  test("a service is reached at one member, at each in turn, and at the same one for a key", async () => {
    await using ground = new Ground();
    const [a, b] = (await ground.cluster("a", "b", "c", "d")) as [NetworkNode, NetworkNode];
    expect(await a.address(Echo, b.id).call("who")).toBe("b");
    const any = a.address(Echo);
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await any.call("who"));
    expect(new Set(answers)).toEqual(new Set(["b", "c", "d"]));
    for (const key of ["one", "two", "three"]) {
      const keyed = a.address(Echo, { key });
      const first = await keyed.call("who");
      for (let i = 0; i < 3; i++) expect(await keyed.call("who")).toBe(first);
    }
  });

  test("a broadcast reaches all that offer the service", async () => {
    await using ground = new Ground();
    const [a] = (await ground.cluster("a", "b", "c")) as [NetworkNode];
    const { sent, failed } = await a.broadcast(Echo, "note", "hello");
    await ground.virtual.flush();
    expect(sent).toHaveLength(2);
    expect(failed).toEqual([]);
    expect(ground.notes.sort()).toEqual(["b: hello", "c: hello"]);
  });

  test("what nobody offers, and whom nobody knows, is an error", async () => {
    await using ground = new Ground();
    const [a] = (await ground.cluster("a", "b")) as [NetworkNode];
    const Other = defineService("other", { x: call<void, void>() });
    await expect(a.address(Other).call("x")).rejects.toMatchObject({ code: "no-provider" });
    await expect(a.address(Echo, "0".repeat(32)).call("who")).rejects.toMatchObject({ code: "member-unknown" });
  });

  test("a call that waits for a connection waits no longer than it may", async () => {
    await using ground = new Ground();
    const [a] = (await ground.cluster("a", "b")) as [NetworkNode];
    const [b] = a.members;
    a.peer(b?.id ?? "")?.abort("cut");
    await ground.nodes[1]?.abort();
    const late = a.address(Echo, b?.id ?? "").call("who", undefined, { timeoutMs: 1 });
    const given = expect(late).rejects.toBeInstanceOf(Error);
    await ground.virtual.advance(10_000);
    await given;
  });

  test("whoever leaves has left, and a call goes to those who are there", async () => {
    await using ground = new Ground();
    const [a, b] = (await ground.cluster("a", "b", "c")) as [NetworkNode, NetworkNode];
    await b.close({ graceMs: 10 });
    await ground.virtual.flush();
    expect(a.members.map(({ name }) => name)).toEqual(["c"]);
    expect(ground.events.get(a)?.some((event) => event.type === "left" && event.member.name === "b")).toBe(true);
    for (let i = 0; i < 3; i++) expect(await a.address(Echo).call("who")).toBe("c");
  });

  test("whoever is gone without a word is suspected at once, and has failed for all", async () => {
    await using ground = new Ground();
    const [a, b, c] = (await ground.cluster("a", "b", "c")) as [NetworkNode, NetworkNode, NetworkNode];
    await b.abort();
    await ground.virtual.advance(60_000);
    for (const node of [a, c]) {
      const types = ground.events.get(node)?.filter((event) => "member" in event && event.member.id === b.id);
      expect(types?.map(({ type }) => type)).toContain("suspected");
      expect(types?.at(-1)?.type).toBe("failed");
      expect(node.members).toHaveLength(1);
    }
  });

  test("a lost connection is made again", async () => {
    await using ground = new Ground();
    const [a, b] = (await ground.cluster("a", "b")) as [NetworkNode, NetworkNode];
    a.peer(b.id)?.abort("cut");
    await ground.virtual.advance(5000);
    expect(await a.address(Echo, b.id).call("who")).toBe("b");
    expect(await b.address(Echo, a.id).call("who")).toBe("a");
    expect(ground.events.get(a)?.some(({ type }) => type === "failed")).toBe(false);
  });

  test("what a member offers later is found, and what it withdraws is not", async () => {
    await using ground = new Ground();
    const [a, b] = (await ground.cluster("a", "b")) as [NetworkNode, NetworkNode];
    const Late = defineService("late", { x: call<void, number>() });
    b.provide(new ServiceMap().add(Late, { x: () => 7 }));
    await ground.virtual.advance(1000);
    expect(await a.address(Late).call("x")).toBe(7);
    b.withdraw(Late);
    await ground.virtual.advance(1000);
    await expect(a.address(Late).call("x")).rejects.toMatchObject({ code: "no-provider" });
  });
});

describe("where a node has begun", () => {
  test("services that do not fit into a member's record are not offered at all, and the others go on", async () => {
    await using ground = new Ground();
    const [a, b] = (await ground.cluster("a", "b")) as [NetworkNode, NetworkNode];
    const serviceOf = (name: string) => defineService(name, { x: call<void, number>() });
    const mapOf = (names: readonly string[]): ServiceMap => {
      const map = new ServiceMap();
      for (const name of names) map.add(serviceOf(name), { x: () => 7 });
      return map;
    };
    const tooMany = Array.from({ length: RECORD_SERVICES_MAX }, (_, index) => `s${index}`);
    const tooLong = Array.from({ length: 20 }, (_, index) => `${index}`.padStart(RECORD_TEXT_MAX, "x"));
    for (const names of [tooMany, tooLong]) {
      expect(() => b.provide(mapOf(names))).toThrow(expect.objectContaining({ code: "record-invalid" }));
      await ground.virtual.advance(1000);
      const peer = a.peer(b.id);
      await expect(peer?.address(serviceOf(names[0] ?? "")).call("x")).rejects.toMatchObject({
        code: "unknown-service",
      });
    }
    b.provide(mapOf(tooMany.slice(1)));
    await ground.virtual.advance(1000);
    expect(await a.address(serviceOf("s1")).call("x")).toBe(7);
    expect(b.withdraw(Echo)).toBe(true);
    expect(b.withdraw(Echo)).toBe(false);
    b.provide(mapOf(tooMany));
    await ground.virtual.advance(1000);
    expect(await a.address(serviceOf("s0")).call("x")).toBe(7);
  });

  test("a node whose network has died finds the next one there", async () => {
    await using ground = new Ground();
    const [a, b] = await ground.cluster("a", "b");
    await a?.abort();
    // Longer than the dead are remembered.
    await ground.virtual.advance(2 * 3_600_000);
    expect(b?.members).toEqual([]);
    expect(b?.member(a?.id ?? "")).toBeUndefined();
    const successor = await ground.node("a", { bootstrap: [] });
    await ground.virtual.advance(35_000);
    expect(b?.members.map(({ id }) => id)).toEqual([successor.id]);
  });

  test("somebody who was away when it began is found when it is there", async () => {
    await using ground = new Ground();
    const [a, b] = await ground.cluster("a", "b");
    const c = await ground.node("c", { bootstrap: ["memory://a", "memory://z"] });
    await ground.virtual.advance(5000);
    expect(c.members).toHaveLength(2);
    await ground.node("z", { bootstrap: [] });
    const d = await ground.node("d", { bootstrap: ["memory://z"] });
    await ground.virtual.advance(60_000);
    for (const node of [a, b, c, d]) expect(node?.members).toHaveLength(4);
  });

  test("somebody who is known is not dialled again", async () => {
    await using ground = new Ground();
    const a = await ground.node("a", { bootstrap: [] });
    const b = await ground.node("b");
    await ground.virtual.advance(5000);
    const peer = a.peer(b.id);
    await ground.virtual.advance(300_000);
    expect(a.peer(b.id)).toBe(peer);
    expect(ground.events.get(a)?.filter(({ type }) => type === "connected")).toHaveLength(1);
  });
});

describe("a node that is closed", () => {
  test("gives up what it is dialling", async () => {
    await using ground = new Ground();
    const accepted: Connection[] = [];
    let ended = 0;
    const mute = await (ground.transports[0] as Transport).listen("memory://mute", (connection) => {
      accepted.push(connection);
      connection.open({ received: () => {}, drained: () => {}, ended: () => {}, closed: () => void ended++ });
    });
    const opening = ground.node("x", { bootstrap: ["memory://mute"] });
    await ground.virtual.advance(6000);
    const node = await opening;
    while (accepted.length < 2) await ground.virtual.advance(100);
    const endedBefore = ended;
    await node.close({ graceMs: 0 });
    await ground.virtual.flush();
    expect(ended).toBe(endedBefore + 1);
    await ground.virtual.advance(60_000);
    expect(accepted).toHaveLength(2);
    await mute.close();
  });
});

describe("strangers", () => {
  test("another network, another secret, and the same key are refused with the reason", async () => {
    await using ground = new Ground();
    const identity = ground.identity();
    await ground.node("a", { secret: "open sesame", bootstrap: [] });
    await ground.node("b", { secret: "open sesame", identity });
    const refused = (options: Partial<NodeOptions>): Promise<unknown> =>
      ground.node("x", options).catch((e: unknown) => e);
    expect(await refused({ network: "other", secret: "open sesame" })).toMatchObject({ code: "network-mismatch" });
    expect(await refused({ secret: "open barley" })).toMatchObject({ code: "secret-mismatch" });
    expect(await refused({})).toMatchObject({ code: "secret-mismatch" });
    expect(await refused({ secret: "open sesame", identity })).toMatchObject({ code: "identity-taken" });
    expect(ground.nodes).toHaveLength(2);
  });

  test("whoever does not say who it is sees no services, and is sent away", async () => {
    await using ground = new Ground();
    await ground.node("a", { bootstrap: [] });
    const stranger = await connect("memory://a", { transports: ground.transports, clock: ground.clock });
    expect(stranger.remote.services).toEqual(["troupe.node"]);
    await ground.virtual.advance(5000);
    expect((await stranger.closed).code).not.toBe("local");
    expect(stranger.state).toBe("closed");
  });

  test("a node that dials itself does no harm", async () => {
    await using ground = new Ground();
    const a = await ground.node("a");
    expect(a.members).toEqual([]);
  });

  test("endpoints that others name are dialled within the rules only", async () => {
    const { cautious } = await import("./dial-policy.js");
    const tcp = { schemes: ["tcp", "ws"] } as never;
    const far = cautious([tcp], ["tcp://10.0.0.1:7000"]);
    const near = cautious([tcp], ["tcp://127.0.0.1:7000"]);
    expect(near("tcp://127.0.0.1:7001")).toBe(true);
    expect(far("tcp://10.0.0.2:7001")).toBe(true);
    for (const endpoint of [
      "tcp://127.0.0.1:7001",
      "tcp://localhost:7001",
      "tcp://[::1]:7001",
      "tcp://169.254.169.254:8080",
      "tcp://[fe80::1]:7001",
      "tcp://[::ffff:127.0.0.1]:7001",
      "tcp://0.0.0.0:7001",
      "tcp://224.0.0.1:7001",
      "tcp://255.255.255.255:7001",
      "tcp://0177.0.0.1:7001",
      "tcp://0251.0376.169.254:7001",
      "tcp://127.1:7001",
      "tcp://[0:0:0:0:0:0:0:1]:7001",
      "tcp://[0::1]:7001",
      "tcp://[0:0:0:0:0:ffff:7f00:1]:7001",
      "tcp://10.0.0.2:25",
      "tcp://metadata.internal:8080",
      "udp://10.0.0.2:7001",
      "unix:///run/docker.sock",
      "tcp://10.0.0.2",
      "nonsense",
    ]) {
      expect(far(endpoint), endpoint).toBe(false);
    }
  });
});

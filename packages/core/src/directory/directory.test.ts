// The index and its clients: leases, owners, quotas, and what clients do while it is away. Memory transport, virtual time.

import { describe, expect, test } from "vitest";
import { call, defineService } from "../actor/index.js";
import { link } from "../link/index.js";
import { connect, listen, ServiceMap, type Listener } from "../peer/index.js";
import { directoryStoreConformance, SeededRandom, SelfDrivenClock, VirtualClock } from "../testing/index.js";
import { memory } from "../transport/index.js";
import {
  Directory,
  DirectoryClient,
  DirectoryService,
  directoryServices,
  ENTRY_ENDPOINTS_MAX,
  ENTRY_SERVICES_MAX,
  ENTRY_TEXT_MAX,
  MemoryStore,
  uuidOf,
  type DirectoryLimits,
  type DirectoryStore,
} from "./index.js";

const HERE = "tcp://10.0.0.7:50000";

async function opened(limits: Partial<DirectoryLimits> = {}, store?: DirectoryStore) {
  const clock = new VirtualClock();
  const directory = await Directory.open({ clock, random: new SeededRandom(1), limits, ...(store && { store }) });
  return { clock, directory };
}

for (const { name, run } of directoryStoreConformance("memory", async () => {
  const store = new MemoryStore();
  return { open: async () => store };
})) {
  test(name, run);
}

describe("directory", () => {
  test("a registration is found under its UUID, with the address that it was seen at", async () => {
    const { directory } = await opened();
    const { entry, key, leaseMs } = await directory.register(
      {
        name: "printer",
        endpoints: ["tcp://0.0.0.0:7000", "ws://[::]:7001/a", "tcp://printer.local:7002"],
        services: ["print"],
      },
      HERE,
    );
    expect(entry).toEqual({
      uuid: uuidOf(key),
      name: "printer",
      endpoints: ["tcp://10.0.0.7:7000", "ws://10.0.0.7:7001/a", "tcp://printer.local:7002"],
      services: ["print"],
      observed: HERE,
      version: 1,
    });
    expect(entry.uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(leaseMs).toBe(60_000);
    expect(directory.query(entry.uuid)).toEqual(entry);
    expect(directory.query("nothing")).toBeUndefined();
    await directory.close();
  });

  test("an entry ends with its lease unless it is renewed, and whoever watches hears of it", async () => {
    const { directory, clock } = await opened();
    const { entry, key } = await directory.register({ leaseMs: 10_000 }, HERE);
    const watch = directory.watch(entry.uuid);
    expect((await watch.next()).value).toEqual(entry);
    await clock.advance(9000);
    expect(directory.renew(entry.uuid, key)).toBe(10_000);
    await clock.advance(9000);
    expect(directory.query(entry.uuid)).toEqual(entry);
    const ended = watch.next();
    await clock.advance(1000);
    expect(directory.query(entry.uuid)).toBeUndefined();
    expect((await ended).value).toBeNull();
    expect(() => directory.renew(entry.uuid, key)).toThrow(expect.objectContaining({ code: "unknown-entry" }));
    await watch.return?.();
    expect(directory.watched).toBe(0);
    await directory.close();
    expect(clock.pending).toBe(0);
  });

  test("only the owner renews, moves or removes an entry, and nobody else can claim its UUID", async () => {
    const { directory } = await opened();
    const { entry, key } = await directory.register({ name: "mine" }, HERE);
    const { uuid } = entry;
    const stranger = "ab".repeat(32);
    expect(() => directory.renew(uuid, stranger)).toThrow(expect.objectContaining({ code: "not-owner" }));
    await expect(directory.unregister(uuid, stranger)).rejects.toMatchObject({ code: "not-owner" });
    await expect(directory.register({ uuid, key: stranger }, HERE)).rejects.toMatchObject({ code: "not-owner" });
    const moved = await directory.register(
      { uuid, key, name: "mine", endpoints: ["tcp://0.0.0.0:1"] },
      "tcp://10.0.0.8:1",
    );
    expect(moved.entry).toMatchObject({ uuid, version: 2, endpoints: ["tcp://10.0.0.8:1"] });
    expect(await directory.unregister(uuid, key)).toBe(true);
    expect(await directory.unregister(uuid, key)).toBe(false);
    await expect(directory.register({ uuid, key: stranger }, HERE)).rejects.toMatchObject({ code: "not-owner" });
    expect((await directory.register({ key }, HERE)).entry.uuid).toBe(uuid);
    await directory.close();
  });

  test("entries are listed by service, page by page", async () => {
    const { directory } = await opened({ listMax: 10 });
    for (let i = 0; i < 25; i++) {
      await directory.register({ name: `${i}`, services: i % 5 === 0 ? ["odd", "all"] : ["all"] }, HERE);
    }
    const odd = directory.list({ service: "odd" });
    expect(odd.entries).toHaveLength(5);
    expect(odd.hasMore).toBe(false);
    const seen = [];
    let page = directory.list({ service: "all" });
    for (;;) {
      seen.push(...page.entries);
      if (!page.hasMore) break;
      page = directory.list({ service: "all", after: seen.at(-1)?.uuid ?? "" });
    }
    expect(new Set(seen.map(({ name }) => name)).size).toBe(25);
    expect(directory.list({ service: "none" })).toEqual({ entries: [], hasMore: false });
    await directory.close();
  });

  test("one address and all together have a limit", async () => {
    const { directory } = await opened({ entriesMax: 4, entriesPerAddressMax: 2 });
    const first = await directory.register({}, HERE);
    await directory.register({}, "tcp://10.0.0.7:50001");
    await expect(directory.register({}, HERE)).rejects.toMatchObject({ code: "quota-exceeded" });
    await directory.register({ key: first.key, name: "changed" }, HERE);
    await directory.register({}, "tcp://10.0.0.8:1");
    await directory.register({}, "tcp://10.0.0.9:1");
    await expect(directory.register({}, "tcp://10.0.0.10:1")).rejects.toMatchObject({ code: "directory-full" });
    await directory.unregister(first.entry.uuid, first.key);
    await directory.register({}, HERE);
    await directory.close();
  });

  test("of many that register at once no more are taken in than there is room for", async () => {
    const { directory } = await opened({ entriesMax: 3, entriesPerAddressMax: 2 });
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => directory.register({}, HERE)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
    expect(directory.size).toBe(2);
    await directory.register({}, "tcp://10.0.0.8:1");
    await directory.close();
  });

  test.each([
    [{ name: "x".repeat(257) }],
    [{ name: 5 }],
    [{ endpoints: "tcp://a:1" }],
    [{ endpoints: Array(9).fill("tcp://10.0.0.1:1") }],
    [{ endpoints: ["no endpoint"] }],
    [{ services: [""] }],
    [{ services: Array(129).fill("s") }],
    [{ leaseMs: 5 }],
    [{ leaseMs: Infinity }],
    [{ key: "short" }],
    [null],
  ])("the registration %j is refused", async (given) => {
    const { directory } = await opened();
    await expect(directory.register(given as never, HERE)).rejects.toMatchObject({ code: "registration-invalid" });
    expect(directory.size).toBe(0);
    await directory.close();
  });

  test("what the store does not keep is not there, and the rest goes on", async () => {
    let isFull = false;
    const store = new MemoryStore();
    const failing: DirectoryStore = {
      entries: () => store.entries(),
      put: (entry) => (isFull ? Promise.reject(new Error("no space")) : store.put(entry)),
      delete: (uuid) => store.delete(uuid),
      close: () => store.close(),
    };
    const { directory } = await opened({}, failing);
    const { entry, key } = await directory.register({ name: "before" }, HERE);
    isFull = true;
    await expect(directory.register({ key, name: "after" }, HERE)).rejects.toThrow("no space");
    await expect(directory.register({}, HERE)).rejects.toThrow("no space");
    expect(directory.query(entry.uuid)?.name).toBe("before");
    expect(directory.size).toBe(1);
    await directory.close();
  });

  test("a directory that is opened again has its entries, each with a whole lease", async () => {
    const store = new MemoryStore();
    const { directory } = await opened({}, store);
    const { entry } = await directory.register({ name: "kept", leaseMs: 5000 }, HERE);
    await directory.close();
    const again = await opened({}, store);
    expect(again.directory.query(entry.uuid)).toEqual(entry);
    await again.clock.advance(5000);
    expect(again.directory.size).toBe(0);
    await again.directory.close();
  });
});

const Printer = defineService("printer", { where: call<void, string>() });

/** A directory that can be killed, and clients of it. */
class Ground implements AsyncDisposable {
  readonly virtual = new VirtualClock();
  readonly clock = new SelfDrivenClock(this.virtual);
  readonly random = new SeededRandom(3);
  readonly transports = [memory({ isPrivate: true, clock: this.clock })];
  readonly #open: (() => Promise<unknown>)[] = [];
  listener: Listener | undefined;
  directory: Directory | undefined;

  async start(store: DirectoryStore = new MemoryStore(), limits: Partial<DirectoryLimits> = {}): Promise<void> {
    this.directory = await Directory.open({ store, limits, clock: this.clock, random: this.random });
    const services = directoryServices(this.directory);
    this.listener = await listen("memory://directory", { services, transports: this.transports, clock: this.clock });
  }

  async kill(): Promise<void> {
    await this.listener?.abort("killed");
    await this.directory?.close();
  }

  client(): DirectoryClient {
    const options = { clock: this.clock, random: this.random };
    const up = link("memory://directory", { transports: this.transports, ...options });
    const client = new DirectoryClient(up, options);
    this.#open.push(async () => {
      await client.close();
      await up.close();
    });
    return client;
  }

  async printer(name: string): Promise<Listener> {
    const services = new ServiceMap().add(Printer, { where: () => name });
    const listener = await listen(`memory://${name}`, { services, transports: this.transports, clock: this.clock });
    this.#open.push(() => listener.close());
    return listener;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = Promise.all(this.#open.map((close) => close()));
    await this.virtual.advance(20_000);
    await closing;
    await this.kill();
    await this.virtual.advance(20_000);
    expect(this.virtual.pending).toBe(0);
  }
}

describe("directory client", () => {
  test("an entry stays as long as its program, and goes with it", async () => {
    await using ground = new Ground();
    await ground.start();
    const client = ground.client();
    const own = await client.register({ name: "printer", services: ["printer"], leaseMs: 3000 });
    await ground.virtual.advance(60_000);
    expect(ground.directory?.query(own.uuid)?.name).toBe("printer");
    expect((await client.list({ service: "printer" })).entries).toHaveLength(1);
    await own.close();
    expect(ground.directory?.size).toBe(0);
  });

  test("a client goes on with what it knows while the directory is away, says so, and is registered again when it is back", async () => {
    await using ground = new Ground();
    await ground.start();
    const [one, two] = [ground.client(), ground.client()];
    const own = await one.register({ name: "printer", leaseMs: 3000 });
    expect(await two.query(own.uuid)).toMatchObject({ name: "printer", isStale: false });
    const seen: string[] = [];
    for (const type of ["away", "back"] as const) two.on(type, () => seen.push(type));
    await ground.kill();
    await ground.virtual.advance(6000);
    const asking = two.query(own.uuid);
    await ground.virtual.advance(2000);
    expect(await asking).toMatchObject({ name: "printer", isStale: true });
    expect(await two.query(own.uuid)).toMatchObject({ isStale: true });
    const unknown = expect(two.query("00000000-0000-8000-8000-000000000000")).rejects.toMatchObject({
      code: "directory-away",
    });
    await ground.virtual.advance(2000);
    await unknown;
    // It comes back, and remembers nothing.
    await ground.start();
    await ground.virtual.advance(60_000);
    expect(seen).toEqual(["away", "back"]);
    expect(ground.directory?.query(own.uuid)?.name).toBe("printer");
    expect(await two.query(own.uuid)).toMatchObject({ isStale: false });
  });

  test("an entry that is lost and not taken in again is told, each time", async () => {
    await using ground = new Ground();
    await ground.start();
    const client = ground.client();
    await client.register({ name: "printer", leaseMs: 3000 });
    const codes: unknown[] = [];
    client.on("renewalFailed", ({ error }) => codes.push((error as { code?: string }).code));
    await ground.kill();
    await ground.start(new MemoryStore(), { entriesMax: 0 });
    await ground.virtual.advance(60_000);
    expect(codes.filter((code) => code === "directory-full").length).toBeGreaterThan(5);
  });

  test("a link follows an entry when it moves", async () => {
    await using ground = new Ground();
    await ground.start();
    const [old, next] = [await ground.printer("old"), await ground.printer("next")];
    const owner = ground.client();
    const own = await owner.register({ endpoints: [old.endpoint] });
    const client = ground.client();
    const following = client.peerTo(own.uuid, {
      transports: ground.transports,
      clock: ground.clock,
      random: ground.random,
    });
    expect(await following.address(Printer).call("where")).toBe("old");
    await own.update({ endpoints: [next.endpoint] });
    await ground.virtual.advance(10_000);
    expect(await following.address(Printer).call("where")).toBe("next");
    await following.close();
  });

  test("an entry that is being registered while its client is closed is not left behind", async () => {
    await using ground = new Ground();
    await ground.start();
    const client = ground.client();
    const registering = client.register({ name: "printer" }).catch((error: unknown) => error);
    await client.close();
    await ground.virtual.advance(1000);
    expect(await registering).toMatchObject({ code: "closed" });
    expect(ground.directory?.size).toBe(0);
  });

  test("what a link was told of its entry ends with the link", async () => {
    await using ground = new Ground();
    await ground.start();
    const printer = await ground.printer("printer");
    const own = await ground.client().register({ endpoints: [printer.endpoint] });
    const following = ground.client().peerTo(own.uuid, {
      transports: ground.transports,
      clock: ground.clock,
      random: ground.random,
    });
    expect(await following.address(Printer).call("where")).toBe("printer");
    expect(ground.directory?.watched).toBe(1);
    await following.close();
    await ground.virtual.advance(1000);
    expect(ground.directory?.watched).toBe(0);
  });

  test("pages of the largest entries there can be go over a connection, and list every one of them", async () => {
    await using ground = new Ground();
    await ground.start();
    const { transports, clock } = ground;
    const endpoints = Array.from(
      { length: ENTRY_ENDPOINTS_MAX },
      (_, index) => `unix:///${"\u6f22".repeat(240)}${index}`,
    );
    for (const [count, length] of [
      [1000, 4],
      [60, ENTRY_TEXT_MAX],
    ] as const) {
      const services = Array.from({ length: ENTRY_SERVICES_MAX }, (_, index) => `${index}`.padStart(length, "\u6f22"));
      for (let i = 0; i < count; i++) await ground.directory?.register({ endpoints, services }, HERE);
    }
    const peer = await connect("memory://directory", { transports, clock });
    const listed = new Set<string>();
    let pages = 0;
    for (let after = "", hasMore = true; hasMore; pages++) {
      const page = await peer.address(DirectoryService).call("list", { after });
      for (const { uuid } of page.entries) listed.add(uuid);
      after = page.entries.at(-1)?.uuid ?? "";
      ({ hasMore } = page);
    }
    expect(listed.size).toBe(1060);
    expect(pages).toBeGreaterThan(2);
    await peer.close();
  });
});

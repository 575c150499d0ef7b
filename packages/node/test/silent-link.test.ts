// A link that is cut without a word: no end, no reset, only silence. Both sides notice within three heartbeats and a
// second, over every transport that has something in between that can fall silent.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock, type Peer } from "@troupe/core";
import { connect, listen } from "@troupe/node";
import { testCertificates } from "./every-transport.js";
import { program, thread } from "./program.js";

const HEARTBEAT_MS = 200;
const NOTICED_MS = 3 * HEARTBEAT_MS + 1000;

/** Passes bytes on between whoever connects and `target`, until it falls silent. */
async function proxy(target: { port: number; host: string } | { path: string }, at: { path: string } | { port: 0 }) {
  const sockets: Socket[] = [];
  let isSilent = false;
  const pass = (from: Socket, to: Socket): void => {
    from.on("data", (bytes) => void (isSilent || to.write(bytes)));
    from.on("error", () => {});
    from.on("close", () => void (isSilent || to.destroy()));
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const onward = connectSocket({ ...target, allowHalfOpen: true });
    sockets.push(socket, onward);
    pass(socket, onward);
    pass(onward, socket);
  });
  await new Promise<void>((resolve) => server.listen("path" in at ? at : { ...at, host: "127.0.0.1" }, resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { address: server.address(), fallSilent: () => void (isSilent = true) };
}

async function demandNoticed(...peers: Peer[]): Promise<void> {
  const since = systemClock.now();
  for (const peer of peers) expect(await peer.closed).toMatchObject({ by: "fault", code: "peer-silent" });
  expect(systemClock.now() - since).toBeLessThan(NOTICED_MS);
}

describe("a link that falls silent is noticed by both sides", () => {
  test.each(["tcp", "tls", "ws", "wss", "unix"])("over %s", async (scheme) => {
    const { ca, pair } = await testCertificates();
    const folder = await mkdtemp(join(tmpdir(), "troupe-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const isUnix = scheme === "unix";
    const options = { heartbeatMs: HEARTBEAT_MS };
    const listener = await listen(isUnix ? `unix://${folder}/real` : `${scheme}://127.0.0.1:0`, {
      ...options,
      tls: pair,
    });
    onTestFinished(() => listener.close());
    const { port } = new URL(listener.endpoint.replace(/^\w+/, "http"));
    const between = isUnix
      ? await proxy({ path: join(folder, "real") }, { path: join(folder, "proxy") })
      : await proxy({ port: Number(port), host: "127.0.0.1" }, { port: 0 });
    const endpoint = isUnix
      ? `unix://${folder}/proxy`
      : `${scheme}://127.0.0.1:${(between.address as AddressInfo).port}`;
    const accepted = listener[Symbol.asyncIterator]().next();
    const peer = await connect(endpoint, { ...options, tls: { ca } });
    const { value: other } = (await accepted) as IteratorYieldResult<Peer>;
    between.fallSilent();
    await demandNoticed(peer, other);
  });

  test("a worker that hangs is noticed by who started it", async () => {
    const worker = thread("worker-thread");
    const peer = await connect("worker://work", { worker, heartbeatMs: HEARTBEAT_MS });
    worker.postMessage("hang");
    await demandNoticed(peer);
  });
});

const why = networkNamespaces();
if (why !== undefined) console.log(`skipped: a network interface that is taken down (${why})`);

test.skipIf(why !== undefined)("a network interface that is taken down is noticed by both sides", async () => {
  const name = `troupe-${process.pid}`;
  const inside = ["netns", "exec", name];
  ip("netns", "add", name);
  onTestFinished(() => ip("netns", "del", name));
  ip("link", "add", `tr${process.pid}a`, "type", "veth", "peer", "name", `tr${process.pid}b`, "netns", name);
  ip("addr", "add", "10.203.0.1/30", "dev", `tr${process.pid}a`);
  ip("link", "set", `tr${process.pid}a`, "up");
  ip(...inside, "ip", "addr", "add", "10.203.0.2/30", "dev", `tr${process.pid}b`);
  ip(...inside, "ip", "link", "set", `tr${process.pid}b`, "up");
  const listener = await listen("tcp://10.203.0.1:0", { heartbeatMs: HEARTBEAT_MS });
  onTestFinished(() => listener.close());
  const accepted = listener[Symbol.asyncIterator]().next();
  const dialler = program(
    { name: "silent-dialler", within: ["ip", ...inside] },
    listener.endpoint,
    String(HEARTBEAT_MS),
  );
  expect(await dialler.line()).toBe("connected");
  const { value: peer } = (await accepted) as IteratorYieldResult<Peer>;
  const since = systemClock.now();
  ip("link", "set", `tr${process.pid}a`, "down");
  expect(await peer.closed).toMatchObject({ by: "fault", code: "peer-silent" });
  expect(await dialler.line()).toBe("peer-silent");
  expect(systemClock.now() - since).toBeLessThan(NOTICED_MS);
});

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: "pipe" });
}

/** Why network namespaces cannot be made here; undefined if they can. */
function networkNamespaces(): string | undefined {
  try {
    ip("netns", "add", `troupe-try-${process.pid}`);
    ip("netns", "del", `troupe-try-${process.pid}`);
    return undefined;
  } catch (error) {
    return (error as Error).message.split("\n")[0];
  }
}

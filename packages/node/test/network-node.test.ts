// Nodes in processes of their own: ten from one address, killed and started again under calls; one that is frozen; one key
// twice; a key in a file.

import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { call, defineService, ServiceMap } from "@troupe/core";
import { ed25519Signing, identityOf } from "@troupe/core/network";
import { createNode, identityFile, nodeSigning } from "@troupe/node";
import { program, type Program } from "./program.js";

const Who = defineService("who", { who: call<void, string>() });

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "nodes-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

async function started(running: Program): Promise<{ endpoint: string; id: string }> {
  const [, endpoint = "", id = ""] = (await running.line()).split(" ");
  return { endpoint, id };
}

test("ten nodes from one address go on while they are killed and come back", { timeout: 120_000 }, async () => {
  const keys = folder();
  await using observer = await createNode({ name: "0", network: "processes", listen: ["tcp://127.0.0.1:0"] });
  const [bootstrap = ""] = observer.endpoints;
  const start = (index: number): Program =>
    program("network-node", `${index}`, "tcp://127.0.0.1:0", bootstrap, join(keys, `${index}.key`));
  const programs = Array.from({ length: 9 }, (_, index) => start(index + 1));
  const ids = await Promise.all(programs.map(async (each) => (await started(each)).id));
  await expect.poll(() => observer.members.length, { timeout: 20_000 }).toBe(9);

  let answered = 0;
  const codes = new Set<unknown>();
  let isOver = false;
  const calling = (async () => {
    const who = observer.address(Who);
    while (!isOver) {
      await who.call("who", undefined, { timeoutMs: 5000 }).then(
        () => answered++,
        (error: unknown) => codes.add((error as { code?: string }).code),
      );
    }
  })();
  for (const index of [2, 5, 7]) {
    const before = answered;
    programs[index]?.process.kill("SIGKILL");
    await expect.poll(() => answered, { timeout: 10_000 }).toBeGreaterThan(before + 100);
    const again = start(index + 1);
    programs[index] = again;
    expect((await started(again)).id).toBe(ids[index]);
    await expect.poll(() => observer.peer(ids[index] ?? "")?.state, { timeout: 20_000 }).toBe("open");
  }
  await expect
    .poll(() => observer.members.filter(({ status }) => status === "alive").length, { timeout: 30_000 })
    .toBe(9);
  isOver = true;
  await calling;
  // What was under way at the one that was killed may have been executed, and says so.
  expect([...codes].filter((code) => code !== "connection-lost")).toEqual([]);
  for (const id of ids) expect(await observer.address(Who, id).call("who")).toBe(`${ids.indexOf(id) + 1}`);
});

test(
  "a frozen process is suspected and then dead, and is there again when it goes on",
  { timeout: 60_000 },
  async () => {
    await using observer = await createNode({
      name: "0",
      network: "processes",
      listen: ["tcp://127.0.0.1:0"],
      heartbeatMs: 500,
    });
    const running = program("network-node", "1", "tcp://127.0.0.1:0", observer.endpoints[0] ?? "");
    const { id } = await started(running);
    const seen: string[] = [];
    for (const type of ["suspected", "failed", "joined"] as const) {
      observer.on(type, ({ member }) => {
        if (member.id === id) seen.push(type);
      });
    }
    await expect.poll(() => observer.members.length, { timeout: 10_000 }).toBe(1);
    seen.length = 0;
    running.process.kill("SIGSTOP");
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual(["suspected", "failed"]);
    running.process.kill("SIGCONT");
    await expect.poll(() => seen.at(-1), { timeout: 20_000 }).toBe("joined");
    await expect.poll(() => observer.peer(id)?.state, { timeout: 20_000 }).toBe("open");
    expect(await observer.address(Who, id).call("who")).toBe("1");
  },
);

test("a key is kept in a file that only its owner reads, and is the same again", async () => {
  const path = join(folder(), "node.key");
  const made = await Promise.all([identityFile(path), identityFile(path), identityFile(path)]);
  expect(new Set(made.map(({ id }) => id)).size).toBe(1);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const bad = join(folder(), "bad.key");
  writeFileSync(bad, "not a key");
  await expect(identityFile(bad)).rejects.toMatchObject({ code: "identity-invalid" });
});

test("keys of Node and of JavaScript are the same keys", () => {
  const secretKey = Uint8Array.from({ length: 32 }, (_, index) => index);
  const bytes = new TextEncoder().encode("a message");
  expect(identityOf(secretKey, nodeSigning)).toEqual(identityOf(secretKey, ed25519Signing));
  const { publicKey } = identityOf(secretKey, nodeSigning);
  const signature = nodeSigning.sign(secretKey, bytes);
  expect(signature).toEqual(ed25519Signing.sign(secretKey, bytes));
  for (const signing of [nodeSigning, ed25519Signing]) {
    expect(signing.verify(publicKey, bytes, signature)).toBe(true);
    expect(signing.verify(publicKey, bytes.slice(1), signature)).toBe(false);
    expect(signing.verify(new Uint8Array(3), bytes, signature)).toBe(false);
    expect(signing.verify(publicKey, bytes, new Uint8Array(64).fill(255))).toBe(false);
  }
});

test("two programs with one key: the second is told so, and the first goes on", async () => {
  const identity = await identityFile(join(folder(), "one.key"));
  await using observer = await createNode({ name: "0", network: "twins", listen: ["tcp://127.0.0.1:0"] });
  const services = new ServiceMap().add(Who, { who: () => "first" });
  const options = { network: "twins", listen: ["tcp://127.0.0.1:0"], bootstrap: observer.endpoints, identity };
  await using first = await createNode({ ...options, services });
  await expect(createNode(options)).rejects.toMatchObject({ code: "identity-taken" });
  expect(await observer.address(Who, first.id).call("who")).toBe("first");
});

// Reliable UDP over paths that lose, and against datagrams that nobody should send.

import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { call, defineService, parseEndpoint, ServiceMap, stream, type Connection } from "@troupe/core";
import { connect, listen, udp } from "@troupe/node";
import {
  encodeHandshake,
  HANDSHAKE_BYTES,
  HandshakeKind,
  parseHandshake,
  type Handshake,
} from "../src/udp-handshake.js";
import { LossyRelay } from "./lossy-relay.js";

const Numbers = defineService("numbers", { to: stream<number, number>(), same: call<Uint8Array, Uint8Array>() });

async function provider() {
  const services = new ServiceMap().add(Numbers, {
    async *to(count) {
      for (let n = 1; n <= count; n++) yield n;
    },
    same: (bytes) => bytes,
  });
  const listener = await listen("udp://127.0.0.1:0", { services });
  onTestFinished(() => listener.abort());
  return listener;
}

test.each([
  [0.01, 10],
  [0.2, 5],
])("with a share of %d lost, everything arrives in order", { timeout: 60_000 }, async (loss, delayMs) => {
  const listener = await provider();
  const relay = await new LossyRelay({ loss, delayMs }).open(parseEndpoint(listener.endpoint).port ?? 0);
  onTestFinished(() => relay.close());
  const peer = await connect(relay.endpoint, { handshakeMs: 20_000 });
  const numbers = peer.address(Numbers);
  let expected = 0;
  for await (const n of numbers.stream("to", 5000)) expect(n).toBe(++expected);
  expect(expected).toBe(5000);
  const bytes = new Uint8Array(100_000).map((_, index) => index * 31);
  expect(await numbers.call("same", bytes, { timeoutMs: 40_000 })).toEqual(bytes);
  expect(relay.lost / (relay.lost + relay.passed)).toBeGreaterThan(loss / 2);
  peer.abort();
});

test("an answer of a handshake is never longer than its question, and a listener keeps nothing of those who only ask", async () => {
  const listener = await provider();
  const { port = 0 } = parseEndpoint(listener.endpoint);
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  const answers: Buffer[] = [];
  socket.on("message", (bytes) => answers.push(bytes));
  const ask = (bytes: Buffer): void => socket.send(bytes, port, "127.0.0.1");
  for (let n = 0; n < 200; n++) {
    const nonce = Buffer.alloc(8);
    nonce.writeUInt32LE(n);
    ask(encodeHandshake({ kind: HandshakeKind.ask, nonce, stream: n }));
    // Confirmed with a cookie that was never given, cut, too long, and of a kind that there is not.
    ask(encodeHandshake({ kind: HandshakeKind.confirm, nonce, stream: n, cookie: Buffer.alloc(16, n) }));
    ask(encodeHandshake({ kind: HandshakeKind.ask, nonce }).subarray(0, n % HANDSHAKE_BYTES));
    ask(Buffer.alloc(1000 + n));
    ask(encodeHandshake({ kind: 9 as never, nonce }));
  }
  await expect.poll(() => answers.length).toBe(200);
  expect(answers.every((bytes) => bytes.length <= HANDSHAKE_BYTES)).toBe(true);
  expect(answers.every((bytes) => parseHandshake(bytes)?.kind === HandshakeKind.cookie)).toBe(true);
  expect(listener.peers).toEqual([]);
  const peer = await connect(listener.endpoint);
  expect(await peer.address(Numbers).call("same", Uint8Array.of(1))).toEqual(Uint8Array.of(1));
  await peer.close();
});

test("who repeats the words of a connection that is over does not get another one", async () => {
  const accepted: Connection[] = [];
  const listener = await udp().listen("udp://127.0.0.1:0", (connection) => void accepted.push(connection));
  onTestFinished(() => listener.close());
  const { port = 0 } = parseEndpoint(listener.endpoint);
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  const answers: Handshake[] = [];
  socket.on("message", (bytes) => {
    const answer = parseHandshake(bytes);
    if (answer !== undefined) answers.push(answer);
  });
  const asked = async (bytes: Buffer): Promise<Handshake | undefined> => {
    socket.send(bytes, port, "127.0.0.1");
    await expect.poll(() => answers.length).toBe(1);
    return answers.pop();
  };
  const nonce = Buffer.alloc(8, 7);
  const cookie = (await asked(encodeHandshake({ kind: HandshakeKind.ask, nonce, stream: 5 })))?.cookie as Buffer;
  const confirm = encodeHandshake({ kind: HandshakeKind.confirm, nonce, stream: 5, cookie });
  const first = await asked(confirm);
  expect(first?.kind).toBe(HandshakeKind.accept);
  // The answer was lost: the same connection.
  expect(await asked(confirm)).toEqual(first);
  expect(accepted).toHaveLength(1);
  accepted[0]?.abort();
  expect((await asked(confirm))?.kind).toBe(HandshakeKind.refuse);
  expect(accepted).toHaveLength(1);
});

test.skipIf(process.platform === "win32")(
  "a listener that runs out of files says so, and takes in whoever asks when it has some",
  async () => {
    const script = fileURLToPath(new URL("fixtures/udp-out-of-files.ts", import.meta.url));
    const few = 'ulimit -n 160 && exec "$0" --conditions=troupe-source --import tsx "$1"';
    const { stdout } = await promisify(execFile)("sh", ["-c", few, process.execPath, script], { timeout: 25_000 });
    expect(JSON.parse(stdout)).toEqual({ dialCode: "connect-refused", told: ["accept-failed"], lateAccepted: 1 });
  },
);

// Certificates that must not be taken, over `tls://` and `wss://`: the connection comes to nothing, no byte of the
// application passes either way, and the error says which of them is wrong and why.

import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  call,
  defineService,
  ServiceMap,
  type Clock,
  type Connection,
  type Transport,
  type TransportError,
} from "@troupe/core";
import { VirtualClock } from "@troupe/core/testing";
import { connect, listen, tls, webSocket, type TlsOptions } from "@troupe/node";
import { Authority, selfSigned, type Pair } from "./certificates.js";

const authority = await Authority.create("Good CA");
const other = await Authority.create("Other CA");
const server = await authority.issue();
const client = await authority.issue({ name: "worker-7", hosts: ["worker-7.example"] });

const SCHEMES: Record<string, { make: (options: TlsOptions) => Transport; endpoint: string }> = {
  tls: { make: tls, endpoint: "tls://127.0.0.1:0" },
  wss: { make: (options) => webSocket({ tls: options }), endpoint: "wss://127.0.0.1:0/" },
};

/** What has become of one attempt to connect and to say something, each side as it saw it. */
interface Attempt {
  /** Why dialling failed, or why the connection ended that seemed to be open. */
  readonly dialled: TransportError | undefined;
  /** What whoever listens was told. */
  readonly refused: readonly TransportError[];
  readonly accepted: number;
  readonly bytes: number;
}

async function attempt(scheme: string, ofServer: TlsOptions, ofClient: TlsOptions): Promise<Attempt> {
  const { make, endpoint } = SCHEMES[scheme] as (typeof SCHEMES)[string];
  const refused: TransportError[] = [];
  let accepted = 0;
  let bytes = 0;
  const count = (piece: Uint8Array): void => void (bytes += piece.length);
  const ignored = { received: count, drained: () => {}, ended: () => {}, closed: () => {} };
  let told!: () => void;
  /** Whoever listens has refused it, or has been left by who dialled. */
  const isOver = new Promise<void>((resolve) => (told = resolve));
  const listener = await make(ofServer).listen(
    endpoint,
    (connection) => {
      accepted++;
      connection.open({ ...ignored, closed: told, ended: () => connection.close() });
      connection.write(new Uint8Array(100));
    },
    { onError: (error) => (refused.push(error), told()) },
  );
  onTestFinished(() => listener.close());
  let connection: Connection | undefined;
  let dialled = await make(ofClient)
    .connect(listener.endpoint)
    .then(
      (open) => ((connection = open), undefined),
      (error: TransportError) => error,
    );
  if (connection !== undefined) {
    const open = connection;
    dialled = await new Promise((resolve) => {
      open.open({ ...ignored, closed: resolve, ended: () => open.close() });
      open.write(new Uint8Array(100));
    });
  }
  await isOver;
  return { dialled, refused, accepted, bytes };
}

const BAD_SERVERS: Record<string, { pair: () => Promise<Pair>; code: string; words: RegExp }> = {
  "that has expired": {
    pair: () => authority.issue({ fromDays: -10, toDays: -1 }),
    code: "certificate-expired",
    words: /has expired/,
  },
  "that is not valid yet": {
    pair: () => authority.issue({ fromDays: 1, toDays: 2 }),
    code: "certificate-expired",
    words: /not valid yet/,
  },
  "that is self-signed": { pair: () => selfSigned(), code: "certificate-untrusted", words: /self-signed/ },
  "for another host": {
    pair: () => authority.issue({ hosts: ["elsewhere.example"] }),
    code: "certificate-mismatch",
    words: /another host/,
  },
  "from another authority": {
    pair: () => other.issue(),
    code: "certificate-untrusted",
    words: /authority that is not trusted/,
  },
};

describe.each(Object.keys(SCHEMES))("over %s", (scheme) => {
  test.each(Object.entries(BAD_SERVERS))("a server with a certificate %s is not dialled", async (_, bad) => {
    const outcome = await attempt(scheme, await bad.pair(), { ca: authority.ca });
    expect(outcome.dialled).toMatchObject({ code: bad.code });
    expect(outcome.dialled?.message).toMatch(bad.words);
    // In TLS 1.3 a server has a connection before its client has made up its mind, which then says nothing over it.
    expect(outcome.bytes).toBe(0);
  });

  const BAD_CLIENTS: Record<string, { options: () => Promise<TlsOptions>; code: string; words: RegExp }> = {
    "without a certificate": { options: async () => ({}), code: "certificate-missing", words: /no certificate/ },
    "whose certificate is from another authority": {
      options: () => other.issue(),
      code: "certificate-untrusted",
      words: /authority that is not trusted/,
    },
    "whose certificate is self-signed": {
      options: () => selfSigned(),
      code: "certificate-untrusted",
      words: /self-signed/,
    },
    "whose certificate has expired": {
      options: () => authority.issue({ fromDays: -10, toDays: -1 }),
      code: "certificate-expired",
      words: /has expired/,
    },
  };

  test.each(Object.entries(BAD_CLIENTS))("a client %s is not accepted where one is required", async (_, bad) => {
    const outcome = await attempt(
      scheme,
      { ...server, ca: authority.ca },
      { ...(await bad.options()), ca: authority.ca },
    );
    expect(outcome).toMatchObject({ accepted: 0, bytes: 0 });
    expect(outcome.refused).toMatchObject([{ code: bad.code }]);
    expect(outcome.refused[0]?.message).toMatch(bad.words);
    expect(outcome.dialled).toBeDefined();
  });

  test("where a certificate is optional, one may be left out, but one that is bad is refused", async () => {
    const options: TlsOptions = { ...server, ca: authority.ca, clients: "optional" };
    const { make, endpoint } = SCHEMES[scheme] as (typeof SCHEMES)[string];
    const listener = await listen(endpoint, { transports: [make(options)] });
    onTestFinished(() => listener.close());
    const peer = await connect(listener.endpoint, { tls: { ca: authority.ca } });
    expect(listener.peers[0]?.remote.identity).toBeUndefined();
    await peer.close();
    const outcome = await attempt(scheme, options, { ...(await other.issue()), ca: authority.ca });
    expect(outcome).toMatchObject({ accepted: 0, bytes: 0, refused: [{ code: "certificate-untrusted" }] });
  });

  test("verification holds although the environment says that it need not", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    onTestFinished(() => void vi.unstubAllEnvs());
    const outcome = await attempt(scheme, await selfSigned(), { ca: authority.ca });
    expect(outcome).toMatchObject({ dialled: { code: "certificate-untrusted" }, bytes: 0 });
  });

  test("each side learns who the other is, and a handler is told in its context", async () => {
    const WhoAmI = defineService("who-am-i", { name: call<void, string>(), fingerprint: call<void, string>() });
    const services = new ServiceMap().add(WhoAmI, {
      name: (_, { identity }) => identity?.name ?? "",
      fingerprint: (_, { peer }) => peer.remote.identity?.fingerprint ?? "",
    });
    const { endpoint } = SCHEMES[scheme] as (typeof SCHEMES)[string];
    const listener = await listen(endpoint, { services, tls: { ...server, ca: authority.ca } });
    onTestFinished(() => listener.close());
    await using peer = await connect(listener.endpoint, { tls: { ...client, ca: authority.ca } });
    expect(await peer.address(WhoAmI).call("name")).toBe("worker-7");
    expect(await peer.address(WhoAmI).call("fingerprint")).toMatch(/^[0-9a-f]{64}$/);
    expect(listener.peers[0]?.remote.identity).toMatchObject({
      altNames: ["DNS:worker-7.example"],
      issuer: "CN=Good CA",
    });
    expect(peer.remote.identity).toMatchObject({ name: "server", altNames: ["IP Address:127.0.0.1", "DNS:localhost"] });
  });

  test("a certificate that is renewed in its file is used from the next connection on, without a restart", async () => {
    const folder = await mkdtemp(join(tmpdir(), "troupe-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const cert = { file: join(folder, "cert.pem") };
    const key = { file: join(folder, "key.pem") };
    const put = async ({ cert: certText, key: keyText }: Pair): Promise<void> => {
      // As those who renew certificates do it: a whole file takes the place of another.
      for (const [{ file }, text] of [
        [cert, certText],
        [key, keyText],
      ] as const) {
        await writeFile(`${file}.new`, text);
        await rename(`${file}.new`, file);
      }
    };
    await put(server);
    const clock: Clock = new VirtualClock();
    const { make, endpoint } = SCHEMES[scheme] as (typeof SCHEMES)[string];
    const failures: Error[] = [];
    const listener = await listen(endpoint, { transports: [make({ cert, key, clock })] });
    listener.on("failed", ({ error }) => failures.push(error));
    onTestFinished(() => listener.close());
    const fingerprint = async (): Promise<string | undefined> => {
      await using peer = await connect(listener.endpoint, { tls: { ca: authority.ca } });
      return peer.remote.identity?.fingerprint;
    };
    const first = await fingerprint();
    await (clock as VirtualClock).advance(1000);
    expect(await fingerprint()).toBe(first);
    await put(await authority.issue());
    await (clock as VirtualClock).advance(1000);
    const second = await fingerprint();
    expect(second).not.toBe(first);
    // Half written, or of another key: the one before goes on.
    await writeFile(cert.file, "nonsense");
    await (clock as VirtualClock).advance(1000);
    expect(await fingerprint()).toBe(second);
    expect(failures).toMatchObject([{ code: "certificate-invalid" }]);
  });
});

test("a key that does not belong to its certificate is refused when the transport is made", async () => {
  const { key } = await authority.issue();
  expect(() => tls({ cert: server.cert, key })).toThrow(expect.objectContaining({ code: "certificate-invalid" }));
  expect(() => tls({ cert: { file: "/nowhere.pem" }, key })).toThrow(/nowhere\.pem/);
});

test("listening without a certificate rejects with certificate-missing", async () => {
  await expect(listen("tls://127.0.0.1:0")).rejects.toMatchObject({ code: "certificate-missing" });
  await expect(listen("wss://127.0.0.1:0")).rejects.toMatchObject({ code: "certificate-missing" });
});

test("a client that speaks no TLS, and a server that does not, are told so", async () => {
  const listener = await listen("tls://127.0.0.1:0", { tls: server });
  onTestFinished(() => listener.close());
  const failed = new Promise<Error>((resolve) => listener.on("failed", ({ error }) => resolve(error)));
  await expect(connect(listener.endpoint.replace("tls:", "tcp:"))).rejects.toThrow();
  expect(await failed).toMatchObject({ code: "handshake-failed" });
  const plain = await listen("tcp://127.0.0.1:0");
  onTestFinished(() => plain.close());
  const attempt = connect(plain.endpoint.replace("tcp:", "tls:"), { tls: { ca: authority.ca } });
  await expect(attempt).rejects.toMatchObject({ code: "handshake-failed" });
});

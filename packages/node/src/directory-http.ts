// The HTTP face of a directory: JSON for programs that speak nothing else. The address that is recorded is that of the socket.
//
//   POST   /entries                register            201 { entry, key, leaseMs }
//   GET    /entries?service=…      list                200 { entries, hasMore }
//   GET    /entries/UUID           query               200 entry
//   GET    /entries/UUID/changes   watch               200 text/event-stream
//   PUT    /entries/UUID           change or renew     200 { entry, leaseMs }     Authorization: Bearer KEY
//   DELETE /entries/UUID           unregister          204                        Authorization: Bearer KEY

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { isTroupeError, systemClock, TransportError } from "@troupe/core";
import { DirectoryError, type Directory, type Registration } from "@troupe/core/network";

/** The longest body of a request, in bytes. */
export const HTTP_BODY_BYTES_MAX: number = 16 * 1024;
/** How many connections are held at once. */
export const HTTP_CONNECTIONS_MAX = 10_000;
/** How long a request may take to come, in milliseconds. */
export const HTTP_REQUEST_MS = 10_000;
/** How often somebody who watches is told that nothing has changed, so that a dead connection is noticed, in milliseconds. */
const COMMENT_MS = 15_000;
/** How long a connection may be without a byte in either direction, in milliseconds. */
const IDLE_MS = 2 * COMMENT_MS;
/** How many requests of one connection wait to be answered; one that sends more is cut. */
const REQUESTS_WAITING_MAX = 64;

const STATUS: Readonly<Record<string, number>> = {
  "registration-invalid": 400,
  "request-invalid": 400,
  "not-owner": 403,
  "key-missing": 401,
  "unknown-entry": 404,
  "path-unknown": 404,
  "method-not-allowed": 405,
  "body-too-long": 413,
  "quota-exceeded": 429,
  "directory-full": 503,
  "store-failed": 503,
  closed: 503,
};

/** Where a directory is served over HTTP. */
export interface ServeDirectoryOptions {
  /** `127.0.0.1` unless given. */
  readonly host?: string;
  /** One that is free unless given. */
  readonly port?: number;
  /** How long a request may take to come, in milliseconds. `HTTP_REQUEST_MS` unless given. */
  readonly requestMs?: number;
}

/** A directory's HTTP face. Made by `serveDirectory`. */
export interface DirectoryHttp {
  /** Where it is, the port resolved: `http://127.0.0.1:41234`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves a directory over HTTP.
 *
 * @throws TransportError `address-in-use` and the like.
 */
export async function serveDirectory(
  directory: Directory,
  { host = "127.0.0.1", port = 0, requestMs = HTTP_REQUEST_MS }: ServeDirectoryOptions = {},
): Promise<DirectoryHttp> {
  const server = createServer({
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    keepAliveTimeout: 5000,
    connectionsCheckingInterval: requestMs / 10,
  });
  server.maxConnections = HTTP_CONNECTIONS_MAX;
  // Also whoever has connected and says nothing at all.
  server.timeout = IDLE_MS;
  server.on("request", (request, response) => {
    inTurn(request, response, () =>
      answer(directory, request, response).catch((error: unknown) => refuse(request, response, error)),
    );
  });
  server.on("clientError", (_error, socket) => {
    if (socket.writable)
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", () => socket.destroy());
  });
  await listening(server, host, port);
  const { address, port: bound, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The last answer of each connection, and how many requests wait for it to be over. */
const lastAnswers = new WeakMap<Socket, { over: Promise<unknown>; waiting: number }>();

/** Requests behind each other on one connection are answered one after the other: an answer is made when the one before has left. */
function inTurn({ socket }: IncomingMessage, response: ServerResponse, run: () => Promise<void>): void {
  const last = lastAnswers.get(socket) ?? { over: Promise.resolve(), waiting: 0 };
  lastAnswers.set(socket, last);
  if (++last.waiting > REQUESTS_WAITING_MAX) return void socket.destroy();
  const left = new Promise((resolve) => response.once("close", resolve));
  last.over = last.over.then(async () => {
    if (!socket.destroyed) {
      await run();
      await left;
    }
    last.waiting--;
  });
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const endpoint = `http://${host}:${port}`;
      const code = error.code === "EADDRINUSE" ? "address-in-use" : "listen-failed";
      reject(new TransportError(code, `${endpoint}: ${error.message}`, endpoint, { cause: error }));
    });
    server.listen(port, host, () => resolve());
  });
}

async function answer(directory: Directory, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = urlOf(request);
  const [, root, uuid, changes, ...rest] = url.pathname.split("/");
  if (root !== "entries" || rest.length > 0 || (changes !== undefined && changes !== "changes")) throw notFound();
  const method = request.method ?? "";
  if (uuid === undefined || uuid === "") {
    if (method === "GET") return say(response, 200, directory.list(queryOf(url.searchParams)));
    if (method !== "POST") throw notAllowed(method);
    return say(response, 201, await directory.register((await registrationOf(request)) ?? {}, observed(request)));
  }
  if (method === "GET") {
    const entry = directory.query(uuid);
    if (changes !== undefined) return watch(directory, uuid, request, response);
    if (entry === undefined) throw new DirectoryError("unknown-entry", `there is no entry ${uuid}`);
    return say(response, 200, entry);
  }
  if (changes !== undefined) throw notAllowed(method);
  if (method === "DELETE") {
    await directory.unregister(uuid, keyOf(request));
    response.writeHead(204).end();
    return;
  }
  if (method !== "PUT") throw notAllowed(method);
  const key = keyOf(request);
  const said = await registrationOf(request);
  if (said === undefined) return say(response, 200, { leaseMs: directory.renew(uuid, key) });
  const { entry, leaseMs } = await directory.register({ ...said, key, uuid }, observed(request));
  return say(response, 200, { entry, leaseMs });
}

function urlOf({ url = "/" }: IncomingMessage): URL {
  try {
    return new URL(url, "http://directory");
  } catch (error) {
    throw new DirectoryError("request-invalid", "the path is none", { cause: error });
  }
}

function queryOf(parameters: URLSearchParams): Parameters<Directory["list"]>[0] {
  const [service, after, limit] = ["service", "after", "limit"].map((name) => parameters.get(name) ?? undefined);
  if (limit !== undefined && !/^\d{1,6}$/.test(limit))
    throw new DirectoryError("request-invalid", "limit must be a number");
  return {
    ...(service !== undefined && { service }),
    ...(after !== undefined && { after }),
    ...(limit !== undefined && { limit: Number(limit) }),
  };
}

function observed({ socket }: IncomingMessage): string {
  const { remoteAddress = "", remotePort = 0 } = socket;
  const host = remoteAddress.replace(/^::ffff:/, "");
  return `tcp://${host.includes(":") ? `[${host}]` : host}:${remotePort}`;
}

function keyOf({ headers }: IncomingMessage): string {
  const key = /^Bearer ([0-9a-f]{64})$/.exec(headers.authorization ?? "")?.[1];
  if (key === undefined) throw new DirectoryError("key-missing", "give the owner's key: Authorization: Bearer KEY");
  return key;
}

/** Undefined without a body. */
async function registrationOf(request: IncomingMessage): Promise<Registration | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > HTTP_BODY_BYTES_MAX) {
      throw new DirectoryError("body-too-long", `a body has at most ${HTTP_BODY_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  if (bytes === 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (error) {
    throw new DirectoryError("request-invalid", "the body is no JSON", { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DirectoryError("request-invalid", "the body must be an object");
  }
  return value;
}

/** Server-sent events: the entry now and whenever it changes, null where there is none. */
async function watch(
  directory: Directory,
  uuid: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { socket } = request;
  const entries = directory.watch(uuid);
  let wake = (): void => {};
  const end = (): void => {
    void entries.return?.();
    wake();
  };
  // Of requests behind each other only the connection tells that nobody waits any more.
  socket.once("close", end);
  if (socket.destroyed) end();
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  let cancel = (): void => {};
  const comment = (): void => {
    cancel = systemClock.schedule(COMMENT_MS, () => {
      response.write(":\n\n");
      comment();
    });
  };
  comment();
  try {
    for await (const entry of entries) {
      // Whoever does not read gets the newest when there is room again.
      if (!response.write(`data: ${JSON.stringify(entry)}\n\n`)) {
        if (socket.destroyed) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
          response.once("drain", resolve);
        });
      }
    }
  } finally {
    cancel();
    socket.off("close", end);
    response.end();
  }
}

function say(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response
    .writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) })
    .end(text);
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const code = isTroupeError(error) ? error.code : "internal";
  const message = isTroupeError(error) ? error.message : "the directory has failed";
  const isUnread = !request.complete;
  if (isUnread) response.setHeader("connection", "close");
  say(response, STATUS[code] ?? 500, { code, message });
  if (isUnread) request.resume();
}

function notFound(): DirectoryError {
  return new DirectoryError("path-unknown", "there is /entries and /entries/UUID");
}

function notAllowed(method: string): DirectoryError {
  return new DirectoryError("method-not-allowed", `${method} is not possible here`);
}

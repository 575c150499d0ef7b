// Unix sockets: endpoints are `unix:///path/of/a/file`.
//
// A program that was killed leaves its file behind, which nobody can listen on until it is gone. It is removed only
// when nobody answers on it; two programs that find the same file do not remove each other's.

import { chmod, link, lstat, readFile, rename, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { isMainThread } from "node:worker_threads";
import {
  dialCancelled,
  endpointInvalid,
  parseEndpoint,
  systemClock,
  systemRandom,
  TransportError,
  type Connection,
  type TransportConnectOptions,
  type Transport,
  type TransportListener,
  type TransportListenOptions,
} from "@troupe/core";
import { SocketConnection, socketOptions } from "./socket-connection.js";
import { handOver, SocketListener, untilListening, untilOpen } from "./socket-dial.js";
import { addressInUse, listenFailed } from "./socket-error.js";

/** Who may connect unless a mode is given: only the user whose program listens. */
export const UNIX_MODE = 0o600;

/** The longest path in bytes: what the address of a Unix socket holds on every system, with the zero at its end. */
export const UNIX_PATH_BYTES_MAX = 103;

const MODE_BITS = 0o777;

/** Unlike TCP, the system does not wait when too many dial at once: it is asked again, after so many milliseconds. */
const BUSY_WAIT_MS = 10;
const BUSY_ATTEMPTS_MAX = 200;

/** What Unix sockets are like. */
export interface UnixOptions {
  /** Who may connect: the mode of the file that is listened on. See `UNIX_MODE`. */
  readonly mode?: number;
  /** See `SOCKET_BUFFER_BYTES`. */
  readonly bufferBytes?: number;
}

/** Makes the transport whose endpoints are `unix:///path`. */
export function unix(options: UnixOptions = {}): Transport {
  return new UnixTransport(options);
}

class UnixTransport implements Transport {
  readonly schemes: readonly string[] = ["unix"];
  readonly #options: ReturnType<typeof socketOptions>;
  readonly #mode: number;

  constructor({ mode = UNIX_MODE, bufferBytes }: UnixOptions) {
    if (!Number.isInteger(mode) || mode < 0 || mode > MODE_BITS) {
      throw new TransportError("option-invalid", "the mode of a Unix socket must be from 0 to 0o777", "unix://");
    }
    this.#options = socketOptions(bufferBytes);
    this.#mode = mode;
  }

  async connect(endpoint: string, { signal }: TransportConnectOptions = {}): Promise<Connection> {
    const path = pathOf(endpoint);
    if (signal?.aborted === true) throw dialCancelled(endpoint, signal);
    for (let attempt = 1; ; attempt++) {
      const dialling = connect({ ...this.#options, path }).pause();
      try {
        return connectionOver(await untilOpen(dialling, "connect", endpoint, signal), path);
      } catch (error) {
        if (!isBusy(error) || attempt === BUSY_ATTEMPTS_MAX) throw error;
      }
      await new Promise<void>((resolve) => systemClock.schedule(BUSY_WAIT_MS, resolve));
    }
  }

  async listen(
    endpoint: string,
    accept: (connection: Connection) => void,
    options: TransportListenOptions = {},
  ): Promise<TransportListener> {
    const path = pathOf(endpoint);
    const server = await this.#listening(endpoint, path);
    const take = (socket: Socket): void => handOver(connectionOver(socket, path), accept);
    return new SocketListener(`unix://${path}`, server, take, options);
  }

  async #listening(endpoint: string, path: string): Promise<Server> {
    try {
      return await this.#bound(endpoint, path);
    } catch (error) {
      if ((error as TransportError).code !== "address-in-use") throw error;
      const unlock = await locked(endpoint, path);
      try {
        await removeStale(endpoint, path);
        return await this.#bound(endpoint, path);
      } finally {
        await unlock();
      }
    }
  }

  async #bound(endpoint: string, path: string): Promise<Server> {
    const server = createServer({ ...this.#options, pauseOnConnect: true });
    // The file comes into being within the call, and nobody may slip in before its mode is set. Threads have no umask; where there is
    // one it is enough, and the file may be aside for a moment, with somebody who looks whether it is stale.
    const umask = isMainThread ? process.umask(MODE_BITS & ~this.#mode) : undefined;
    const listening = untilListening(server, { path }, endpoint);
    if (umask !== undefined) process.umask(umask);
    await listening;
    if (umask === undefined) await chmod(path, this.#mode);
    return server;
  }
}

/**
 * Only one program at a time may take the place of a socket that is stale. Whoever comes meanwhile is told that somebody listens, as
 * is about to be true; a lock whose owner is no more is taken over.
 *
 * @throws TransportError `address-in-use`
 */
async function locked(endpoint: string, path: string): Promise<() => Promise<void>> {
  const lock = `${path}.lock`;
  const mine = `${path}.${systemRandom.bytes(4).join("")}.lock`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      // With its owner's number in it from the first moment on.
      await writeFile(mine, `${process.pid}`, { flag: "wx", mode: 0o600 });
      await link(mine, lock).finally(() => rm(mine, { force: true }));
      return () => rm(lock, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw listenFailed(endpoint, error as Error);
    }
    const owner = Number(await readFile(lock, "utf8").catch(() => ""));
    if (owner > 0 && isRunning(owner)) throw addressInUse(endpoint);
    await rm(lock, { force: true });
  }
  throw addressInUse(endpoint);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Removes the file of a program that is no more. @throws TransportError `address-in-use`, `listen-failed` */
async function removeStale(endpoint: string, path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    throw listenFailed(endpoint, new Error("there is a file of that name, and it is no socket"));
  }
  if (await isAnswered(path)) throw addressInUse(endpoint);
  // Taken aside first: what is there now may be the socket of somebody who found the same file.
  const aside = join(dirname(path), `.${systemRandom.bytes(2).join("")}`);
  const isTaken = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!isTaken) return;
  if (await isAnswered(aside)) {
    await link(aside, path).catch(() => undefined);
    await rm(aside, { force: true });
    throw addressInUse(endpoint);
  }
  await rm(aside, { force: true });
}

/** Whether somebody listens there; what cannot be told, because it may not be asked, counts as yes. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}

function connectionOver(socket: Socket, path: string): Connection {
  const endpoint = `unix://${path}`;
  // Without a word: the system tells the other side's next write, and the probe after an end.
  return new SocketConnection(socket, {
    remoteEndpoint: endpoint,
    localEndpoint: endpoint,
    reset: (each) => void each.destroy(),
  });
}

/** Whether more have dialled than the system keeps waiting for whoever listens. */
function isBusy(error: unknown): boolean {
  return ((error as TransportError).cause as NodeJS.ErrnoException | undefined)?.code === "EAGAIN";
}

function pathOf(endpoint: string): string {
  const { scheme, host, port, path } = parseEndpoint(endpoint);
  if (scheme !== "unix" || host !== "" || port !== undefined || !path.startsWith("/") || path.endsWith("/")) {
    throw endpointInvalid(endpoint, "it should look like unix:///path/of/a/file");
  }
  if (Buffer.byteLength(path) > UNIX_PATH_BYTES_MAX) {
    throw endpointInvalid(endpoint, `its path is longer than ${UNIX_PATH_BYTES_MAX} bytes, all that a system takes`);
  }
  return path;
}

// Beacons over UDP: sent on every interface by broadcast and multicast, and heard on one port that all participants of a
// machine share.

import { createSocket, type Socket } from "node:dgram";
import { networkInterfaces, type NetworkInterfaceInfo } from "node:os";
import { systemClock } from "@troupe/core";
import { BEACON_BYTES, BEACON_PORT, type BeaconPort } from "@troupe/core/network";

/** Where beacons are sent by multicast: of the range that an organisation may use as it likes. */
export const BEACON_GROUP = "239.255.84.82";
/** How many datagrams a second are looked at; those beyond are dropped unread, so that a flood costs next to nothing. */
export const BEACONS_PER_SECOND_MAX = 2000;
/** How many of those from one address, so that a flood from there leaves room for the others. */
export const BEACONS_PER_ADDRESS_MAX = 200;
/** How often interfaces are looked at again, in milliseconds. */
const INTERFACES_MS = 5000;

/** Where beacons go. */
export interface BeaconOptions {
  readonly port?: number;
  /** Whether this machine's own interface is used as well, so that participants of one machine find each other. */
  readonly loopback?: boolean;
}

/** Opens a port for beacons. Resolves with nothing where UDP cannot be had. */
export async function beaconPort(options: BeaconOptions = {}): Promise<BeaconPort | undefined> {
  const { port = BEACON_PORT, loopback = true } = options;
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ port, exclusive: false }, () => {
        socket.off("error", reject);
        resolve();
      });
    });
  } catch {
    socket.close();
    return undefined;
  }
  return new UdpBeacons(socket, port, loopback);
}

class UdpBeacons implements BeaconPort {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #loopback: boolean;
  /** By the address of the interface, each with a socket that sends from there. */
  readonly #senders = new Map<string, { readonly socket: Socket; readonly broadcast: string }>();
  #lookedAt = -Infinity;
  #second = 0;
  #heard = 0;
  /** In this second, by address. */
  readonly #heardFrom = new Map<string, number>();
  #isClosed = false;

  constructor(socket: Socket, port: number, loopback: boolean) {
    this.#socket = socket;
    this.#port = port;
    this.#loopback = loopback;
    // Errors of UDP are about a datagram that was lost, and beacons may be lost.
    socket.on("error", () => {});
    this.#look();
  }

  send(beacon: Uint8Array): void {
    if (this.#isClosed) return;
    this.#look();
    for (const { socket, broadcast } of this.#senders.values()) {
      for (const target of [broadcast, BEACON_GROUP]) {
        try {
          socket.send(beacon, this.#port, target, () => {});
        } catch {
          // The interface is gone; it is looked at again soon.
        }
      }
    }
  }

  open(received: (bytes: Uint8Array, host: string) => void): void {
    this.#socket.on("message", (bytes, { address }) => {
      if (bytes.length !== BEACON_BYTES || !this.#mayHear(address)) return;
      received(bytes, address);
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
    // What was sent last, the goodbye, is still to leave.
    for (const { socket } of this.#senders.values())
      socket.send(new Uint8Array(0), 9, "127.0.0.1", () => socket.close());
  }

  #mayHear(address: string): boolean {
    const second = Math.floor(systemClock.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#heard = 0;
      this.#heardFrom.clear();
    }
    if (this.#heard >= BEACONS_PER_SECOND_MAX) return false;
    const heardFrom = (this.#heardFrom.get(address) ?? 0) + 1;
    if (heardFrom > BEACONS_PER_ADDRESS_MAX) return false;
    this.#heardFrom.set(address, heardFrom);
    this.#heard++;
    return true;
  }

  /** Interfaces come and go. */
  #look(): void {
    const now = systemClock.now();
    if (now - this.#lookedAt < INTERFACES_MS) return;
    this.#lookedAt = now;
    const found = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter(({ family, internal }) => family === "IPv4" && (this.#loopback || !internal));
    const addresses = new Set(found.map(({ address }) => address));
    for (const [address, { socket }] of this.#senders) {
      if (addresses.has(address)) continue;
      this.#senders.delete(address);
      socket.close();
    }
    for (const each of found) if (!this.#senders.has(each.address)) this.#add(each);
  }

  #add(info: NetworkInterfaceInfo): void {
    const { address } = info;
    const socket = createSocket({ type: "udp4", reuseAddr: true });
    socket.on("error", () => {});
    this.#senders.set(address, { socket, broadcast: broadcastOf(info) });
    socket.bind({ address, port: 0 }, () => {
      try {
        socket.setBroadcast(true);
        socket.setMulticastInterface(address);
        socket.setMulticastTTL(1);
        socket.setMulticastLoopback(true);
      } catch {
        // It does not do multicast: broadcast has to be enough.
      }
    });
    try {
      this.#socket.addMembership(BEACON_GROUP, address);
    } catch {
      // The same.
    }
  }
}

/** The directed broadcast address of an interface: 255.255.255.255 needs a default route. */
function broadcastOf({ address, netmask, internal }: NetworkInterfaceInfo): string {
  if (internal) return "127.255.255.255";
  const parts = netmask.split(".").map(Number);
  return address
    .split(".")
    .map((part, index) => Number(part) | (~(parts[index] ?? 255) & 0xff))
    .join(".");
}

// Participants with what Node has: a Unix socket for the programs of a host, TCP between hosts, UDP for beacons and for values.

import { mkdirSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { systemRandom } from "@troupe/core";
import * as network from "@troupe/core/network";
import { beaconPort, type BeaconOptions } from "./beacon-port.js";
import { reachable } from "./network-node.js";
import { tcp } from "./tcp.js";
import { udp } from "./udp.js";
import { unix } from "./unix.js";

/** Who a participant is, and whom it finds. Everything has a default. */
export interface NodeParticipantOptions {
  readonly name?: string;
  /** Participants of different domains do not see each other. `default` unless given. */
  readonly domain?: string;
  /** The folder of the socket where the programs of this host meet. One for each user and domain unless given. */
  readonly folder?: string;
  /** The address that other hosts reach this one at. All of them unless given; `127.0.0.1` keeps everything on this machine. */
  readonly host?: string;
  /** Beacons, or none. */
  readonly beacons?: BeaconOptions | false;
  /** Participants to dial without having heard of them, such as `tcp://10.0.0.7:5671`. */
  readonly known?: readonly string[];
  /** The port on which other participants dial this one. One that is free unless given. */
  readonly port?: number;
  /** Whether values may come by reliable UDP. True unless given; TCP is used where it does not go through. */
  readonly udp?: boolean;
}

/**
 * Starts a participant: the first program of a host speaks for it, and those that come later join that one.
 *
 * @example
 * const Pose = defineTopic<{ x: number; y: number }>("pose");
 * const participant = await startParticipant();
 * const poses = participant.publisher(Pose);
 * await poses.publish({ x: 1, y: 2 });
 * for await (const { value, missed } of participant.subscribe(Pose)) console.log(value, missed);
 */
export async function startParticipant(options: NodeParticipantOptions = {}): Promise<network.Participant> {
  const { name, domain = "default", host = "0.0.0.0", beacons, known = [], port = 0, udp: mayUdp = true } = options;
  const folder = options.folder ?? join(tmpdir(), `troupe-${userInfo().uid}`, domain.replace(/[^\w.-]/g, "_"));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = Buffer.from(systemRandom.bytes(8)).toString("hex");
  return network.startParticipant({
    transports: [unix(), tcp(), udp()],
    ...(name !== undefined && { name }),
    domain,
    localEndpoint: `unix://${join(folder, "participant.sock")}`,
    adminEndpoint: `tcp://${host}:${port}`,
    dataEndpoints: [`unix://${join(folder, `${own}.sock`)}`, ...(mayUdp ? [`udp://${host}:0`] : []), `tcp://${host}:0`],
    advertise: reachable,
    beacons: async () => (beacons === false ? undefined : beaconPort(beacons)),
    known,
  });
}

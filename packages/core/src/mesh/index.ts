export { AddError, Disconnected, Full, MeshError, NotFound, SendError, type Envelope } from "./error.js";
export { type ReceiveOptions } from "./incoming-queue.js";
export { MESH_HEARTBEATS_MISSED_MAX, MESH_LIMITS, type MeshLimits } from "./limits.js";
export {
  Mesh,
  type MeshCloseOptions,
  type MeshControl,
  type MeshEvent,
  type MeshIncoming,
  type MeshLoss,
  type MeshOptions,
  type MeshOutgoing,
} from "./mesh.js";
export { type MeshStats } from "./mesh-connection.js";
